"""Files of wildcards: `<data-dir>/wildcards/NAME.txt`, one entry a line, also in folders in it.

Names are looked up in the list of what is there and never become part of a path.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from pentimento.core import plain_files
from pentimento.core.errors import BadInput, NotFound, field_error

FOLDER = "wildcards"
SUFFIX = ".txt"
COMMENT = "#"
LARGEST = 8 * 2**20  # bytes of a file
DEEPEST = 8  # folders
MOST_FILES = 10_000
NEAR = 5  # names told of, for one that is not known

OWN = "They lie in the folder wildcards of the data folder; \\__ is the sign itself."


class Wildcards:
    """Looks at the disk on each call, so that a file that is added or changed is there at once."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = Path(data_dir) / FOLDER

    def names(self) -> list[str]:
        """Of all files, with the folders they lie in: `animals/birds`."""
        return sorted(self._files())

    def lines(self, name: str) -> Sequence[str]:
        """The entries of a file, whatever the capitals of its name. Raises NotFound where there is
        none, BadInput for one that is empty, too large or no text."""
        files = self._files()
        plain = {known.casefold(): file for known, file in files.items()}
        file = files.get(name) or plain.get(name.strip().casefold())
        if file is None:
            raise self._unknown(name, sorted(files))
        try:
            stat = file.stat()
            if stat.st_size > LARGEST:
                raise _unusable(name, f"it is larger than {LARGEST // 2**20} MiB")
            found = _entries(file, stat.st_size, stat.st_mtime_ns)
        except UnicodeDecodeError:
            raise _unusable(name, "it is no text in UTF-8") from None
        except OSError as error:
            raise _unusable(name, f"it cannot be read ({plain_files.reason(error)})") from None
        if not found:
            raise _unusable(name, "it has no entries")
        return found

    def _files(self) -> dict[str, Path]:
        """Links out of the folder are not followed."""
        found: dict[str, Path] = {}
        for place, folders, files in os.walk(self.folder):
            here = Path(place)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            if len(here.relative_to(self.folder).parts) >= DEEPEST:
                folders.clear()
            for file in sorted(here / name for name in files if name.lower().endswith(SUFFIX)):
                if file.name.startswith(".") or not plain_files.is_inside(file, self.folder):
                    continue
                name = file.relative_to(self.folder).as_posix()[: -len(SUFFIX)]
                found[name] = file
                if len(found) >= MOST_FILES:
                    return found
        return found

    def _unknown(self, name: str, known: Sequence[str]) -> NotFound:
        near = difflib.get_close_matches(name, known, NEAR, cutoff=0.5)
        told = ", ".join(near or known[:NEAR])
        more = len(known) - NEAR if not near else 0
        there = f"There are {told}{f' and {more} more' if more > 0 else ''}."
        if not known:
            there = f"Put {name}.txt with one entry a line into the folder {FOLDER}."
        return NotFound(
            "wildcard_not_found",
            f"The prompt draws from “__{name}__”, and there is no such file of wildcards.",
            f"{there} {OWN}",
            details=field_error("prompt", "names an unknown wildcard"),
        )


@lru_cache(maxsize=64)
def _entries(file: Path, size: int, mtime_ns: int) -> tuple[str, ...]:
    """Remembered until the file changes."""
    text = plain_files.read(file, LARGEST).decode("utf-8-sig")
    if "\0" in text:
        raise UnicodeDecodeError("utf-8", b"", 0, 0, "NUL is no text")
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith(COMMENT))


def _unusable(name: str, why: str) -> BadInput:
    return BadInput(
        "bad_request",
        f"The file of wildcards “{name}” cannot be used: {why}.",
        "It takes one entry a line, in UTF-8.",
        details=field_error("prompt", "names a wildcard without entries"),
    )
