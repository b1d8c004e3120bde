"""A layer that was pasted into an image: what of the image it is part of, and the layers that fit
it to the rest. The layer itself is never written to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, List

from gi.repository import Gimp

import choices
from errors import NotPossible
from gimpio import layers, object_masks, pixels, sources
from gimpio.destination import Destination
from gimpio.layers import Picture
from gimpio.sources import Source
from i18n import _
from wire import Box, Pixels

if TYPE_CHECKING:
    from records import Placed

AROUND = 0.75  # of the longer side, that is looked at on each side


@dataclass(frozen=True)
class Pasted:
    """`item` is the layer, or the group that holds nothing else below it; `box` is what of the
    canvas matters."""

    image: Any
    item: Any
    box: Box

    def read(self) -> Pixels:
        """What is seen, without what lies above it."""
        hidden = [*sources.maps(self.image), *sources.covering(self.item)]
        canvas = sources.canvas(self.image)
        return Source(self.image, choices.VISIBLE, canvas, hidden=hidden).read(self.box)

    def mask(self) -> Pixels:
        extent = sources.extent(self.item)
        return Source(self.image, choices.SELECTED_LAYERS, extent, [self.item]).opacity(self.box)

    def dress(self, edge: Pixels, light: Pixels, shadow: Pixels) -> Placed:
        """The three layers around it, in one step of undo; all of them or none."""
        sources.check_open(self.image)
        if self.item not in sources.tree(self.image):
            raise NotPossible(
                _("The layer is gone."), _("Undo its removal, and try again."), "source_gone"
            )
        name = self.item.get_name()
        upper = (
            (_("{layer}: edge").format(layer=name), edge, None),
            (_("{layer}: light and color").format(layer=name), light, _as_light),
        )
        lower = ((_("{layer}: shadow").format(layer=name), shadow, _as_shadow),)
        placed = []
        with layers.one_undo_step(self.image), object_masks.layers_chosen(self.image):
            try:
                for group, below in ((upper, 0), (lower, 1)):
                    for title, content, mode in group:
                        position = self.image.get_item_position(self.item) + below
                        placed.append(self._put(title, content, mode, position))
            except Exception:
                for layer in placed:
                    self.image.remove_layer(layer)
                raise
        return {"layers": placed, "image": self.image}

    def _put(self, title: str, content: Pixels, mode: Any, position: int) -> Any:
        layer = layers.new_layer(self.image, Picture(content, title), self.box)
        if mode is not None:
            mode(layer)
        layers.insert(self.image, layer, self.item.get_parent(), position)
        return layer


def put_light(image, item, light: Pixels, box: Box) -> Any:
    """The layer of light above another one, as a part of an open step of undo."""
    title = _("{layer}: light and color").format(layer=item.get_name())
    layer = layers.new_layer(image, Picture(light, title), box)
    _as_light(layer)
    layers.insert(image, layer, item.get_parent(), image.get_item_position(item))
    return layer


def together(below: Pixels, above: Pixels, mask: Pixels, at: Box, box: Box) -> Pixels:
    """What is seen in a box that `below` fills, with a masked picture at `at` above it."""
    precision = pixels.precision_for(below)
    draft = Gimp.Image.new_with_precision(box.width, box.height, Gimp.ImageBaseType.RGB, precision)
    try:
        draft.undo_disable()
        inside = Box(at.x - box.x, at.y - box.y, at.width, at.height)
        whole = sources.canvas(draft)
        lower = layers.new_layer(draft, Picture(below, "below"), whole)
        layers.insert(draft, lower, None, 0)
        upper = layers.new_layer(draft, Picture(above, "above"), inside)
        layers.insert(draft, upper, None, 0)
        object_masks.as_layer_mask(upper, mask, inside)
        return Source(draft, choices.VISIBLE, whole).read(whole)
    finally:
        draft.delete()


def _as_light(layer) -> None:
    layer.set_mode(Gimp.LayerMode.GRAIN_MERGE)
    layer.set_blend_space(Gimp.LayerColorSpace.RGB_PERCEPTUAL)


def _as_shadow(layer) -> None:
    layer.set_mode(Gimp.LayerMode.MULTIPLY)
    layer.set_blend_space(Gimp.LayerColorSpace.RGB_LINEAR)


def choose(image, drawables) -> Pasted:
    """The one selected layer or group. Raises NotPossible where it can't be fitted to anything."""
    sources.check_image(image, Destination())
    chosen: List[Any] = [layer for layer in map(sources.layer_of, drawables) if layer is not None]
    if len(chosen) != 1:
        raise NotPossible(
            _("One layer can be harmonized at a time."),
            _("Select the pasted layer, or a group that holds all of it."),
            "no_layer",
        )
    item = chosen[0]
    while _is_alone(item):
        item = item.get_parent()
    if not sources.is_seen(item):
        raise NotPossible(_("The layer is hidden."), _("Show it, and try again."), "empty_layer")
    extent, canvas = sources.extent(item), sources.canvas(image)
    if extent.width < 1 or extent.height < 1 or not extent.meets(canvas):
        raise NotPossible(
            _("Nothing of the layer is on the canvas."),
            _("Move it to where it belongs, and try again."),
            "empty_layer",
        )
    return Pasted(image, item, _around(extent, canvas))


def _is_alone(item) -> bool:
    """Whether its group holds nothing below it: what is around it then lies below the group."""
    group = item.get_parent()
    if group is None or group.get_mode() == Gimp.LayerMode.PASS_THROUGH:
        return False
    below = group.get_children()[item.get_image().get_item_position(item) + 1 :]
    return not any(layer.get_visible() for layer in below)


def _around(extent: Box, canvas: Box) -> Box:
    more = round(AROUND * max(extent.width, extent.height))
    whole = canvas.joined(extent)
    left, top = max(extent.x - more, whole.x), max(extent.y - more, whole.y)
    right = min(extent.x + extent.width + more, whole.x + whole.width)
    bottom = min(extent.y + extent.height + more, whole.y + whole.height)
    return Box(left, top, right - left, bottom - top)
