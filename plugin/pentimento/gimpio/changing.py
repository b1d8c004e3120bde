"""Puts another result into the layer of an older one: where that lies now, flipped, turned, cropped
and scaled as it is. One undo step; mask, opacity, order and place stay."""

from __future__ import annotations

from typing import Any, Dict, Optional

from gi.repository import Gegl, Gimp

import texts
import turning
from errors import NotPossible
from gimpio import identity, layers, metadata, pixels, prints, sources
from gimpio.pose import Pose
from i18n import _
from wire import Box, Pixels


def change(
    layer: Any, picture: layers.Picture, pose: Pose, ledger: identity.Ledger, name: Optional[str]
) -> None:
    """`picture` is as it was made. Its record gets the print by which it is known again. `name` is
    the layer's new one; None leaves the name that a person gave it."""
    image = layer.get_image()
    record = {**picture.record, **_print_of(image, _made(picture))}
    fresh, draft = as_it_lies(image, picture, pose)
    extent = sources.extent(layer)
    with layers.one_undo_step(image):
        try:
            _put_into(layer, fresh, pose.box.x - extent.x, pose.box.y - extent.y)
        finally:
            draft.delete()
        metadata.attach(layer, record)
        if name is not None:
            layer.set_name(texts.line(name))
        ledger.write()


def as_it_lies(image: Any, picture: layers.Picture, pose: Pose) -> Any:
    """A layer with the picture as its pose has it, and the image of its own that it is in, of the
    same colours and depth."""
    seen = pose.turn.pixels(turning.cut(_made(picture), pose.part))
    draft = Gimp.Image.new_with_precision(
        seen.width, seen.height, image.get_base_type(), image.get_precision()
    )
    draft.undo_disable()
    draft.set_color_profile(image.get_color_profile())
    fresh = layers.new_layer(draft, layers.Picture(seen, ""), Box(0, 0, seen.width, seen.height))
    draft.insert_layer(fresh, None, 0)
    if pose.is_scaled:
        fresh.scale(pose.box.width, pose.box.height, False)
    return fresh, draft


def posed(image: Any, picture: layers.Picture, pose: Pose) -> layers.Picture:
    """The picture as its pose has it, for another layer; its record knows it as it was made."""
    record = {**picture.record, **_print_of(image, _made(picture))}
    seen = pose.turn.pixels(turning.cut(_made(picture), pose.part))
    if pose.is_scaled:
        fresh, draft = as_it_lies(image, picture, pose)
        try:
            whole = Box(0, 0, *pose.box[2:])
            seen = pixels.read(fresh, whole, pixels.transport_format(image))
        finally:
            draft.delete()
    return layers.Picture(seen, picture.name, record)


def _made(picture: layers.Picture) -> Pixels:
    """What the server sent; a source's own numbers are never changed here."""
    assert isinstance(picture.pixels, Pixels)
    return picture.pixels


def _print_of(image: Any, picture: Pixels) -> Dict[str, str]:
    fresh = layers.new_layer(image, layers.Picture(picture, ""), Box(0, 0, 1, 1))
    try:
        return {"print": prints.written(prints.of(fresh))}
    finally:
        fresh.delete()


def mask_as_made(layer: Any, pose: Pose) -> Optional[Pixels]:
    """The part of the layer's mask that lies over the result, turned back; as large as it is now.
    None without a mask."""
    mask = layer.get_mask()
    if mask is None:
        return None
    extent = sources.extent(layer)
    inside = Box(pose.box.x - extent.x, pose.box.y - extent.y, *pose.box[2:])
    return pose.turn.back().pixels(pixels.read(mask, inside, "y-u8"))


def _put_into(layer: Any, fresh: Any, x: int, y: int) -> None:
    """Fills a place of the layer with all of another drawable, as a change that can be undone. What
    is selected does not matter. Raises NotPossible where the layer takes nothing."""
    if layer.get_lock_content():
        raise NotPossible(
            _("The layer's pixels are locked."),
            _("Unlock them in the Layers dialog and try again."),
            "locked",
        )
    image = layer.get_image()
    kept = None
    if not Gimp.Selection.is_empty(image):
        kept = Gimp.Selection.save(image)
        Gimp.Selection.none(image)
    own, shadow, source = layer.get_buffer(), layer.get_shadow_buffer(), fresh.get_buffer()
    whole = Gegl.Rectangle.new(0, 0, layer.get_width(), layer.get_height())
    own.copy(whole, Gegl.AbyssPolicy.NONE, shadow, whole)
    area = Gegl.Rectangle.new(0, 0, fresh.get_width(), fresh.get_height())
    place = Gegl.Rectangle.new(x, y, fresh.get_width(), fresh.get_height())
    source.copy(area, Gegl.AbyssPolicy.NONE, shadow, place)
    for buffer in (own, shadow, source):
        buffer.flush()
    del own, shadow, source, buffer
    layer.merge_shadow(True)
    layer.update(0, 0, layer.get_width(), layer.get_height())
    if kept is not None:
        image.select_item(Gimp.ChannelOps.REPLACE, kept)
        image.remove_channel(kept)
