"""The panel's jobs, of all images: begun for what the panel says, followed, and placed when they
have ended."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Set, Tuple

from gi.repository import Gimp, GLib

import dialogs.native as native
import remembered
import texts
from actions import earlier
from actions.work import Begun
from context import Context
from errors import PluginError, Stopped
from gimpio import preview_layer
from gimpio.progress import watched_by
from i18n import _, ngettext
from run import in_words
from studio.canvas_previews import CanvasPreviews
from studio.results import SIDE, Made
from studio.runs import Run
from studio.shelf import Shelf

if TYPE_CHECKING:
    from answers import Snapshot

PAUSE_MS = 50  # until what must wait for the beginning of a job is tried again


@dataclass
class _Started:
    """What a run was begun for: where the selection was, and in which words."""

    spot: Tuple[Any, ...]
    title: str
    private: bool  # nothing is to be kept of it


class Jobs:
    """Of `panel` it asks what to make, and tells it what has come."""

    def __init__(self, panel: Any) -> None:
        self._panel = panel
        self._started: Dict[Run, _Started] = {}
        self._images: Dict[str, Any] = {}  # by the names in the jobs that were sent for them
        self._private: Set[str] = set()  # ids of jobs that have ended; the server forgets them soon
        self.previews = CanvasPreviews(lambda: panel.config.get_property("preview-layer"))
        self.beginning = False  # GIMP is asked for pixels, and nothing may be put into an image

    @property
    def runs(self) -> List[Run]:
        """What runs and waits, the oldest first."""
        return list(self._started)

    def is_private(self, job: str) -> bool:
        """Whether the history must not show this job, which the server may still know."""
        running = (run.id for run, started in self._started.items() if started.private)
        return job in self._private or job in running

    def generate(self, context: Context, spot: Tuple[Any, ...]) -> None:
        """A job for what the panel says now."""
        action = importlib.import_module("actions." + context.action.key)
        if context.image is not None:  # where other panels were killed
            preview_layer.sweep(context.image, self.previews.layers)
        begun = self.begin(lambda: action.begin(context))
        if begun is None:
            return
        prompt, title = context.values["prompt"], _(context.action.title)
        if not self._panel.private:
            self._panel.face.prompt.remember(prompt)
            remembered.keep_words(prompt, context.values.get("negative-prompt", ""))
        self.send(begun, context.image, spot, prompt, title)

    def begin(self, make: Callable[[], Any], quietly: bool = False) -> Any:
        """What `make` gives, which may read pixels and wait for the server; None where it failed,
        which is told. `quietly`: nobody has pressed anything."""
        panel = self._panel
        if self.beginning or panel.closed:
            return None
        self.beginning = True
        if not quietly:
            panel.news.bar.hide()
            panel.face.button.set_sensitive(False)
        try:
            with watched_by(self, alone=True):
                return make()
        except Stopped:
            return None
        except Exception as error:
            panel.tell(in_words(panel.procedure, error))
            return None
        finally:
            self.beginning = False
            panel.begun()

    def watch(self, text: str, _fraction: Optional[float], seconds: float) -> None:
        """While a job is begun: the window lives on (see gimpio.progress.watched_by)."""
        native.live(seconds)
        if self._panel.closed:
            raise Stopped(text, "", "stopped")

    def send(
        self, begun: Begun, image: Any, spot: Tuple[Any, ...], prompt: str, fallback: str
    ) -> None:
        """`fallback` is what a job without words is called."""
        panel = self._panel
        words = texts.line(prompt) or fallback
        strength = begun.request.get("strength") or 1.0  # first, as in the names of layers
        caption = f"{strength:.2f} · {words}" if strength < 1 else words
        title = caption
        if image is not None and image.is_valid():
            title = f"{caption} · {image.get_name()}"
        run = Run(begun, image, title, panel.background, self._told, self._ended, words)
        self._started[run] = _Started(spot, caption, panel.private)
        if image is not None and begun.request.get("image"):
            self._images[begun.request["image"]] = image
        panel.face.queue.add_run(run)
        run.start()

    def home(self, job: Snapshot) -> Optional[Any]:
        """The image that a job of the history was for, where it is open. An image bears its name
        only with its first result; until then the panel knows it."""
        image = self._images.get(job["record"]["request"].get("image", ""))
        return earlier.home(job) or (image if image is not None and image.is_valid() else None)

    def stop_first(self) -> None:
        """The job that is at work."""
        for run in self.runs[:1]:
            run.stop()

    def stop_all(self) -> None:
        """Those that wait first, so that none of them begins meanwhile."""
        for run in reversed(self.runs):
            run.stop()

    def _told(self, run: Run) -> None:
        self._panel.face.queue.update(run)
        if not self.beginning and not self._panel.closed:
            self.previews.show(run)

    def _ended(self, run: Run) -> None:
        """While another job is begun, which is between reading its source and its selection,
        nothing is put into an image."""
        if self.beginning:
            GLib.timeout_add(PAUSE_MS, self._ended_later, run)
            return
        started = self._started.pop(run)
        if started.private:
            self._private.add(run.id)
        self.previews.end(run)
        self._panel.face.queue.remove_run(run)
        self._take(run, started)
        self._panel.job_ended()

    def _ended_later(self, run: Run) -> bool:
        if not self._panel.closed:
            self._ended(run)
        return GLib.SOURCE_REMOVE

    def _take(self, run: Run, started: _Started) -> None:
        self._panel.face.status.update()
        if run.error is not None:
            self._failed(run, in_history=not started.private)
            if started.private:
                self._forget(run.begun.work.client, run.id)
            return
        try:
            results, client = run.begun.results(run.outcome), run.begun.work.client
            self._show(results, client, run.id, started.spot, started.title, started.private)
            if run.finishing:
                self._panel.tell_fact(_what_was_kept(run))
        except Exception as error:
            self._panel.tell(in_words(self._panel.procedure, error))
        Gimp.displays_flush()

    def _forget(self, client: Any, job: str) -> None:
        """Once all that is needed of it is here."""
        if job:
            tell = self._panel.tell
            work = lambda: client.forget(job)  # noqa: E731
            self._panel.background.run(work, lambda _none: None, lambda error: tell(str(error)))

    def place(self, results: Any, client: Any, job: str, spot: Tuple[Any, ...], title: str) -> None:
        """Results that were there already, as if their job had ended now."""
        self._panel.attempt(lambda: self._show(results, client, job, spot, title))
        Gimp.displays_flush()

    def _show(
        self,
        results: Any,
        client: Any,
        job: str,
        spot: Tuple[Any, ...],
        title: str,
        private: bool = False,
    ) -> None:
        """The first result of a job on the canvas and all of them in the strip."""
        panel = self._panel
        if getattr(results, "place", None) is None:  # a new image
            placed = results.put(True)
            panel.aim(placed["image"])
            if private:
                self._forget(client, job)
            return
        folder = None if private else Gimp.cache_directory()
        shelf = Shelf(results.pictures, folder)
        made = Made(replace(results, pictures=[]), shelf, spot, title, client)
        panel.show_made(made, 0)
        self._add_to_strip(job, made, private)

    def _add_to_strip(self, job: str, made: Made, private: bool) -> None:
        panel, client = self._panel, made.client
        count = len(made.shelf)

        def thumbnails() -> List[bytes]:
            side = SIDE * panel.window.get_scale_factor()
            found = [client.thumbnail(job, index, side) for index in range(count)]
            if private:
                client.forget(job)
            return found

        def add(files: List[bytes]) -> None:
            panel.face.strip.add_job(made, files)
            panel.mark_shown()

        panel.background.run(thumbnails, add, lambda error: panel.tell(str(error)))

    def _failed(self, run: Run, in_history: bool) -> None:
        panel = self._panel
        cancelled = getattr(run.error, "code", "") == "cancelled"
        if run.stopping or cancelled:
            count = run.finished if in_history else 0
            nothing = _("Stopped. Nothing was changed.")
            kept = ngettext(
                "Stopped. {n} picture was finished: it is in the history.",
                "Stopped. {n} pictures were finished: they are in the history.",
                count,
            ).format(n=count)
            panel.tell_fact(kept if count else nothing)
            panel.face.history.refresh()
            return
        try:
            raise run.error or PluginError("")
        except Exception as error:
            panel.tell(in_words(panel.procedure, error))


def _what_was_kept(run: Run) -> str:
    """After Stop and Keep."""
    snapshot = run.outcome.snapshot
    step, count = snapshot["record"]["request"].get("stopped_at"), len(snapshot["images"])
    if not step:
        told = _("It was finished already: nothing is missing.")
    else:
        told = _("Stopped after step {step} of {steps}. The picture is as it was by then.").format(
            step=step, steps=max(run.steps, step)
        )
    several = ngettext("{n} picture is there.", "{n} pictures are there.", count).format(n=count)
    return f"{told} {several}" if run.begun.request.get("count", 1) > 1 else told
