"""Which files an agent may see and make: pictures in the folders that the person allowed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pentimento.core.errors import BadInput


class AllowedFolders:
    """`allowed` are folders that exist; the data folder is never one of them, nor in one, for keys
    and consents are kept there."""

    def __init__(self, allowed: Sequence[Path], data_dir: Path) -> None:
        self.allowed = [Path(os.path.realpath(folder)) for folder in allowed]
        self._data = Path(os.path.realpath(data_dir))

    def inside(self, name: str) -> Path:
        """The file of that name, links followed. Raises BadInput for one that is elsewhere; a
        relative name counts from the first folder."""
        if not self.allowed:
            raise BadInput(
                "file_refused",
                "No folder is allowed here.",
                "The person who started this can allow one: `pentimento mcp --folder FOLDER`. "
                "Pictures can be sent as image content, too.",
                status=403,
            )
        try:
            path = Path(os.path.realpath(self.allowed[0] / Path(name).expanduser()))
        except (ValueError, RuntimeError, OSError):  # NUL, an unknown home
            raise BadInput("file_refused", "This is no name of a file.", status=403) from None
        within = any(path.is_relative_to(folder) for folder in self.allowed)
        if not within or path.is_relative_to(self._data):
            raise BadInput(
                "file_refused",
                f"{name} is not in an allowed folder.",
                f"Allowed are {', '.join(str(folder) for folder in self.allowed)}.",
                status=403,
            )
        return path

    def existing(self, name: str) -> Path:
        path = self.inside(name)
        if not path.is_file():
            raise BadInput("bad_image", f"There is no file {name}.", "Check the name.")
        return path

    def new(self, name: str) -> Path:
        """A place for a new file. Raises BadInput where something is already: what a person has is
        never replaced."""
        path = self.inside(name)
        if os.path.lexists(path):
            raise BadInput(
                "file_refused",
                f"{name} exists, and nothing is replaced.",
                "Choose another name.",
                status=403,
            )
        return path
