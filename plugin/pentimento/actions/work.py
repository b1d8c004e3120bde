"""One job's way to the server and back, shared by the actions that generate: connect, plan, send,
follow, fetch. All HTTP runs in a thread while GIMP's progress bar goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

import log
import server
from client import Client
from gimpio.layers import Picture, name_for
from gimpio.progress import Progress
from gimpio.sources import Source
from i18n import _, ngettext
from wire import Box, Pixels, Sent, Stored


@dataclass(frozen=True)
class Outcome:
    """A finished job: its last snapshot, the pictures and, if asked for, the mask as used, the
    stages (entry of the snapshot and picture) and their contact sheet as a PNG file."""

    snapshot: Dict[str, Any]
    pictures: List[Pixels]
    mask: Optional[Pixels]
    stages: List[Tuple[Dict[str, Any], Pixels]]
    sheet: Optional[bytes]


class Work:
    """The server's side of one action."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._progress = Progress(title)
        self._client: Client = self._progress.wait_for(lambda: server.ready(self._progress.tell))

    def plan(self, request: Dict[str, Any]) -> Dict[str, Any]:
        return self._progress.wait_for(lambda: self._client.plan(request))

    def box(self, request: Dict[str, Any]) -> Box:
        """The box of the canvas that the server wants to see for this job."""
        return Box.from_rect(self.plan(request)["box"])

    def send(self, pixels: Pixels) -> Sent:
        """Gives a picture to the server. Call it with the only reference: large pictures should
        not stay in memory while the server works."""
        self._progress.tell(_("Sending the picture…"))
        self._progress.wait_for(lambda: self._client.send(pixels))
        return pixels.sent

    def run(
        self, request: Dict[str, Any], wants_mask: bool = False, wants_sheet: bool = False
    ) -> Outcome:
        """Sends the job, waits for its end and fetches the results."""
        outcome = self._progress.wait_for(lambda: self._run(request, wants_mask, wants_sheet))
        self._progress.end()
        return outcome

    def _run(self, request, wants_mask, wants_sheet) -> Outcome:
        client, tell = self._client, self._progress.tell
        job_id = client.start_job(request)
        log.info("job %s: %s", job_id, request["mode"])
        snapshot = client.follow(job_id, lambda event, data: tell(*progress_of(event, data)))
        tell(_("Fetching the result…"))
        pictures = [client.picture(job_id, entry["index"]) for entry in snapshot["images"]]
        told = snapshot.get("stages", ())  # absent in answers of older servers
        stages = [(entry, client.stage(job_id, entry["index"])) for entry in told]
        sheet = client.contact_sheet(job_id) if wants_sheet and stages else None
        mask = client.mask(job_id) if wants_mask else None
        return Outcome(snapshot, pictures, mask, stages, sheet)

    def pictures(
        self,
        outcome: Outcome,
        action: str,
        box: Box,
        source: Optional[Source] = None,
        sent: Optional[Sent] = None,
        origin: str = "",
        control: Any = None,
        guides: Optional[Dict[str, Any]] = None,
    ) -> List[Picture]:
        """The results with names and the records for their layers. `sent` is what was read from the
        source, where its own numbers may stand for a result that equals it; `origin` is the first
        job of a chain of repetitions, `control` and `guides` the tattoos of the layers that
        steered and guided."""
        made = []
        contents = _unchanged(outcome, box, source, sent) or outcome.pictures
        for entry, content in zip(outcome.snapshot["images"], contents):
            record = {
                "version": 1,
                "action": action,
                "job": outcome.snapshot["id"],
                "origin": origin or outcome.snapshot["id"],
                "index": entry["index"],
                "seed": entry["seed"],
                "box": box.rect(),
                "source": source.record() if source else None,
                "control": control,
                "guides": guides or {},
                "record": outcome.snapshot["record"],
            }
            asked = outcome.snapshot["record"]["request"].get("prompt", "")
            prompt = entry["facts"].get("prompt", asked)  # what a template drew for it
            name = name_for(prompt, self._title, entry["seed"])
            made.append(Picture(content, name, record))
        return made


def _unchanged(
    outcome: Outcome, box: Box, source: Optional[Source], sent: Optional[Sent]
) -> List[Stored]:
    """The source's own numbers where the server gave back what it got (strength 0), as long as
    nobody has painted on the source since."""
    pictures = outcome.pictures
    if source is None or sent is None or any(made.sent != sent for made in pictures):
        return []
    if source.read(box).sent != sent:
        return []
    stored = source.read_stored(box)
    if stored is None:
        return []
    count = len(pictures)
    pictures.clear()  # large ones need not be there twice
    return [stored] * count


def progress_of(event: str, data: Dict[str, Any]):
    """(text, fraction) for an event of a job; the fraction is None while nothing can be counted."""
    if event == "snapshot":
        return _of_snapshot(data)
    if event == "queued":
        return _waiting(data.get("queue_position") or 0), None
    if event == "loading":
        return data.get("message") or _("Loading the model…"), data.get("progress")
    if event == "step":
        return _step(data), data.get("fraction")
    if event == "stage":
        return _("Keeping how it was made…"), None
    return _("Working…"), None


def _of_snapshot(data):
    if data["status"] == "queued":
        return _waiting(data.get("queue_position") or 0), None
    progress = data.get("progress") or {}
    if progress.get("phase") == "denoising":
        return _step(progress), progress.get("fraction")
    return progress.get("message") or _("Working…"), progress.get("fraction")


def _waiting(position: int) -> str:
    if position < 1:
        return _("Waiting for the server…")
    return ngettext("{n} job before this one", "{n} jobs before this one", position).format(
        n=position
    )


def _step(data: Dict[str, Any]) -> str:
    text = _("Step {step} of {steps}").format(step=data["step"], steps=data["steps"])
    if (data.get("images") or 1) > 1:
        text = _("Picture {image} of {images}").format(
            image=data["image"] + 1, images=data["images"]
        ) + (" · " + text)
    if data.get("eta_seconds") is not None:
        text += " · " + _time_left(data["eta_seconds"])
    return text


def _time_left(seconds: float) -> str:
    if seconds < 90:
        return _("{n} s left").format(n=max(1, round(seconds)))
    return _("{n} min left").format(n=round(seconds / 60))
