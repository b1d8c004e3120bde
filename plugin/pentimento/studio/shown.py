"""The result that is on the canvas and not decided about yet: another one takes its place, until it
is kept or discarded. The first one is one undo step; choosing among the others, and the tries that
follow at the same place, are none: one undo gives back what was there before the first."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

from errors import NotPossible
from gimpio import layers, metadata, pixels, pose, sources
from i18n import _
from studio.results import DISCARDED, KEPT, Made
from turning import STRAIGHT
from wire import Box

if TYPE_CHECKING:
    from records import Placed


class _Try:
    """One layer on trial, with what tells whether a person has worked on it since."""

    def __init__(self, layer: Any, made: Made, index: int) -> None:
        self.layer, self.made, self.index = layer, made, index
        self.stamp = _stamp(layer)

    def is_untouched(self) -> bool:
        return bool(self.stamp == _stamp(self.layer))


class Shown:
    """The tries of all images, by the image's id."""

    def __init__(self) -> None:
        self._tries: Dict[int, _Try] = {}

    def layer_in(self, image: Any) -> Optional[Any]:
        """The layer on trial in an image."""
        if image is None or not image.is_valid():
            return None
        found = self._tries.get(image.get_id())
        return found.layer if found and found.layer in sources.tree(image) else None  # not undone

    def where(self, image: Any) -> Tuple[Optional[Made], int]:
        """Which results are on trial in an image, and which of them is seen."""
        if self.layer_in(image) is None:
            return None, 0
        found = self._tries[image.get_id()]
        return found.made, found.index

    def show(self, made: Made, index: int) -> Placed:
        """Puts a result on the canvas, in place of the one that is on trial at the same spot unless
        somebody has worked on that. Gives the return values of layers.Place.put."""
        place = made.results.place
        image = place.image
        old = self._replaced(image, made)
        made.marks.pop(index, None)
        made.kept.pop(index, None)
        if old is not None and _can_take_over(old.made, made):
            picture, mask = made.shelf.picture(index), made.results.mask
            if old.made is made:
                layers.exchange(image, old.layer, picture, place.box)
            else:
                layers.take_over(image, old.layer, picture, place, mask)
            layers.show_unrecorded(image, old.layer, True)
            self._tries[image.get_id()] = _Try(old.layer, made, index)
            return {"layers": [old.layer], "image": image}
        if old is None:
            return self._put(made, index)
        with layers.one_undo_step(image):
            placed = self._put(made, index)
            image.remove_layer(old.layer)
        return placed

    def _replaced(self, image: Any, made: Made) -> Optional[_Try]:
        if self.layer_in(image) is None:
            return None
        old = self._tries[image.get_id()]
        return old if old.made.spot == made.spot and old.is_untouched() else None

    def _put(self, made: Made, index: int) -> Placed:
        results = made.results
        placed = results.place.put([made.shelf.picture(index)], results.mask, True, results.story)
        if placed["image"] == results.place.image and not results.place.destination.new_image:
            self._tries[results.place.image.get_id()] = _Try(placed["layers"][0], made, index)
        return placed

    def keep(self, image: Any) -> bool:
        """The try becomes an ordinary layer; False where there is none."""
        if self.layer_in(image) is None:
            return False
        found = self._tries.pop(image.get_id())
        layers.show_unrecorded(image, found.layer, True)
        found.made.marks[found.index], found.made.kept[found.index] = KEPT, found.layer
        return True

    def keep_in_place(self, image: Any, older: Any) -> None:
        """The try takes the place of a result that was kept: where that lies now, in its group, as
        it is blended. One undo step, which gives both back. Raises NotPossible where that was
        scaled, cropped, or turned in another way than the try."""
        layer = self.layer_in(image)
        if layer is None:
            return
        x, y = _in_place_of(older, layer)
        found = self._tries[image.get_id()]
        layers.show_unrecorded(image, layer, True)
        with layers.one_undo_step(image):
            position = image.get_item_position(older)
            if not image.reorder_item(layer, older.get_parent(), position):
                raise layers.not_inserted()
            layer.set_offsets(x, y)
            layer.set_opacity(older.get_opacity())
            layer.set_mode(older.get_mode())
            layer.set_visible(older.get_visible())
            image.remove_layer(older)
            image.set_selected_layers([layer])
        del self._tries[image.get_id()]
        found.made.marks[found.index], found.made.kept[found.index] = KEPT, layer

    def keep_above(self, image: Any, below: Any) -> None:
        """The try becomes an ordinary layer directly above another item, in the group that this is
        in: one undo step. Raises NotPossible where GIMP takes no layer there."""
        layer = self.layer_in(image)
        if layer is None:
            return
        layers.show_unrecorded(image, layer, True)
        position = image.get_item_position(below)
        if layer.get_parent() == below.get_parent() and image.get_item_position(layer) < position:
            position -= 1  # without the layer itself
        with layers.one_undo_step(image):
            if not image.reorder_item(layer, below.get_parent(), position):
                raise layers.not_inserted()
        found = self._tries.pop(image.get_id())
        found.made.marks[found.index], found.made.kept[found.index] = KEPT, layer

    def discard(self, image: Any) -> bool:
        layer = self.layer_in(image)
        if layer is None:
            return False
        found = self._tries.pop(image.get_id())
        found.made.marks[found.index] = DISCARDED
        layers.show_unrecorded(image, layer, True)
        with layers.one_undo_step(image):
            image.remove_layer(layer)
        return True

    def compare(self, image: Any, original: bool) -> bool:
        """Shows the original as long as it is asked for."""
        layer = self.layer_in(image)
        if layer is None:
            return False
        layers.show_unrecorded(image, layer, not original)
        return True


def _in_place_of(older: Any, layer: Any) -> Tuple[int, int]:
    """Where the try belongs, in px of the canvas: as far from the older result as both were made
    from each other. What was done to the whole image was done to both. Raises NotPossible."""
    made, new = _made_at(older), _made_at(layer)
    now = sources.extent(older)
    if made == new and now == sources.extent(layer) and now[2:] != made[2:]:
        return now.x, now.y  # cropped, scaled or turned with the image
    first, second = _pose(older), _pose(layer)
    same = first and second and first.turn == second.turn and first.is_whole and second.is_whole
    if not same or first is None or (first.turn != STRAIGHT and made != new):
        raise NotPossible(
            _("The earlier result was scaled, turned or cropped since."),
            _("Keep the new one as a layer of its own."),
            "moved_since",
        )
    return first.box.x + new.x - made.x, first.box.y + new.y - made.y


def _made_at(layer: Any) -> Box:
    record = metadata.read(layer)
    return Box.from_rect(record["box"]) if record is not None else sources.extent(layer)


def _pose(layer: Any) -> Optional[pose.Pose]:
    """How a result lies now; None where nobody can tell."""
    record = metadata.read(layer)
    try:
        return pose.of(layer, record, lambda: None) if record is not None else None
    except NotPossible:
        return None


def _can_take_over(old: Made, new: Made) -> bool:
    """Whether a result of `new` can go into a layer of `old` without a step of its own: where it
    changes nothing but that layer."""
    if old is new:
        return True
    first, second = old.results, new.results
    place = second.place
    if place.destination != first.place.destination or place.before is not None:
        return False
    return first.story is None and second.story is None and place.has_all_names


def _stamp(layer: Any) -> Tuple[Any, ...]:
    """Everything of a layer that a person may have changed."""
    mask = layer.get_mask()
    parts = [_numbers(layer)] + ([_numbers(mask)] if mask is not None else [])
    place, locked = sources.extent(layer), pixels.is_locked(layer)
    return (*parts, place, layer.get_opacity(), layer.get_mode(), locked)


def _numbers(drawable: Any) -> bytes:
    whole = Box(0, 0, drawable.get_width(), drawable.get_height())
    return hashlib.blake2b(pixels.read_stored(drawable, whole).data).digest()
