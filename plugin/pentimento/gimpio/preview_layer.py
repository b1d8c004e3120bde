"""The preview of a running job as a layer where its result will be. It is never in the undo
history, and is taken away again; what was selected and whether the image counts as changed stay."""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Iterator, List, Optional, Sequence

from gi.repository import Gimp

import log
from gimpio import layers, metadata, pixels, sources
from gimpio.destination import Destination
from wire import Box, Pixels


@dataclass(frozen=True)
class Footprint:
    """Where a job's results will lie in an image: over `box`, above a layer, under a mask."""

    image: Any
    above: Optional[Any]
    box: Box
    mask: Optional[layers.Mask] = None

    @classmethod
    def of(
        cls,
        image: Any,
        above: Optional[Any],
        box: Box,
        destination: Destination,
        mask: Optional[layers.Mask] = None,
    ) -> Optional[Footprint]:
        """None where the result changes the image first, or goes into another one."""
        seen = image is not None and destination.keeps(image)
        return cls(image, above, box, mask) if seen else None


def show(footprint: Footprint, name: str, picture: Pixels) -> Optional[Any]:
    """The new layer with a picture of the footprint's size; None where GIMP takes none now."""
    image = footprint.image
    if not image.is_valid() or image.get_floating_sel() is not None:
        return None
    layer = layers.new_layer(image, layers.Picture(picture, name), footprint.box)
    try:
        layer.set_color_tag(Gimp.ColorTag.ORANGE)
        metadata.mark_preview(layer)
        if footprint.mask is not None:
            layers.add_mask(layer, footprint.mask)
        with _without_trace(image):
            layers.insert(image, layer, *layers.place_above(image, footprint.above))
    except Exception:
        if not is_there(layer):
            layer.delete()
        raise
    return layer


def repaint(layer: Any, picture: Pixels) -> None:
    """Puts a newer picture of the same size into it. Pixels that are written directly are no step
    of undo and no change of the image. What somebody has locked keeps its picture."""
    size = layer.get_width(), layer.get_height()
    if size != (picture.width, picture.height) or pixels.is_locked(layer):
        return
    box = Box(0, 0, picture.width, picture.height)
    fresh = layers.new_layer(layer.get_image(), layers.Picture(picture, ""), box)
    try:
        layers.copy_pixels(fresh, layer)
    finally:
        fresh.delete()


def is_there(layer: Any) -> bool:
    """In its image, and neither deleted nor undone."""
    return bool(layer.is_valid()) and layer in sources.tree(layer.get_image())


def remove(layer: Any) -> None:
    """Nothing where it is gone already."""
    if is_there(layer):
        image = layer.get_image()
        with _without_trace(image):
            image.remove_layer(layer)


def sweep(image: Any, but: Sequence[Any] = ()) -> int:
    """Removes the previews that somebody has left in an image, and tells how many there were."""
    order = sources.tree(image) if image.is_valid() else []
    left = [layer for layer in order if metadata.is_preview(layer) and layer not in but]
    for layer in left:
        remove(layer)
    return len(left)


def sweep_all() -> int:
    """The same in all images. An image that goes away meanwhile has none."""
    count = 0
    for image in Gimp.get_images():
        try:
            count += sweep(image)
        except Exception:
            log.error("sweeping previews\n%s", traceback.format_exc())
    return count


@contextmanager
def _without_trace(image: Any) -> Iterator[None]:
    """GIMP counts also what is outside the undo history as a change, and selects a new layer. That
    an image was clean is known just before and restored just after, so that a person's own change
    counts."""
    chosen, channels = image.get_selected_layers(), image.get_selected_channels()
    clean = not image.is_dirty()
    try:
        with layers.unrecorded(image):
            yield
    finally:
        if clean:
            image.clean_all()
        _select(image, chosen, channels)


def _select(image: Any, chosen: List[Any], channels: List[Any]) -> None:
    there = sources.tree(image)
    chosen = [layer for layer in chosen if layer in there]
    if chosen:
        image.set_selected_layers(chosen)
    elif channels:
        image.set_selected_channels(channels)
