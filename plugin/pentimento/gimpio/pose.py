"""How a result's layer lies now against how it was made: moved, cropped, flipped, turned, scaled.

GIMP tells nobody what was done to an image. What a layer looks like tells it: the record keeps a
small picture of the result, and the server the result itself, in which a cropped layer is looked
for pixel by pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, List, Optional

from errors import NotPossible
from gimpio import layers, pixels, prints, sources
from i18n import _
from turning import STRAIGHT, TURNS, Turn
from wire import Box, Pixels

if TYPE_CHECKING:
    from records import LayerRecord

ALIKE = 16.0  # mean difference of prints of the same picture, painted on or scaled
SEARCHED_ROWS = 9  # of a cropped layer: a row that was painted on is not found
SEARCHED_PLACES = 64  # where a row is found, as in plain areas
EACH = 4  # bytes of a pixel as pictures are compared


@dataclass(frozen=True)
class Pose:
    """Of a result that was made as `width` x `height`: `part` of it is left, was turned by `turn`
    and fills the `box` of the canvas now, which is a part of the layer or all of it."""

    width: int
    height: int
    part: Box
    turn: Turn
    box: Box

    @property
    def is_whole(self) -> bool:
        """Nothing of it was cut off, and it is as large as it was made."""
        return self.turn.size(self.width, self.height) == self.box[2:] and self.part == Box(
            0, 0, self.width, self.height
        )

    @property
    def is_scaled(self) -> bool:
        return self.turn.size(*self.part[2:]) != self.box[2:]


def straight(width: int, height: int, box: Box) -> Pose:
    return Pose(width, height, Box(0, 0, width, height), STRAIGHT, box)


def of(layer: Any, record: LayerRecord, fetch: Callable[[], Optional[Pixels]]) -> Pose:
    """Where the result of this record lies. `fetch` gives the result as it was made, None where
    nobody has it any more. Raises NotPossible for what cannot be followed."""
    extent, made = sources.extent(layer), Box.from_rect(record["box"])
    known = prints.read(record.get("print"))
    if known is None:  # of an older version: as it lies, as far as its size tells
        return straight(extent.width, extent.height, extent)
    box = _content(layer, made)
    if box[2:] in (made[2:], made[2:][::-1]):
        return _of_the_same_size(layer, made, known, box)
    if prints.is_opaque(known) and _lost_corners(layer) > 1:
        raise _not_followed()
    whole = Box(0, 0, made.width, made.height)
    cropped = _cropped(layer, made, fetch)
    if cropped is not None:
        return cropped
    turn, far = _best(layer, extent, known, TURNS)
    if far > ALIKE:
        raise _not_followed()
    return Pose(made.width, made.height, whole, turn, extent)


def _not_followed() -> NotPossible:
    return NotPossible(
        _("The layer was turned or distorted in a way that cannot be followed."),
        _("Undo that and do it again afterwards; moving, flipping, scaling and cropping may stay."),
        "not_followed",
    )


def _of_the_same_size(layer: Any, made: Box, known: prints.Print, box: Box) -> Pose:
    if prints.is_opaque(known) and _lost_corners(layer) == 4 and box == sources.extent(layer):
        raise _not_followed()  # turned by some angle and clipped to its size
    fitting = [turn for turn in TURNS if turn.size(*made[2:]) == box[2:]]
    turn, far = _best(layer, box, known, fitting)
    if far > ALIKE and fitting[0] == STRAIGHT:
        turn = STRAIGHT  # painted over: nothing tells that it was turned
    return Pose(made.width, made.height, Box(0, 0, made.width, made.height), turn, box)


def _best(layer: Any, box: Box, known: prints.Print, turns: Any) -> Any:
    """(turn, how far its print is from the known one)"""
    extent = sources.extent(layer)
    inside = Box(box.x - extent.x, box.y - extent.y, box.width, box.height)
    now = prints.of(layer, inside)
    far = [(prints.distance(prints.turned(known, turn), now), turn) for turn in turns]
    nearest = min(far, key=lambda one: one[0])
    return nearest[1], nearest[0]


def _content(layer: Any, made: Box) -> Box:
    """Where the picture is in a layer that was made larger without it, as Layer to Image Size does;
    else the layer's place."""
    extent = sources.extent(layer)
    larger = extent.width >= made.width and extent.height >= made.height
    larger = larger or (extent.width >= made.height and extent.height >= made.width)
    if not larger or extent[2:] == made[2:] or not layer.has_alpha():
        return extent
    width, height = extent[2:]
    alpha = pixels.read(layer, Box(0, 0, width, height), "rgba-u8").data[3::4]
    lines = [y for y in range(height) if any(alpha[y * width : (y + 1) * width])]
    columns = [x for x in range(width) if any(alpha[x::width])]
    if not lines or not columns:
        return extent
    found = Box(
        extent.x + columns[0],
        extent.y + lines[0],
        columns[-1] - columns[0] + 1,
        lines[-1] - lines[0] + 1,
    )
    return found if found[2:] in (made[2:], made[2:][::-1]) else extent


def _lost_corners(layer: Any) -> int:
    """How many of the layer's corners are wholly transparent, as after a turn by some angle."""
    if not layer.has_alpha():
        return 0
    right, bottom = layer.get_width() - 1, layer.get_height() - 1
    corners = ((0, 0), (right, 0), (0, bottom), (right, bottom))
    return sum(pixels.read(layer, Box(x, y, 1, 1), "rgba-u8").data[3] == 0 for x, y in corners)


def _cropped(layer: Any, made: Box, fetch: Callable[[], Optional[Pixels]]) -> Optional[Pose]:
    """Where a layer that is no larger than the result is a part of it; None where it is none."""
    extent = sources.extent(layer)
    fitting = [turn for turn in TURNS if _fits(turn.back().size(*extent[2:]), made)]
    picture = fetch() if fitting else None
    if picture is None or (picture.width, picture.height) != made[2:]:
        return None
    whole = _as_compared(layer.get_image(), picture)
    now = pixels.read(layer, Box(0, 0, *extent[2:]), "rgba-u8")
    for turn in fitting:
        part = _found(whole, turn.back().pixels(now))
        if part is not None:
            return Pose(made.width, made.height, part, turn, extent)
    return None


def _fits(size: Any, made: Box) -> bool:
    return bool(size[0] <= made.width and size[1] <= made.height)


def _as_compared(image: Any, picture: Pixels) -> Pixels:
    """The picture by way of a layer of the image, whose colours and depth it then went through."""
    fresh = layers.new_layer(image, layers.Picture(picture, ""), Box(0, 0, 1, 1))
    try:
        return pixels.read(fresh, Box(0, 0, picture.width, picture.height), "rgba-u8")
    finally:
        fresh.delete()


def _found(whole: Pixels, part: Pixels) -> Optional[Box]:
    """Where the part is in the whole; most of its rows that are looked at have to be there."""
    data, stride, length = bytes(whole.data), whole.width * EACH, part.width * EACH
    step = max(1, part.height // SEARCHED_ROWS)
    rows = {y: bytes(part.data[y * length : (y + 1) * length]) for y in range(0, part.height, step)}
    order: List[int] = sorted(rows, key=lambda y: -len(set(rows[y])))  # what says most comes first
    for y in order:
        at = data.find(rows[y])
        for _number in range(SEARCHED_PLACES):
            if at < 0:
                break
            x, top = at % stride // EACH, at // stride - y
            fits = at % EACH == 0 and x + part.width <= whole.width
            if fits and 0 <= top <= whole.height - part.height:
                places = ((top + row) * stride + x * EACH for row in rows)
                same = sum(data[at : at + length] == rows[y] for at, y in zip(places, rows))
                if 2 * same > len(rows):
                    return Box(x, top, part.width, part.height)
            at = data.find(rows[y], at + 1)
    return None
