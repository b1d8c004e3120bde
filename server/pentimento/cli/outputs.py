"""Files that a command makes: their places are tried before the work, they appear whole or not at
all, and what can't be written where it was wanted is kept elsewhere, never lost."""

from __future__ import annotations

import os
import stat
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import typer

from pentimento.cli.speech import say
from pentimento.core.errors import BadInput, PentimentoError

KEPT = "kept"  # folder in the data folder for what could not be written
TRIED = 4096  # bytes; a full disk has no room for them


def check(path: Path) -> None:
    """Raises BadInput for a place where no file can be written."""
    try:
        if not _is_plain(path):
            return
        _try(_target(path).parent)
    except IsADirectoryError as error:
        raise BadInput(
            "bad_request", f"{path} is a folder.", "Give the name of a file in it."
        ) from error
    except FileNotFoundError as error:
        folder = _target(path).parent
        raise BadInput(
            "bad_request", f"The folder {folder} does not exist.", "Make it first."
        ) from error
    except OSError as error:
        raise _refused(path, error) from error


def check_folder(path: Path) -> None:
    """The same for a folder of files, which is made where there is none."""
    if not os.path.exists(path):
        check(path)
    elif not os.path.isdir(path):
        raise BadInput("bad_request", f"{path} is a file.", "Give the name of a folder.")
    else:
        check(path / "stage.png")


@dataclass(slots=True)
class Outputs:
    """Those of one command. `kept` has what lies elsewhere than it was wanted, with the reason."""

    data_dir: Path
    kept: list[tuple[Path, Path, str]] = field(default_factory=list)

    def write(self, path: Path, data: bytes) -> Path:
        """Where the file is. Raises not_written where it can be kept nowhere."""
        try:
            write(path, data)
            return path
        except OSError as problem:
            reason = _reason(problem)
        for folder in (self.data_dir / KEPT, Path(tempfile.gettempdir()), Path.home()):
            refuge = folder / f"{uuid.uuid4().hex[:8]}-{path.name[-60:]}"
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                write(refuge, data)
            except OSError:
                continue
            self.kept.append((path, refuge, reason))
            return refuge
        raise PentimentoError(
            "not_written",
            f"{path} cannot be written: {reason}. There was no other place for it either.",
            "Free some space, then run the command again.",
        )

    def finish(self) -> None:
        """Says what lies elsewhere, and ends the command with code 1 if anything does."""
        for path, refuge, reason in self.kept:
            say(f"pentimento: {path} cannot be written: {reason}.", err=True)
            say(f"It was kept as {refuge}.", err=True)
        if self.kept:
            raise typer.Exit(1)


def write(path: Path, data: bytes) -> None:
    """Whole or not at all. Links are followed; into devices and pipes it is written as it comes."""
    if not _is_plain(path):
        path.write_bytes(data)
        return
    target = _target(path)
    part = _part(target.parent)
    try:
        part.write_bytes(data)
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _target(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _is_plain(path: Path) -> bool:
    """Whether a file is, or would be, at this place; not a device or a pipe."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return True
    if stat.S_ISDIR(mode):
        raise IsADirectoryError
    return stat.S_ISREG(mode)


def _part(folder: Path) -> Path:
    return folder / f".{uuid.uuid4().hex[:12]}.part"


def _try(folder: Path) -> None:
    part = _part(folder)
    try:
        part.write_bytes(bytes(TRIED))
    finally:
        part.unlink(missing_ok=True)


def _refused(path: Path, error: OSError) -> BadInput:
    return BadInput(
        "bad_request", f"{path} cannot be written: {_reason(error)}.", "Choose another place."
    )


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
