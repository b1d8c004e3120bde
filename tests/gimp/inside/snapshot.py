"""Everything about an image that a person could miss, as plain data: equal snapshots mean that
nothing was changed. Runs inside GIMP."""

import hashlib

from gi.repository import Gegl

# The name that a result gives to the image and to the layers that it was made from.
GIVEN_NAME = "pentimento-id"


def snapshot(image):
    """A dict of JSON values. Pixels are digests of the stored bytes, so a difference of one bit
    shows; `differences` names what differs."""
    profile = image.get_color_profile()
    return {
        "size": [image.get_width(), image.get_height()],
        "type": image.get_base_type().value_nick,
        "precision": image.get_precision().value_nick,
        "resolution": list(image.get_resolution())[1:],
        "profile": profile.get_label() if profile else None,
        "parasites": _parasites(image),
        "metadata": _metadata(image),
        "selection": _pixels(image.get_selection()),
        "selected_layers": [layer.get_id() for layer in image.get_selected_layers()],
        "selected_channels": [item.get_id() for item in image.get_selected_channels()],
        "layers": [_layer(layer) for layer in image.get_layers()],
        "channels": [_item(item) | {"pixels": _pixels(item)} for item in image.get_channels()],
        "paths": [_item(item) for item in image.get_paths()],
        "guides": _guides(image),
        "dirty": image.is_dirty(),
    }


def differences(before, after, where="image"):
    """Where two snapshots differ, as sentences; an empty list for equal ones."""
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        return [
            text
            for key in before
            for text in differences(before[key], after[key], f"{where}.{key}")
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [
            text
            for number, (one, other) in enumerate(zip(before, after, strict=True))
            for text in differences(one, other, f"{where}[{number}]")
        ]
    return [] if before == after else [f"{where}: {before!r} became {after!r}"]


def _item(item):
    return {
        "id": item.get_id(),
        "tattoo": item.get_tattoo(),
        "name": item.get_name(),
        "visible": item.get_visible(),
        "locks": [item.get_lock_content(), item.get_lock_position(), item.get_lock_visibility()],
        "color_tag": item.get_color_tag().value_nick,
        "parasites": _parasites(item),
    }


def _layer(layer):
    mask = layer.get_mask()
    kept = _item(layer) | {
        "offsets": list(layer.get_offsets())[1:],
        "size": [layer.get_width(), layer.get_height()],
        "opacity": layer.get_opacity(),
        "mode": layer.get_mode().value_nick,
        "alpha": layer.has_alpha(),
        "lock_alpha": layer.get_lock_alpha(),
        "pixels": _pixels(layer),
        "mask": _pixels(mask) if mask else None,
        "mask_state": [layer.get_apply_mask(), layer.get_show_mask(), layer.get_edit_mask()],
    }
    if layer.is_group():
        kept["children"] = [_layer(child) for child in layer.get_children()]
    return kept


def _pixels(drawable):
    """Digest of the stored bytes, in the drawable's own format."""
    buffer = drawable.get_buffer()
    area = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    data = buffer.get(area, 1.0, None, Gegl.AbyssPolicy.NONE)
    buffer.flush()
    return hashlib.sha256(data).hexdigest()


def _parasites(holder):
    names = sorted(set(holder.get_parasite_list()) - {GIVEN_NAME})
    return {name: _digest(holder.get_parasite(name)) for name in names}


def _digest(parasite):
    data = bytes(value & 255 for value in parasite.get_data())  # they may come as signed numbers
    return hashlib.sha256(data).hexdigest()


def _metadata(image):
    metadata = image.get_metadata()
    return metadata.serialize() if metadata is not None else None


def _guides(image):
    found, guide = [], image.find_next_guide(0)
    while guide:
        found.append(
            [image.get_guide_orientation(guide).value_nick, image.get_guide_position(guide)]
        )
        guide = image.find_next_guide(guide)
    return found
