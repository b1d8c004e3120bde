"""A job of the server's history without a layer that carries it: its results put into their image
once more, or the job made again from the pictures that the server still has."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Iterator, List, Optional

from gi.repository import Gimp

import choices
import wire
from actions.lineage import Lineage
from actions.text_to_image import NewImage
from actions.work import Begun, Outcome, Results, Work
from errors import NotPossible
from gimpio import identity, sources
from gimpio.destination import Destination
from i18n import _
from wire import Box, Sent

if TYPE_CHECKING:
    from answers import BlobRef, JobRequest, Snapshot

MADE_BY = {  # mode of a job that paints in a place: the action whose job it is
    wire.TXT2IMG: "text_to_image",
    wire.IMG2IMG: "image_to_image",
    wire.INPAINT: "regenerate_selection",
}
VARIED = 0.5  # the strength of variations on a result
DROPPED = ("stopped_at", "observe", "observe_steps", "expand")


def can_repeat(snapshot: Snapshot) -> bool:
    """Whether the job is one that paints in a place, which can be done again and varied."""
    return snapshot["mode"] in MADE_BY


def home(snapshot: Snapshot) -> Optional[Any]:
    """The image that the job was for, where it is open, under whatever name."""
    name = snapshot["record"]["request"].get("image", "")
    return next((one for one in Gimp.get_images() if name and identity.name_of(one) == name), None)


def results(snapshot: Snapshot, image: Optional[Any]) -> tuple[Any, Work]:
    """What the job has brought, as if it had ended now, for its image if that is open."""
    work = _work()
    return _results(work, image, work.earlier(snapshot)), work


def again(snapshot: Snapshot, image: Optional[Any]) -> Begun:
    """The same job with a new seed."""
    work, request = _work(), _request(snapshot)
    _check_pictures(work, request)
    return _begun(work, image, {**request, "seed": wire.new_seed()})


def varied(snapshot: Snapshot, image: Optional[Any], index: int, count: int) -> Begun:
    """So many variations on one of its results: repainted, where it was, by the same words."""
    work, request = _work(), _request(snapshot)
    picture = work.result(snapshot["id"], index)
    if picture is None:
        raise _gone()
    sent = work.send(picture)
    mode = wire.IMG2IMG if request["mode"] == wire.TXT2IMG else request["mode"]
    sized = {name: value for name, value in request.items() if name not in ("width", "height")}
    changed = {"mode": mode, "strength": VARIED, "count": count, "seed": wire.new_seed()}
    asked: Any = {**sized, **changed}
    varied = wire.with_pixels(asked, sent, _sent(request.get("mask"), sent))
    _check_pictures(work, varied)
    return _begun(work, image, varied)


def _work() -> Work:
    return Work(_("History"))


def _request(snapshot: Snapshot) -> JobRequest:
    """What was asked for, of this client and of one that waits."""
    asked = snapshot["record"]["request"]
    kept: Any = {name: value for name, value in asked.items() if name not in DROPPED}
    return {**kept, "interactive": True, "client": "gimp", "preview": False}


def _sent(reference: Optional[BlobRef], size: Sent) -> Optional[Sent]:
    return Sent(reference["blob"], size.width, size.height) if reference else None


def _begun(work: Work, image: Optional[Any], request: JobRequest) -> Begun:
    return Begun(work, request, partial(_results, work, image), "mask" in request)


def _results(work: Work, image: Optional[Any], outcome: Outcome) -> Any:
    """Where they were made; as a new image where that image is not open."""
    request = outcome.snapshot["record"]["request"]
    size, place = outcome.pictures[0], request.get("place")
    action = MADE_BY.get(request["mode"])
    if image is None or not image.is_valid() or place is None or action is None:
        box = Box(0, 0, size.width, size.height)
        pictures = work.pictures(outcome, Lineage("text_to_image", identity.Ledger()), box)
        return NewImage(pictures, box, False, None)
    box = Box(place.get("x", 0), place.get("y", 0), size.width, size.height)
    roots = _lineage(image, action, request)
    made = work.pictures(outcome, roots, box)
    where = work.place(outcome, image, None, box, Destination(), roots)
    return Results(made, where, outcome.mask)


def _lineage(image: Any, action: str, request: JobRequest) -> Lineage:
    """The server does not know which layers a source was; what is visible there stands for them."""
    ledger = identity.Ledger()
    ledger.adopt(image, request.get("image", ""))
    source = None
    if request.get("source"):
        seen = sources.choose(image, [], choices.VISIBLE, Destination())
        source = seen.record(ledger)
    steered: List[Any] = [None for _control in request.get("controls") or ()]
    return Lineage(action, ledger, ledger.name_of(image), source, steered)


def _check_pictures(work: Work, request: JobRequest) -> None:
    for reference in _pictures(request):
        if not work.has(reference["blob"]):
            raise _gone()


def _pictures(request: JobRequest) -> Iterator[BlobRef]:
    """Everything that was sent along."""
    found = [request.get("source"), request.get("mask")]
    found += [control.get("image") for control in request.get("controls") or ()]
    found += [reference.get("image") for reference in request.get("references") or ()]
    found += [region.get("mask") for region in request.get("regions") or ()]
    return (one for one in found if one)


def _gone() -> NotPossible:
    return NotPossible(
        _("The server no longer has the picture that this job started from."),
        _("Use its settings, and generate from what is in the image now."),
        "source_expired",
    )
