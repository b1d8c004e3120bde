"""In which of an image's regions a result lies, and where it belongs by that: directly above the
region's layer, in the group that this is in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Optional

from gi.repository import Gegl

import texts
from actions import guides
from gimpio import metadata, sources
from i18n import _
from wire import Box

POINTS = 40  # that are looked at in each direction
NAME_LENGTH = 30


@dataclass(frozen=True)
class Home:
    """`region` is the layer that the result lies in, `below` what it goes directly above: that
    layer, or the outermost group that is a region itself, since whatever is put into such a group
    changes the region."""

    region: Any
    below: Any

    def has(self, layer: Any) -> bool:
        """Whether the layer is there already."""
        image, parent = layer.get_image(), self.below.get_parent()
        place = image.get_item_position(self.below) - 1
        return bool(layer.get_parent() == parent and image.get_item_position(layer) == place)

    def words(self) -> str:
        region, parent = _name(self.region), self.below.get_parent()
        if self.below.is_group():
            return _(
                "Directly above the group “{group}”: inside, it would change where “{region}” "
                "counts."
            ).format(group=_name(self.below), region=region)
        if parent is None:
            return _("Directly above “{region}”.").format(region=region)
        told = _("Directly above “{region}”, in the group “{group}”.")
        return told.format(region=region, group=_name(parent))


def home_of(image: Any, layer: Any) -> Optional[Home]:
    """None where the layer does not lie in one region for its larger part, or is there already."""
    regions = [one for one in guides.named_regions(image) if one != layer]
    if not regions:
        return None
    box, weights = sources.extent(layer), _weights(layer)
    total = sum(weights)
    shares = [_overlap(weights, _alpha(region, layer, box)) for region in regions]
    most = max(shares)
    if 2 * most <= 255 * total:
        return None
    region = regions[shares.index(most)]
    home = Home(region, _below(region, regions))
    return None if home.has(layer) else home


def _below(region: Any, regions: List[Any]) -> Any:
    found, group = region, region.get_parent()
    while group is not None:
        if group in regions:
            found = group
        group = group.get_parent()
    return found


def _name(item: Any) -> str:
    return texts.shortened(texts.line(item.get_name()), NAME_LENGTH)


def _overlap(weights: bytes, alpha: bytes) -> int:
    return sum(one * other for one, other in zip(weights, alpha))


def _weights(layer: Any) -> bytes:
    """How much of each point of a result is seen."""
    mask = layer.get_mask()
    if mask is None:
        return _points(layer, Box(0, 0, layer.get_width(), layer.get_height()))
    return _points(mask, Box(0, 0, mask.get_width(), mask.get_height()), mask=True)


def _alpha(region: Any, result: Any, box: Box) -> bytes:
    """Of the region in a box of the canvas. Of a group that holds the result, without that."""
    inside = sources.within(region) if region.is_group() else []
    if result not in inside and not any(map(metadata.is_preview, inside)):
        return _points(region, _within(region, box))
    parts = [
        _points(one, _within(one, box))
        for one in inside
        if one != result and not one.is_group() and not metadata.is_preview(one)
    ]
    return bytes(map(max, *parts)) if len(parts) > 1 else (parts or [b""])[0]


def _within(layer: Any, box: Box) -> Box:
    place = sources.extent(layer)
    return Box(box.x - place.x, box.y - place.y, box.width, box.height)


def _points(drawable: Any, box: Box, mask: bool = False) -> bytes:
    """The values of a mask, or the alpha of a layer, at points all over a box in its own
    coordinates, row by row. What lies outside is 0."""
    layout, each = ("Y u8", 1) if mask else ("R'G'B'A u8", 4)
    across, down = _middles(box.width), _middles(box.height)
    buffer, found = drawable.get_buffer(), bytearray()
    for y in down:
        row = Gegl.Rectangle.new(box.x, box.y + y, box.width, 1)
        data = bytes(buffer.get(row, 1.0, layout, Gegl.AbyssPolicy.NONE))[each - 1 :: each]
        found += bytes(data[x] for x in across)
    buffer.flush()
    return bytes(found)


def _middles(length: int) -> List[int]:
    """Of at most POINTS equal parts."""
    count = min(POINTS, length)
    return [(2 * number + 1) * length // (2 * count) for number in range(count)]
