"""Every call of docs/protocol.md that the plug-in uses. Knows nothing of GIMP."""

from __future__ import annotations

import os
import stat
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, List, Mapping, Optional
from urllib.parse import urlencode

import failure_words
import wire
from errors import JobFailed, ServerRefused, ServerUnreachable
from i18n import _
from transport import HEALTH_SECONDS, Transport

if TYPE_CHECKING:
    from answers import (
        Available,
        BackendEntry,
        Checked,
        ErrorParts,
        JobRequest,
        Jobs,
        Lists,
        Plan,
        PlanRequest,
        PullSnapshot,
        ServiceChange,
        Snapshot,
        Status,
    )

PIXELS_SECONDS = 120
GONE_SECONDS = 8  # how long a server may be away in the middle of a job
RETRY_SECONDS = 0.3
SHARED_BYTES = 2**20  # and more go by way of a file, where that is offered

Tell = Callable[[str, Mapping[str, Any]], None]  # actions.work.progress_of knows their shapes


class Client(Transport):
    """What the server does for the plug-in."""

    def prove(self) -> None:
        """Raises where the server is not Pentimento, or does not take the token."""
        self._prove()
        if not self.token:
            self.status()  # whether it wants one

    def check(self) -> Status:
        """The server's status, once it is known to be Pentimento and to take the token."""
        self._prove()
        return self.status()

    def status(self) -> Status:
        return self._json("GET", "/v1/status", seconds=HEALTH_SECONDS)

    def lists(self) -> Lists:
        """The server's `models`, and the `controlnets` and `loras` for them; its `styles`."""
        both: Any = {**self._json("GET", "/v1/models"), **self._json("GET", "/v1/styles")}
        return both

    def available(self) -> Available:
        """Models that can be downloaded, with the machine's memory and the free space."""
        return self._json("GET", "/v1/models/available")

    def pulls(self) -> List[PullSnapshot]:
        """Downloads that run, wait or have ended."""
        return self._json("GET", "/v1/models/pulls")["pulls"]

    def pull(self, model: str, accept_licence: bool = False) -> PullSnapshot:
        """Begins a download or goes on with it."""
        request = {"id": model, "accept_licence": accept_licence}
        return self._json("POST", "/v1/models/pull", request)

    def pause_pull(self, model: str) -> PullSnapshot:
        return self._json("POST", f"/v1/models/pulls/{model}/pause", {})

    def cancel_pull(self, model: str) -> PullSnapshot:
        """Gives a download up with what has come."""
        return self._json("DELETE", "/v1/models/pulls/" + model)

    def remove_model(self, model: str) -> None:
        self._json("DELETE", "/v1/models/" + model)

    def backends(self, mode: str = "", count: int = 1) -> List[BackendEntry]:
        """Where jobs can run, this machine first: jobs of this mode that make so many pictures, or
        any."""
        asked = "?" + urlencode({"mode": mode, "count": count}) if mode else ""
        return self._json("GET", "/v1/backends" + asked)["backends"]

    def set_up(
        self, backend: str, change: ServiceChange, key: str = "", agreed: Optional[bool] = None
    ) -> BackendEntry:
        """Changes a service's settings, its key (empty: stays) and the consent (None: stays), in an
        order in which a key only goes to the new address. The service as it is then."""
        path = "/v1/backends/" + backend
        entry = self._json("PUT", path, change)
        if key:
            entry = self._json("PUT", path + "/key", {"key": key})
        if agreed is not None:
            entry = self._json("POST", path + "/consent", {"agreed": agreed})
        return entry

    def forget_key(self, backend: str) -> BackendEntry:
        return self._json("DELETE", f"/v1/backends/{backend}/key")

    def check_backend(self, backend: str) -> Checked:
        """What a service offers whose address and key work; raises what is wrong with them."""
        return self._json("POST", f"/v1/backends/{backend}/check", {})

    def warm(self, model: str) -> None:
        """Lets the engine start and read a model, so that the first job need not wait for that."""
        self._json("POST", "/v1/engine/start", {"model": model})

    def plan(self, request: PlanRequest) -> Plan:
        return self._json("POST", "/v1/plan", request)

    def workflow(self, record: Any, form: str) -> Any:
        """A recorded job for ComfyUI: `workflow`, and `notes` in English."""
        asked = {"request": record["request"], "facts": record.get("facts", {}), "form": form}
        return self._json("POST", "/v1/workflow", asked)

    def has(self, blob: str) -> bool:
        """Whether the server has a picture, which it keeps for a while from now on."""
        status, _headers, _body = self._exchange("HEAD", "/v1/blobs/" + blob, accept=(200, 404))
        return status != 404

    def send(self, pixels: wire.Pixels) -> str:
        """Sends pixels that the server does not have yet; their blob id."""
        blob = pixels.blob_id
        if not self.has(blob) and not self._shared(pixels):
            self._exchange(
                "PUT",
                "/v1/blobs",
                pixels.data,
                {"Content-Type": pixels.content_type},
                seconds=PIXELS_SECONDS,
            )
        return blob

    def _shared(self, pixels: wire.Pixels) -> bool:
        """Whether the server has the pixels by way of a file that it lends to programs on its own
        machine. It is opened and never made: where a sandbox shows another folder there is none."""
        if not self._shares or len(pixels.data) < SHARED_BYTES:
            return False
        wanted = {"format": pixels.format, "width": pixels.width, "height": pixels.height}
        try:
            lent = self._json("POST", "/v1/shared", wanted)
            flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(str(lent["path"]), flags), "wb", buffering=0) as file:
                _refuse_all_but_empty(file.fileno())
                left = memoryview(pixels.data)
                while left:
                    left = left[file.write(left) :]
            taken = self._json("PUT", "/v1/shared/" + str(lent["name"]), seconds=PIXELS_SECONDS)
        except (OSError, KeyError, ServerRefused):
            self._shares = False  # it is sent, and so are the next ones
            return False
        return taken.get("id") == pixels.blob_id

    def start_job(self, request: JobRequest) -> str:
        return self._json("POST", "/v1/jobs", request)["id"]

    def job(self, job_id: str) -> Snapshot:
        return self._json("GET", "/v1/jobs/" + job_id)

    def address_of(self, job_id: str, index: int = 0) -> str:
        """Where a job's picture can be fetched."""
        return f"{self.url}/v1/jobs/{job_id}/images/{index}"

    def cancel(self, job_id: str) -> None:
        self._json("DELETE", "/v1/jobs/" + job_id)

    def forget(self, job_id: str) -> None:
        """Nothing is to be kept of a job that has ended."""
        self._json("DELETE", f"/v1/jobs/{job_id}?forget=true")

    def finish(self, job_id: str) -> None:
        """Stop and keep: the running job gives what it has."""
        self._json("POST", f"/v1/jobs/{job_id}/finish", {})

    def change_job(self, job_id: str, **change: Any) -> None:
        """Its `position` among those that wait, "next" or from 1, and whether it is `starred`."""
        self._json("PATCH", "/v1/jobs/" + job_id, change)

    def history(self, **query: str) -> Jobs:
        """Jobs that were, newest first, and where the next page begins: GET /v1/jobs."""
        given = {name: value for name, value in query.items() if value}
        return self._json("GET", "/v1/jobs?" + urlencode(given))

    def preview(self, job_id: str) -> bytes:
        """The newest preview, as a JPEG file."""
        _status, _headers, body = self._exchange("GET", f"/v1/jobs/{job_id}/preview")
        return bytes(body)

    def thumbnail(self, job_id: str, index: int, side: int) -> bytes:
        """A result of at most so many px, as a PNG file."""
        path = f"/v1/jobs/{job_id}/images/{index}?thumbnail={side}"
        _status, _headers, body = self._exchange("GET", path, headers={"Accept": "image/png"})
        return bytes(body)

    def picture(self, job_id: str, index: int) -> wire.Pixels:
        return self._pixels(f"/v1/jobs/{job_id}/images/{index}")

    def mask(self, job_id: str) -> wire.Pixels:
        """The mask as the server used it: grown and feathered."""
        return self._pixels(f"/v1/jobs/{job_id}/mask")

    def stage(self, job_id: str, index: int) -> wire.Pixels:
        """One of an observed job's stages."""
        return self._pixels(f"/v1/jobs/{job_id}/stages/{index}")

    def contact_sheet(self, job_id: str) -> bytes:
        """All stages of an observed job on one picture, as a PNG file."""
        path = f"/v1/jobs/{job_id}/contact-sheet"
        _status, _headers, body = self._exchange("GET", path, seconds=PIXELS_SECONDS)
        return bytes(body)

    def shutdown(self) -> None:
        self._json("POST", "/v1/shutdown", {})

    def follow(self, job_id: str, tell: Tell) -> Snapshot:
        """Waits for the end of a job; its last snapshot. `tell(event, data)` hears of every event.
        Raises JobFailed, or ServerUnreachable when the server stays away."""
        last_id = ""
        lost_at: Optional[float] = None
        while True:
            try:
                for event, event_id, data in self._events(job_id, last_id):
                    lost_at = None
                    last_id = event_id or last_id
                    if event in wire.FINAL:
                        return _succeeded(data)
                    tell(event, data)
                snapshot = self.job(job_id)  # a stream without an end means: ask the job
                if snapshot["status"] in wire.FINAL:
                    return _succeeded(snapshot)
                lost_at = None
            except ServerUnreachable:
                lost_at = lost_at or time.monotonic()
                if time.monotonic() - lost_at > GONE_SECONDS:
                    raise
            threading.Event().wait(RETRY_SECONDS)

    def _pixels(self, path: str) -> wire.Pixels:
        _status, headers, body = self._exchange(
            "GET", path, headers={"Accept": wire.RAW_TYPE}, seconds=PIXELS_SECONDS
        )
        try:
            return wire.Pixels.from_answer(headers.get("Content-Type", ""), body)
        except ValueError as error:
            raise ServerUnreachable(
                _("The server sent a damaged picture: {reason}").format(reason=error),
                _("Update the server and the plug-in to the same version."),
                "bad_answer",
            ) from error


def _refuse_all_but_empty(number: int) -> None:
    """Whatever a server says, nothing that is somebody's is written over."""
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode) or found.st_size or found.st_uid != os.getuid():
        raise OSError("not an empty file of this user")


def no_lists() -> Lists:
    """What there is to choose from before a server has told it."""
    names = ("models", "loras", "controlnets", "vaes", "embeddings", "ip_adapters", "upscalers")
    empty: Any = {name: [] for name in (*names, "wildcards", "styles")}
    return empty


NO_REASON: ErrorParts = {"code": "", "message": "", "hint": "", "details": {}}


def _succeeded(snapshot: Snapshot) -> Snapshot:
    if snapshot["status"] == wire.SUCCEEDED:
        return snapshot
    if snapshot["status"] == wire.CANCELLED:
        raise JobFailed(_("The job was cancelled on the server."), "", "cancelled")
    error = snapshot.get("error") or NO_REASON
    raise JobFailed(
        failure_words.told(error.get("message") or "") or _("The job failed on the server."),
        failure_words.told(error.get("hint") or "")
        or _("The server's log tells more; see Filters > Pentimento > Setup > Doctor."),
        error.get("code", ""),
    )
