"""Generate Again: the job that a result layer carries, once more with a new seed, where the layer
lies now and at its present size. The mask is the layer's own, which may have been painted on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence, Tuple

import repeats
import wire
from actions import guides, lineage, remake, steering
from actions.work import Begun, Results, Work
from errors import NotPossible
from gimpio import changing, metadata, pixels, pose, sources
from gimpio.destination import Destination
from i18n import _
from wire import Box

if TYPE_CHECKING:
    from actions.work import Outcome
    from answers import JobRequest
    from context import Context
    from records import LayerRecord


def run(context: Context) -> Any:
    return begin(context).to_the_end(context)


def begin(context: Context) -> Begun:
    layer, record = result_layer(context.drawables)
    request = record["record"]["request"]
    if request.get("mode") in (wire.OUTPAINT, wire.UPSCALE):
        return _begin_grown(context.image, layer, record)
    work = Work(_("Generate Again"))
    pose.of(layer, record, lambda: work.result(record["job"], record["index"]))  # may refuse
    box = sources.extent(layer)
    source = mask = deep_mask = None
    if record["source"] is not None:
        source = sources.recorded(context.image, record, remake.family(context.image, record))
        remake.check_place(source, box)
    else:
        sources.check_image(context.image, Destination())
    if request.get("mask"):
        mask, deep_mask = remake.mask_of(layer), deep_mask_of(layer)
    roots = lineage.again(context.image, record, source)
    sent = work.send(source.read(box)) if source else None
    sent_mask = work.send(mask) if mask else None
    pictures = steering.send_again(work, context.image, record.get("control"), box)
    guiding = guides.send_again(work, context.image, record.get("guides", {}), request, box)
    job = repeats.again_request(request, wire.new_seed(), box, sent, sent_mask, pictures, guiding)
    if "image" not in record:
        _check_same(request, job)
    older = sources.older_results(context.image, source.layers if source else [])
    above = sources.above_all(context.image, layer, older)

    def results(outcome: Outcome) -> Any:
        made = work.pictures(outcome, roots, box, source, sent)
        place = work.place(outcome, context.image, above, box, Destination(), roots)
        return Results(made, place, deep_mask)

    return Begun(work, wire.located(job, roots.image, box), results)


def _begin_grown(image, layer, record):
    """For the result of Expand or Upscale: the image has grown already, and what the result was
    made from is a part of it, or what the server has kept."""
    work = Work(_("Generate Again"), remake.name_of(record))
    found = remake.inputs(work, image, layer, record)
    mask, job = deep_mask_of(layer), found.request(record, wire.new_seed())

    def results(outcome: Outcome) -> Any:
        pictures = work.pictures(outcome, found.roots, found.made_at)
        made = [changing.posed(image, picture, found.pose) for picture in pictures]
        place = work.place(outcome, image, layer, found.pose.box, Destination(), found.roots)
        return Results(made, place, mask)

    return Begun(work, wire.located(job, found.roots.image, found.pose.box), results)


def result_layer(drawables: Sequence[Any]) -> Tuple[Any, LayerRecord]:
    """The first selected layer that carries a job, with the record."""
    for item in drawables:
        item = sources.layer_of(item)
        record = metadata.read(item) if item is not None else None
        if record is not None:
            return item, _checked(record)
    raise NotPossible(
        _("The selected layer was not made by Pentimento, so there is no job to repeat."),
        _("Select a result layer, or start with Image to Image or Regenerate Selection."),
        "no_record",
    )


def _checked(record: LayerRecord) -> LayerRecord:
    """Images travel: a record may be another version's, or no longer what was written."""
    made_by: Any = record.get("record")
    request = made_by.get("request") if isinstance(made_by, dict) else None
    texts = [record.get("action"), record.get("origin")]
    whole = isinstance(request, dict) and "source" in record
    if not whole or not all(isinstance(text, str) for text in texts):
        raise NotPossible(
            _("The layer carries a record that can't be read."),
            _("It may be of a newer version. Start anew from the layer, with Image to Image."),
            "record_unreadable",
        )
    return record


def _check_same(request: JobRequest, again: JobRequest) -> None:
    """Records of older versions tell layers by numbers that another image has as well: they are
    followed only as long as the pictures are the very same ones."""
    if _pictures_of(request) != _pictures_of(again):
        raise NotPossible(
            _(
                "This result is of an older version, which did not record for certain what it was "
                "made from, and what is there now is another picture."
            ),
            _("Start anew from the layer, with Image to Image or Regenerate Selection."),
            "old_record",
        )


def _pictures_of(request):
    """Everything in a request that was read from layers, but for the mask, which is the layer's."""
    return [
        request.get("source"),
        [control.get("image") for control in request.get("controls") or ()],
        [reference.get("image") for reference in request.get("references") or ()],
        [region.get("mask") for region in request.get("regions") or ()],
    ]


def deep_mask_of(layer):
    """All of the layer's mask, as deep as the image; None where it has none."""
    mask = layer.get_mask()
    if mask is None:
        return None
    return pixels.read_stored(mask, Box(0, 0, mask.get_width(), mask.get_height()))
