"""Where the pictures of the panel's results are while they are not seen: not in memory, since there
may be hundreds of them. Nothing here needs GIMP."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import replace
from typing import Any, List, Optional, Sequence, Tuple


class Shelf:
    """Pictures (gimpio.layers.Picture) in a file in `folder` that has no name and is gone when this
    is, or the process. Without a folder, or where the disk takes nothing, they stay in memory."""

    def __init__(self, pictures: Sequence[Any], folder: Optional[str] = None) -> None:
        self._pictures: List[Any] = list(pictures)
        self._places: List[Tuple[int, int]] = []  # in the file: where each begins, and its bytes
        self._file: Any = None
        if folder is not None:
            with suppress(OSError):
                self._put_away(folder)

    def __len__(self) -> int:
        return len(self._pictures)

    def name(self, index: int) -> str:
        return str(self._pictures[index].name)

    def picture(self, index: int) -> Any:
        kept = self._pictures[index]
        if self._file is None:
            return kept
        place, length = self._places[index]
        self._file.seek(place)
        data = self._file.read(length)
        if len(data) != length:
            raise OSError(f"{length - len(data)} bytes of a picture are gone")
        return replace(kept, pixels=replace(kept.pixels, data=data))

    def _put_away(self, folder: str) -> None:
        file: Any = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        places = []
        try:
            for one in self._pictures:
                places.append((file.tell(), file.write(one.pixels.data)))
            file.flush()
        except OSError:
            file.close()
            raise
        self._file, self._places = file, places
        emptied = [replace(one, pixels=replace(one.pixels, data=b"")) for one in self._pictures]
        self._pictures = emptied
