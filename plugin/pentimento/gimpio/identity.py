"""Which layer or image a record means: names of their own that are saved and copied with them.

GIMP's tattoos are counted in each image anew, so that in another image the same number is some
other layer. A copy of a layer has its name too; in one image the tattoos tell the two apart.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Optional, Tuple

from gi.repository import Gimp

if TYPE_CHECKING:
    from records import LayerReference

NAME = "pentimento-id"
FLAGS = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE


class Ledger:
    """The names that one action's record uses. Items that have none yet get theirs only with
    `write`, as a part of the undo step that places the result."""

    def __init__(self) -> None:
        self._new: Dict[Tuple[type, int], Tuple[Any, str]] = {}

    def name_of(self, item: Any) -> str:
        kept = name_of(item)
        if kept:
            return kept
        return self._new.setdefault(_key(item), (item, uuid.uuid4().hex))[1]

    def adopt(self, item: Any, name: str) -> None:
        """Gives an item that has no name one by which it was called before, if any."""
        if name and not name_of(item):
            self._new[_key(item)] = (item, name)

    def reference(self, layer: Any) -> LayerReference:
        return {"id": self.name_of(layer), "tattoo": layer.get_tattoo()}

    @property
    def new(self) -> bool:
        """Whether one of its items has no name in the image yet."""
        there = (item for item, _name in self._new.values() if item.is_valid())
        return any(not name_of(item) for item in there)

    def write(self) -> None:
        """Items that are gone by now are left out: nothing can be found by them any more."""
        for item, name in self._new.values():
            if item.is_valid():
                item.attach_parasite(Gimp.Parasite.new(NAME, FLAGS, name.encode("ascii")))


def _key(item: Any) -> Tuple[type, int]:
    return Gimp.Image if isinstance(item, Gimp.Image) else Gimp.Item, item.get_id()


def name_of(item: Any) -> str:
    """The name of a layer or an image; an empty one where it has none."""
    parasite = item.get_parasite(NAME)
    if parasite is None:
        return ""
    return (
        bytes(value & 255 for value in parasite.get_data()).rstrip(b"\0").decode("ascii", "replace")
    )


def is_image(image: Any, name: str) -> bool:
    """Whether this is the image of that name, or a copy of it. Old records name none."""
    return not name or name_of(image) == name


def find(layers: Iterable[Any], reference: Any) -> Optional[Any]:
    """The layer that a record means; None where it is not there, or can't be told from its copy.
    A number is the tattoo that records of older versions hold: whoever follows one has to see for
    himself that the layer is the right one."""
    layers = list(layers)
    if isinstance(reference, int):
        return _only([layer for layer in layers if layer.get_tattoo() == reference])
    found = [layer for layer in layers if name_of(layer) == reference["id"]]
    if len(found) > 1:
        found = [layer for layer in found if layer.get_tattoo() == reference["tattoo"]]
    return _only(found)


def _only(found: List[Any]) -> Optional[Any]:
    return found[0] if len(found) == 1 else None
