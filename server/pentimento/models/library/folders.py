"""Folders of other programs whose models are listed too, and never changed: which they are
(`<data-dir>/folders.json`), and of which program each is."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pentimento.core import plain_files
from pentimento.core.errors import BadInput, Conflict, NotFound
from pentimento.core.files import write_private
from pentimento.models.library.disk import Look
from pentimento.models.library.places import FILE_LIMIT, LAYOUTS, Added, Place, hub_of, places

FILE = "folders.json"
AUTO = "auto"
MOST_FOLDERS = 32


class Folders:
    """What is added is there at once."""

    def __init__(self, data_dir: Path, look: Look | None = None) -> None:
        self._file = Path(data_dir) / FILE
        self._look = look or Look()

    def list(self) -> Sequence[Added]:
        """Raises BadInput where the file that says so cannot be read."""
        try:
            return self._look.read("folders", self._file, self._kept, sure=True)
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(
                "bad_request",
                f"The list of folders in {self._file} cannot be read.",
                "Delete that file, and add the folders again with `pentimento models folders add`.",
            ) from error

    def add(self, path: Path, kind: str = AUTO) -> Added:
        """Raises BadInput, Conflict."""
        added = checked(path, kind)
        known = [folder for folder in self.list() if folder.path != added.path]
        if len(known) != len(self.list()):
            raise Conflict("folder_exists", f"{added.path} is in the list already.")
        self.keep([*known, added])
        return added

    def remove(self, path: Path) -> None:
        """Takes it off the list and leaves the folder as it is. Raises NotFound."""
        path = Path(os.path.abspath(path.expanduser()))
        left = [folder for folder in self.list() if folder.path != path]
        if len(left) == len(self.list()):
            raise NotFound(
                "folder_not_found",
                f"{path} is not in the list.",
                "`pentimento models folders list` shows it.",
            )
        self.keep(left)

    def keep(self, folders: Sequence[Added]) -> None:
        """The whole list. Raises BadInput for too many."""
        if len(folders) > MOST_FOLDERS:
            raise BadInput("bad_request", f"No more than {MOST_FOLDERS} folders can be added.")
        told = [{"path": str(folder.path), "kind": folder.kind} for folder in folders]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_private(self._file, json.dumps(told, indent=2).encode())

    def places(self) -> tuple[Place, ...]:
        """Nothing where the list cannot be read: `pentimento doctor` says so, and our own models
        stay usable."""
        try:
            folders = self.list()
        except BadInput:
            return ()
        return tuple(place for folder in folders for place in places(folder, self._look))

    def count(self, folder: Added) -> int:
        """How many things are found in it."""
        return len(places(folder, self._look))

    def _kept(self) -> Sequence[Added]:
        kept: Any = json.loads(plain_files.read(self._file, FILE_LIMIT))
        return [Added(Path(entry["path"]), _known(entry["kind"])) for entry in kept]


def checked(path: Path, kind: str = AUTO) -> Added:
    """The folder with the program that it is of. Raises BadInput."""
    path = Path(os.path.abspath(path.expanduser()))
    if not plain_files.is_folder(path):
        raise BadInput("bad_request", f"{path} is not a folder.", "Give the path of a folder.")
    if path == path.parent:
        raise BadInput("bad_request", "The whole disk cannot be added.", "Give a folder on it.")
    return Added(path, detect(path) if kind == AUTO else _known(kind))


def detect(path: Path) -> str:
    """Whose folder it is, by what lies in it; "plain" where nothing tells."""
    if hub_of(path):
        return "huggingface"
    for kind in ("invokeai", "a1111", "comfyui"):
        if any(os.path.exists(path / mark) for mark in LAYOUTS[kind].marks):
            return kind
    return "plain"


def _known(kind: Any) -> str:
    if kind not in LAYOUTS:
        raise BadInput(
            "bad_request",
            f"“{kind}” is no kind of folder.",
            f"Choose one of {AUTO}, {', '.join(LAYOUTS)}.",
        )
    return str(kind)
