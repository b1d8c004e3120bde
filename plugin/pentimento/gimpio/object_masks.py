"""A mask of the server in the image: as the selection, as a channel, or as a layer's mask. Values
arrive as they are; each is one step of undo, or a part of one that is open."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator

from gi.repository import Gegl, Gimp

import choices
import texts
from gimpio import layers, pixels, sources
from i18n import _
from wire import Box, Pixels

OPERATIONS = {
    choices.REPLACE: Gimp.ChannelOps.REPLACE,
    choices.ADD: Gimp.ChannelOps.ADD,
    choices.SUBTRACT: Gimp.ChannelOps.SUBTRACT,
    choices.INTERSECT: Gimp.ChannelOps.INTERSECT,
}
WITH_ALPHA = {
    Gimp.ImageBaseType.RGB: Gimp.ImageType.RGBA_IMAGE,
    Gimp.ImageBaseType.GRAY: Gimp.ImageType.GRAYA_IMAGE,
    Gimp.ImageBaseType.INDEXED: Gimp.ImageType.INDEXEDA_IMAGE,
}
SEEN_THROUGH = 50.0  # percent of a shown channel's colour


def moved(mask: Pixels, at: Box, place: Box) -> Pixels:
    """What of a one-channel mask that lies at `at` falls on `place`; 0 elsewhere."""
    if at == place:
        return mask
    left, right = max(at.x, place.x), min(at.x + at.width, place.x + place.width)
    top, bottom = max(at.y, place.y), min(at.y + at.height, place.y + place.height)
    each = len(mask.data) // (mask.width * mask.height)
    data = bytearray(each * place.width * place.height)
    count = (right - left) * each
    for y in range(top, bottom if count > 0 else top):
        start = ((y - at.y) * at.width + left - at.x) * each
        to = ((y - place.y) * place.width + left - place.x) * each
        data[to : to + count] = mask.data[start : start + count]
    return Pixels(mask.format, place.width, place.height, data)


def as_selection(image, mask: Pixels, at: Box, operation: str) -> None:
    """By way of a channel that is gone then: what is written to a selection can't be undone."""
    with layers.one_undo_step(image), layers_chosen(image):
        channel = _channel(image, mask, at, "object")
        Gimp.context_push()
        try:
            Gimp.context_set_feather(False)
            Gimp.context_set_antialias(False)
            image.select_item(OPERATIONS[operation], channel)
        finally:
            Gimp.context_pop()
        image.remove_channel(channel)


def as_channel(image, mask: Pixels, at: Box, name: str) -> Any:
    with layers.one_undo_step(image), layers_chosen(image):
        return _channel(image, mask, at, name)


def as_layer_mask(layer, mask: Pixels, at: Box) -> Any:
    """In place of the layer's own."""
    with layers.one_undo_step(layer.get_image()):
        if layer.get_mask() is not None:
            layer.remove_mask(Gimp.MaskApplyMode.DISCARD)
        made = layer.create_mask(Gimp.AddMaskType.BLACK)
        pixels.write_mask(made, moved(mask, at, sources.extent(layer)))
        layer.add_mask(made)
        layer.set_edit_mask(False)
        return made


def _channel(image, mask: Pixels, at: Box, name: str) -> Any:
    size = image.get_width(), image.get_height()
    color = Gegl.Color.new("black")
    channel = Gimp.Channel.new(image, texts.line(name), *size, SEEN_THROUGH, color)
    pixels.write_mask(channel, moved(mask, at, sources.canvas(image)))
    channel.set_visible(False)
    if not image.insert_channel(channel, None, 0):
        raise RuntimeError(_("GIMP does not take a new channel there."))
    return channel


@contextmanager
def layers_chosen(image) -> Iterator[None]:
    """What is new is selected in place of the layers, which a person goes on with, and neither
    undo nor redo of a channel selects them again. Those of a layer do, so one comes and goes
    before it and after it."""
    before = [item for item in image.get_selected_drawables() if item.is_layer()]
    _come_and_go(image, before)
    yield
    _come_and_go(image, before)
    if before:
        image.set_selected_layers(before)


def _come_and_go(image, chosen) -> None:
    """Above the chosen layer: where a layer is removed, GIMP selects the one below it."""
    if not chosen:
        return
    kind = WITH_ALPHA[image.get_base_type()]
    passing = Gimp.Layer.new(image, "…", 1, 1, kind, 0, Gimp.LayerMode.NORMAL)
    parent, position = chosen[0].get_parent(), image.get_item_position(chosen[0])
    if image.insert_layer(passing, parent, position):
        image.remove_layer(passing)
