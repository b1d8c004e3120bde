"""Generate Again: the job that a result layer carries, once more with a new seed. The source is
read again at the recorded place; the mask is the layer's own, which may have been painted on."""

from __future__ import annotations

import wire
from actions import guides, steering
from actions.work import Work
from errors import NotPossible
from gimpio import layers, metadata, pixels, sources
from gimpio.destination import Destination
from i18n import _
from wire import Box


def run(context):
    layer, record = _result_layer(context.drawables)
    request = record["record"]["request"]
    box = Box.from_rect(record["box"])
    source = mask = deep_mask = None
    if record["source"] is not None:
        source = sources.recorded(context.image, record["source"], _family(context.image, record))
    else:
        sources.check_image(context.image, Destination())
    if request.get("mask"):
        mask, deep_mask = _mask_of(layer, box)
    work = Work(_("Generate Again"))
    sent = work.send(source.read(box)) if source else None
    sent_mask = work.send(mask) if mask else None
    tattoos = record.get("control")  # absent in results of older versions
    pictures = steering.send_again(work, context.image, tattoos, box)
    guide_tattoos = record.get("guides", {})
    guiding = guides.send_again(work, context.image, guide_tattoos, request, box)
    outcome = work.run(
        wire.again_request(request, wire.new_seed(), sent, sent_mask, pictures, guiding)
    )
    origin = record["origin"]
    made = work.pictures(
        outcome, record["action"], box, source, sent, origin, tattoos, guide_tattoos
    )
    place = layers.Place(context.image, layer, box, Destination())
    return place.put(made, deep_mask, context.interactive)


def _result_layer(drawables):
    """The first selected layer that carries a job, with the record."""
    for item in drawables:
        item = sources.layer_of(item)
        record = metadata.read(item) if item is not None else None
        if record is not None:
            return item, record
    raise NotPossible(
        _("The selected layer was not made by Pentimento, so there is no job to repeat."),
        _("Select a result layer, or start with Image to Image or Regenerate Selection."),
        "no_record",
    )


def _mask_of(layer, box: Box):
    """The result layer's mask, for the server and as deep as the image; it must still cover the
    recorded box."""
    mask = layer.get_mask()
    if mask is None or (mask.get_width(), mask.get_height()) != (box.width, box.height):
        raise NotPossible(
            _("The layer has lost its mask, or its size has changed."),
            _("Select the area and use Regenerate Selection."),
            "mask_gone",
        )
    whole = Box(0, 0, box.width, box.height)
    return pixels.read(mask, whole, "y-u8"), pixels.read_stored(mask, whole)


def _family(image, record):
    """All results of the same first job: left out of what is seen when the visible canvas is read
    again, or each run would start from the one before it."""
    family = []
    for layer in sources.tree(image):
        other = metadata.read(layer)
        if other is not None and other.get("origin") == record["origin"]:
            family.append(layer)
    return family
