"""One job's way to the server and back, shared by the actions that generate: connect, plan, send,
follow, fetch. All HTTP runs in a thread while GIMP's progress bar goes on."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
    cast,
)

import log
import server
import strength_words
from actions import observing
from actions.lineage import Lineage
from client import Client, Tell, no_lists
from errors import PluginError, ServerRefused, Stopped
from gimpio.destination import Destination
from gimpio.layers import Picture, Place, Story, name_for, title_for
from gimpio.preview_layer import Footprint
from gimpio.progress import Progress
from gimpio.sources import Source
from i18n import _, ngettext
from server_texts import told
from wire import UPSCALE, Box, Pixels, Sent, Stored

if TYPE_CHECKING:
    from answers import (
        JobProgress,
        JobRequest,
        LoadingEvent,
        Plan,
        PlanRequest,
        Snapshot,
        StageEntry,
        StepEvent,
    )
    from context import Context
    from option_values import Values
    from records import LayerRecord, Placed


@dataclass(frozen=True)
class Outcome:
    """A finished job: its last snapshot, the pictures and, if asked for, the mask as used, the
    stages (entry of the snapshot and picture) and their contact sheet as a PNG file."""

    snapshot: Snapshot
    pictures: List[Pixels]
    mask: Optional[Pixels]
    stages: List[Tuple[StageEntry, Pixels]]
    sheet: Optional[bytes]


@dataclass(frozen=True)
class Results:
    """Pictures that are ready for their place, with the mask of their layers and how they were
    made."""

    pictures: List[Picture]
    place: Place
    mask: Any = None
    story: Optional[Story] = None

    def put(self, display: bool) -> Placed:
        return self.place.put(self.pictures, self.mask, display, self.story)


@dataclass(frozen=True)
class Begun:
    """An action whose job is ready to be sent. `results` makes of the outcome what has a method
    `put(display)`, which gives the return values; both are for the main thread. `footprint` is
    where the results will lie, as far as an open image can show that before."""

    work: Work
    request: JobRequest
    results: Callable[[Outcome], Any]
    wants_mask: bool = False
    wants_sheet: bool = False
    footprint: Optional[Footprint] = None

    def to_the_end(self, context: Context) -> Placed:
        """Sends the job, waits for it and places what it brings."""
        outcome = self.work.run(self.request, self.wants_mask, self.wants_sheet)
        placed = self.results(outcome).put(context.interactive)
        observing.save_sheet(context.values, outcome)
        return placed


class Work:
    """The server's side of one action."""

    def __init__(self, title: str, name: str = "") -> None:
        """`name` is what results without words are called, else as the work is."""
        self._title = name or title
        self._progress = Progress(title)
        self._job = ""
        self._which = ""  # of several jobs
        self._stopped = threading.Event()
        self._client: Client = self._progress.wait_for(lambda: server.ready(self._progress.tell))

    def count(self, number: int, of: int) -> None:
        """The next job is this one of so many: what is told of it says so."""
        self._which = _("Picture {image} of {images}").format(image=number, images=of) + " · "

    @property
    def client(self) -> Client:
        return self._client

    def plan(self, request: PlanRequest) -> Plan:
        return self._progress.wait_for(lambda: self._client.plan(request))

    def in_numbers(self, values: Values) -> Values:
        """The values with the number that a word for the strength is for their model."""
        lists = no_lists()
        if strength_words.depends_on_model(values):
            lists = self._progress.wait_for(self._client.lists)
        return strength_words.in_numbers(values, strength_words.of_model(lists, values))

    def box(self, request: PlanRequest) -> Box:
        """The box of the canvas that the server wants to see for this job."""
        return Box.from_rect(self.plan(request)["box"])

    def can(self, mode: str) -> bool:
        """Whether an installed model can work in a mode."""
        models = self._progress.wait_for(lambda: self._client.lists())["models"]
        return any(model.get("ok", True) and mode in model.get("modes", ()) for model in models)

    def send(self, pixels: Pixels) -> Sent:
        """Gives a picture to the server. Call it with the only reference: large pictures should
        not stay in memory while the server works."""
        self._progress.tell(_("Sending the picture…"))
        self._progress.wait_for(lambda: self._client.send(pixels))
        return pixels.sent

    def has(self, blob: str) -> bool:
        """Whether the server has this picture already."""
        return self._progress.wait_for(lambda: self._client.has(blob))

    def result(self, job_id: str, index: int) -> Optional[Pixels]:
        """A result of an earlier job; None where the server has it no more."""
        return self._kept(lambda: self._client.picture(job_id, index))

    def mask_used(self, job_id: str) -> Optional[Pixels]:
        """The mask of an earlier job as the server used it; None where it has it no more."""
        return self._kept(lambda: self._client.mask(job_id))

    def _kept(self, fetch: Callable[[], Pixels]) -> Optional[Pixels]:
        try:
            return self._progress.wait_for(fetch)
        except ServerRefused as error:
            if error.status != 404:
                raise
            return None

    def run(
        self, request: JobRequest, wants_mask: bool = False, wants_sheet: bool = False
    ) -> Outcome:
        """Sends the job, waits for its end and fetches the results."""
        tell = self._progress.tell

        def hear(event: str, data: Mapping[str, Any]) -> None:
            progress = progress_of(event, data)
            if progress is not None:
                text, fraction = progress
                tell(self._which + text, fraction)

        try:
            outcome = self._progress.wait_for(
                lambda: self.follow(request, hear, wants_mask, wants_sheet)
            )
        except Stopped:
            self._stopped.set()
            threading.Thread(target=self._cancel, daemon=True).start()
            raise
        self._progress.end()
        return outcome

    def _cancel(self) -> None:
        """In a thread. A server that is gone has nothing left to cancel."""
        if self._job:
            with suppress(PluginError):
                self._client.cancel(self._job)

    def follow(
        self,
        request: JobRequest,
        hear: Tell,
        wants_mask: bool = False,
        wants_sheet: bool = False,
    ) -> Outcome:
        """In a thread: the job from its start to its results. `hear(event, data)` is called in that
        thread with all that happens, `sent` with the job's id before anything else."""
        client = self._client
        job_id = self._job = client.start_job(request)
        log.info("job %s: %s", job_id, request["mode"])
        hear("sent", {"id": job_id})
        if self._stopped.is_set():  # pressed before there was a job to cancel
            self._cancel()
        snapshot = client.follow(job_id, hear)
        hear("fetching", {})
        return self._fetched(snapshot, wants_mask, wants_sheet)

    def earlier(self, snapshot: Snapshot) -> Outcome:
        """What a job of the history has brought, fetched once more."""
        wants_mask = snapshot["mask"] is not None
        return self._progress.wait_for(lambda: self._fetched(snapshot, wants_mask))

    def _fetched(
        self, snapshot: Snapshot, wants_mask: bool = False, wants_sheet: bool = False
    ) -> Outcome:
        """In a thread: the pictures of a job that has ended."""
        client, job_id = self._client, snapshot["id"]
        pictures = [client.picture(job_id, entry["index"]) for entry in snapshot["images"]]
        told = snapshot.get("stages", ())  # absent in answers of older servers
        stages = [(entry, client.stage(job_id, entry["index"])) for entry in told]
        sheet = client.contact_sheet(job_id) if wants_sheet and stages else None
        mask = client.mask(job_id) if wants_mask else None
        return Outcome(snapshot, pictures, mask, stages, sheet)

    def pictures(
        self,
        outcome: Outcome,
        lineage: Lineage,
        box: Box,
        source: Optional[Source] = None,
        sent: Optional[Sent] = None,
    ) -> List[Picture]:
        """The results with names and the records for their layers. `sent` is what was read from the
        source, where its own numbers may stand for a result that equals it."""
        made: List[Picture] = []
        count = len(outcome.snapshot["images"])
        contents: Sequence[Union[Pixels, Stored]] = (
            _unchanged(outcome, box, source, sent) or outcome.pictures
        )
        for entry, content in zip(outcome.snapshot["images"], contents):
            record: LayerRecord = {
                "version": 2,
                **lineage.fields(),
                "job": outcome.snapshot["id"],
                "origin": lineage.origin or outcome.snapshot["id"],
                "index": entry["index"],
                "seed": entry["seed"],
                "box": box.rect(),
                "record": outcome.snapshot["record"],
            }
            if "seam" in entry["facts"]:
                record["seam"] = entry["facts"]["seam"]
            asked = outcome.snapshot["record"]["request"]
            prompt = entry["facts"].get("prompt", asked.get("prompt", ""))  # as a template drew it
            title = title_for(prompt, self._title)
            which = entry["seed"], len(made) + 1, count
            strength = asked.get("strength")
            name = name_for(title, 1.0 if strength is None else strength, *which)
            if asked.get("mode") == UPSCALE:  # there is nothing to tell apart by a seed
                name = _("Enlarged {scale} ×").format(scale=f"{asked.get('scale', 2.0):g}")
            made.append(Picture(content, name, {**record, "name": name}))
        return made

    def place(
        self,
        outcome: Outcome,
        image: Any,
        above: Any,
        box: Box,
        destination: Destination,
        lineage: Optional[Lineage] = None,
    ) -> Place:
        """Where the results go, which says where they are kept if they can't go there."""
        ledger = lineage.ledger if lineage else None
        kept = _("The server keeps the result: {url}").format(
            url=self._client.address_of(outcome.snapshot["id"])
        )
        prompt = outcome.snapshot["record"]["request"].get("prompt", "")
        title = title_for(prompt, self._title)
        return Place(image, above, box, destination, ledger, kept, title=title)


def _unchanged(
    outcome: Outcome, box: Box, source: Optional[Source], sent: Optional[Sent]
) -> List[Stored]:
    """The source's own numbers where the server gave back what it got (strength 0), as long as
    nobody has painted on the source since."""
    pictures = outcome.pictures
    if source is None or sent is None or any(made.sent != sent for made in pictures):
        return []
    if not source.is_there():
        return []
    if source.read(box).sent != sent:
        return []
    stored = source.read_stored(box)
    if stored is None:
        return []
    count = len(pictures)
    pictures.clear()  # large ones need not be there twice
    return [stored] * count


def progress_of(event: str, data: Mapping[str, Any]) -> Optional[Tuple[str, Optional[float]]]:
    """(text, fraction) for an event of a job; the fraction is None while nothing can be counted.
    None for events that tell nothing of it, such as previews: what is shown stays then."""
    if event == "snapshot":
        return _of_snapshot(cast("Snapshot", data))
    if event == "queued":
        return _waiting(data.get("queue_position") or 0), None
    if event == "loading":
        loading = cast("LoadingEvent", data)
        text = told(loading.get("message") or "") or _("Loading the model…")
        return text, loading.get("progress")
    if event == "step":
        step = cast("StepEvent", data)
        return _step(step), step.get("fraction")
    if event == "fetching":
        return _("Fetching the result…"), None
    if event == "stage":
        return _("Keeping how it was made…"), None
    return None


def _of_snapshot(data: Snapshot) -> Tuple[str, Optional[float]]:
    if data["status"] == "queued":
        return _waiting(data.get("queue_position") or 0), None
    progress = data.get("progress")
    if not progress:
        return _("Working…"), None
    if progress.get("phase") == "denoising":
        return _step(progress), progress.get("fraction")
    return told(progress.get("message") or "") or _("Working…"), progress.get("fraction")


def _waiting(position: int) -> str:
    if position < 1:
        return _("Waiting for the server…")
    return ngettext("{n} job before this one", "{n} jobs before this one", position).format(
        n=position
    )


def _step(data: Union[StepEvent, JobProgress]) -> str:
    text = _("Step {step} of {steps}").format(step=data["step"], steps=data["steps"])
    if (data.get("images") or 1) > 1:
        text = _("Picture {image} of {images}").format(
            image=data["image"] + 1, images=data["images"]
        ) + (" · " + text)
    left = data.get("eta_seconds")
    if left is not None:
        text += " · " + _time_left(left)
    return text


def _time_left(seconds: float) -> str:
    if seconds < 90:
        return _("{n} s left").format(n=max(1, round(seconds)))
    return _("{n} min left").format(n=round(seconds / 60))
