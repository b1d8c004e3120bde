"""What a recorded job is made from once more: its own pictures as they were when nothing about them
has changed, so that the same request gives the same bytes; else what lies there now.

A result that was flipped or turned with its image is made in the way it was first made, from what
lies there turned back. Where it was scaled or cropped, what it was made from is no longer in the
image: the server has it for a while. Where it has not, the job is made anew for the layer's present
place and size.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Iterator, List, Optional, Tuple

import procedures
import repeats
import turning
import wire
from actions import guides, lineage, steering
from errors import NotPossible
from gimpio import changing, metadata, pixels, pose, prints, sources
from gimpio.pose import Pose
from i18n import _
from turning import STRAIGHT, Turn
from wire import Box, Pixels, Sent

if TYPE_CHECKING:
    from answers import BlobRef, JobRequest
    from records import Guides, LayerRecord

PAINTED = 2.0  # mean difference of the prints of masks between which somebody has painted


@dataclass(frozen=True)
class Inputs:
    """`pose` is how the result will lie. `made_at` and `source` go into the new record. With
    `as_asked` the recorded mask counts as it was sent, with what was to be done to it."""

    pose: Pose
    roots: lineage.Lineage
    made_at: Box
    source: Optional[Sent] = None
    mask: Optional[Sent] = None
    as_asked: bool = False
    controls: List[Optional[Sent]] = field(default_factory=list)
    guides: Optional[Guides] = None

    def request(self, record: LayerRecord, seed: int) -> JobRequest:
        """The recorded request, made of these."""
        asked = record["record"]["request"]
        again = repeats.again_request(
            asked, seed, self.made_at, self.source, self.mask, self.controls, self.guides
        )
        if asked.get("mask_options") and (self.as_asked or not asked.get("mask")):
            again["mask_options"] = asked["mask_options"]
        return again


def name_of(record: LayerRecord) -> str:
    """What results of that action are named without words."""
    action = procedures.BY_KEY.get(record["action"])
    return _(action.title) if action else _("Change Result")


def inputs(work: Any, image: Any, layer: Any, record: LayerRecord) -> Inputs:
    """Raises NotPossible where the layer's place cannot be followed, or what is needed is gone."""
    found = pose.of(layer, record, lambda: work.result(record["job"], record["index"]))
    job = _Job(work, image, layer, record, found)
    as_made = job.read() if found.is_whole else job.recorded()
    return as_made or job.anew()


class _Job:
    def __init__(self, work: Any, image: Any, layer: Any, record: LayerRecord, found: Pose) -> None:
        self.work, self.image, self.layer, self.record, self.pose = (
            work,
            image,
            layer,
            record,
            found,
        )
        self.request = record["record"]["request"]

    def read(self) -> Inputs:
        """From the image, turned back to how it was. Only for a result that is whole."""
        source, sent, box, turn = self._source()
        mask, as_asked = self._mask()
        back = turn.back()
        return Inputs(
            self.pose,
            lineage.again(self.image, self.record, source),
            self._made_at(),
            sent,
            mask,
            as_asked,
            steering.send_again(self.work, self.image, self.record.get("control"), box, back),
            guides.send_again(
                self.work, self.image, self.record.get("guides", {}), self.request, box, back
            ),
        )

    def recorded(self) -> Optional[Inputs]:
        """From what the server still has; None where it has not all of it, or where the mask was
        painted on in a way that only the present size knows."""
        wanted = [self.request.get("source"), *_pictures(self.request)]
        if not all(self.work.has(one["blob"]) for one in wanted if one):
            return None
        mask, as_asked = None, False
        if self.request.get("mask"):
            found = self._recorded_mask()
            if found is None:
                return None
            mask, as_asked = found
        source = self.request.get("source")
        return Inputs(
            self.pose,
            self._roots(),
            self._made_at(),
            self._sent(source) if source else None,
            mask,
            as_asked,
        )

    def anew(self) -> Inputs:
        """For the place and the size that the layer has now."""
        if self.request["mode"] in (wire.OUTPAINT, wire.UPSCALE):
            raise _not_kept()
        box = sources.extent(self.layer)
        source = sent = mask = None
        if self.record["source"] is not None:
            source = self._recorded_source()
            check_place(source, box)
            sent = self.work.send(source.read(box))
        if self.request.get("mask"):
            mask = self.work.send(mask_of(self.layer))
        return Inputs(
            pose.straight(box.width, box.height, box),
            lineage.again(self.image, self.record, source),
            box,
            sent,
            mask,
            False,
            steering.send_again(self.work, self.image, self.record.get("control"), box),
            guides.send_again(
                self.work, self.image, self.record.get("guides", {}), self.request, box
            ),
        )

    def _made_at(self) -> Box:
        return Box.from_rect(self.record["box"])

    def _recorded_source(self) -> sources.Source:
        return sources.recorded(self.image, self.record, family(self.image, self.record))

    def _roots(self) -> lineage.Lineage:
        source = None
        if self.record["source"] is not None:
            with suppress(NotPossible):
                source = self._recorded_source()
        return lineage.again(self.image, self.record, source)

    def _sent(self, reference: BlobRef) -> Sent:
        part = self._inner()
        return Sent(reference["blob"], part.width, part.height)

    def _inner(self) -> Box:
        """The part of the result, as it was made, that the source was."""
        made = self._made_at()
        left, top, right, bottom = wire.Sides.of(self.request.get("expand"))
        return Box(left, top, made.width - left - right, made.height - top - bottom)

    # The source

    def _source(self) -> Tuple[Optional[sources.Source], Optional[Sent], Box, Turn]:
        """The source, what of it was sent, and the place and the turn that it was read in."""
        place = self.pose.box, self.pose.turn
        if self.record["source"] is None:
            sources.check_image(self.image, sources.Destination())
            return (None, None, *place)
        kept = self.request["source"]
        assert kept is not None
        if self.request["mode"] == wire.UPSCALE:
            if not self.work.has(kept["blob"]):
                raise _not_kept()
            return (None, self._sent(kept), *place)
        try:
            source = self._recorded_source()
        except NotPossible:
            if not self.work.has(kept["blob"]):
                raise
            return (None, self._sent(kept), *place)
        for box, turn in self._places(source):
            found = self._read(source, box, turn)
            if found.blob_id == kept["blob"]:
                return source, self.work.send(found), box, turn
        check_place(source, self.pose.box)  # somebody has painted on the source: as it is now
        return (source, self.work.send(self._read(source, *place)), *place)

    def _places(self, source: sources.Source) -> Iterator[Tuple[Box, Turn]]:
        """Where what it was made from may be: under it, flipped and turned as it is or not, and
        where it was before the result alone was moved."""
        places = [(self.pose.box, self.pose.turn), (self.pose.box, STRAIGHT)]
        then = (self.record["source"] or {}).get("extent")
        if then:
            made = self._made_at()
            x, y = made.x - then["x"] + source.extent.x, made.y - then["y"] + source.extent.y
            places.append((Box(x, y, made.width, made.height), STRAIGHT))
        for box, turn in dict.fromkeys(places):
            if turn.size(*self._made_at()[2:]) == box[2:] and box.meets(source.extent):
                yield box, turn

    def _read(self, source: sources.Source, box: Box, turn: Turn) -> Pixels:
        return turning.cut(turn.back().pixels(source.read(box)), self._inner())

    # The mask

    def _mask(self) -> Tuple[Optional[Sent], bool]:
        """The layer's mask, as painted since; where nobody has painted on it, the one that was
        sent, with what was to be done to it."""
        asked = self.request.get("mask")
        if not asked:
            return None, False
        now = changing.mask_as_made(self.layer, self.pose)
        if now is None:
            raise mask_gone()
        if now.blob_id == asked["blob"]:
            return self.work.send(now), True
        if now.blob_id == self._mask_then() and self.work.has(asked["blob"]):
            return Sent(asked["blob"], now.width, now.height), True
        return self.work.send(now), False

    def _mask_then(self) -> str:
        """The mask that the layer got; of a layer that was turned since, turned back as well."""
        return str(self.record.get("mask", ""))

    def _recorded_mask(self) -> Optional[Tuple[Sent, bool]]:
        sent = self.request["mask"]
        assert sent is not None
        asked = sent["blob"]
        now = changing.mask_as_made(self.layer, self.pose)
        if now is None:
            raise mask_gone()
        made = self._made_at()
        if self.pose.is_scaled:
            known = prints.read(self.record.get("mask_print"))
            if known is None or not self.work.has(asked):
                return None
            seen = prints.turned(
                prints.of(self.layer.get_mask(), channels=1), self.pose.turn.back()
            )
            if prints.distance(known, seen) > PAINTED:
                return None
            return Sent(asked, made.width, made.height), True
        used = self.work.mask_used(self.record["job"])
        if used is None or (used.width, used.height) != made[2:]:
            return None
        if turning.cut(used, self.pose.part).data == now.data and self.work.has(asked):
            return Sent(asked, made.width, made.height), True
        whole = turning.pasted(used, now, self.pose.part.x, self.pose.part.y)
        return self.work.send(whole), False


def _pictures(request: JobRequest) -> List[Optional[BlobRef]]:
    """What was sent besides source and mask."""
    return [
        *(control.get("image") for control in request.get("controls") or ()),
        *(reference.get("image") for reference in request.get("references") or ()),
        *(region.get("mask") for region in request.get("regions") or ()),
    ]


def family(image: Any, record: LayerRecord) -> List[Any]:
    """All results of the same first job: left out of what is seen when the visible canvas is read
    again, or each run would start from the one before it."""
    found = []
    for layer in sources.tree(image):
        other = metadata.read(layer)
        if other is not None and other.get("origin") == record["origin"]:
            found.append(layer)
    return found


def check_place(source: sources.Source, box: Box) -> None:
    if not box.meets(source.extent):
        raise NotPossible(
            _("The layer no longer lies over what it was made from."),
            _("Move it back over it, or start from another layer with Image to Image."),
            "beside_source",
        )


def mask_of(layer: Any) -> Pixels:
    """All of a result layer's mask, for the server."""
    mask = layer.get_mask()
    if mask is None:
        raise mask_gone()
    return pixels.read(mask, Box(0, 0, mask.get_width(), mask.get_height()), "y-u8")


def mask_gone() -> NotPossible:
    return NotPossible(
        _("The layer has lost its mask."),
        _("Select the area and use Regenerate Selection."),
        "mask_gone",
    )


def _not_kept() -> NotPossible:
    return NotPossible(
        _("What this result was made from is no longer there in its size."),
        _("Undo it and use Expand or Upscale again."),
        "image_grew",
    )
