"""The window of the studio panel, and its life: it stays open while the person paints, follows the
image that it is aimed at, and sends the jobs of all images."""

from __future__ import annotations

import gc
import importlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

import dialogs.native as native

if TYPE_CHECKING:
    from answers import BackendEntry, Lists, Plan, PlanRequest
    from option_values import Values

native.start()

from gi.repository import Gdk, Gimp, GLib, Gtk

import choices
import log
import remembered
import studio.aim as aim
import studio.commands as commands
import texts
from context import Context, values_of
from dialogs.background import Background
from dialogs.news import News
from errors import NotPossible, PluginError, Stopped
from gimpio.destination import Destination
from gimpio.progress import watched_by
from i18n import _, ngettext
from run import in_words
from studio.face import Face
from studio.results import SIDE, Made
from studio.runs import Run
from studio.shown import Shown

LOOK_MS = 300  # GIMP tells nobody that an image, a selection or a layer has changed
LOOKS_PER_COLLECTION = 32  # of all objects, which takes some ms; the young ones are few
PAUSE_MS = 50  # until what must wait for the beginning of a job is tried again


def show(procedure: Any, config: Any, context: Context) -> None:
    """Opens the panel and serves it until it is closed. Where one is open already it is aimed at
    this image instead."""
    if not context.interactive:
        raise NotPossible(
            _("The studio panel is a window, and there is nobody to see it."),
            _("Use the actions that it calls, such as Image to Image."),
            "not_interactive",
        )
    if commands.aim_open_panel(context.image):
        return
    # GIMP's objects must be freed in the main thread: a layer's pixels are written to GIMP then.
    # Python collects rings of objects in whichever thread it is, so it is done in _look instead.
    gc.disable()
    panel = Panel(procedure, config, context)
    panel.offer.begin()
    try:
        panel.serve()
    finally:
        panel.offer.end()
        gc.enable()


@dataclass
class _Started:
    """What a run was begun for: where the selection was, and in which words."""

    spot: Tuple[Any, ...]
    title: str


class Panel:
    """What the parts of the panel call is public."""

    def __init__(self, procedure: Any, config: Any, context: Context) -> None:
        self.procedure, self.config = procedure, config
        self.action = context.action
        self.context = Context(context.action, None, [], interactive=True)
        self.offer = commands.Offer(procedure.get_plug_in(), self)
        self.background = Background()
        self.news = News()
        self._shown = Shown()
        self._spots: Dict[int, Tuple[Any, ...]] = {}  # of the tries, by image
        self._started: Dict[Run, _Started] = {}
        self._loop = GLib.MainLoop()
        self._seen: Tuple[Any, ...] = ()
        self._looks = 0
        self._allowed = False
        self._beginning = False
        self._closed = False
        self._question: Optional[Gtk.MessageDialog] = None
        self._comparing = False
        self._keeper = remembered.Keeper(self.action, config)
        self.face = Face(self)
        self.window = self.face.window
        self.window.connect("delete-event", self._asked_to_close)
        self.window.connect("key-press-event", self._pressed)
        self._handler = config.connect("notify", lambda *_args: self._changed())
        self._timer = GLib.timeout_add(LOOK_MS, self._look_again)
        self.aim(context.image)
        self.background.run(self._earlier, self._know, lambda error: None)

    # Its life

    def serve(self) -> None:
        self.window.show()
        self.window.present()
        self._loop.run()

    def _asked_to_close(self, *_args: Any) -> bool:
        self.ask_to_close()
        return True  # the window itself closes nothing

    def ask_to_close(self) -> None:
        """Closes it; asks before that where jobs would be lost."""
        count = len(self.face.queue.runs)
        if not count:
            self.close()
            return
        if self._question is not None:
            self._question.present()
            return
        self._question = native.question(
            self.window,
            _("Close the Panel?"),
            ngettext("{n} job is not finished.", "{n} jobs are not finished.", count).format(
                n=count
            ),
            _("Closing the panel stops what runs and waits. Results in the images stay."),
            (_("Keep _Open"), _("_Stop and Close")),
            self._answered,
        )

    def _answered(self, close: bool) -> None:
        self._question = None
        if close:
            self.close()

    def close(self) -> None:
        """Ends it; what waits and runs is stopped. Results on trial stay in their images."""
        if self._closed:
            return
        self._closed = True
        if self._question is not None:
            self._question.destroy()
        for run in self.face.queue.runs:
            run.stop()
        for image in Gimp.get_images():
            self._attempt(partial(self._shown.keep, image))
        self._keeper.now()
        GLib.source_remove(self._timer)
        self.config.disconnect(self._handler)
        self.face.close()
        self.background.close()
        self.window.destroy()
        self._loop.quit()

    # The image

    @property
    def image(self) -> Any:
        return self.context.image

    def aim(self, image: Any) -> None:
        """From now on this image is worked on; a job that is being begun is for the one before."""
        if self._beginning:
            GLib.timeout_add(LOOK_MS, self._aim_later, image)
            return
        if image is not None and not image.is_valid():
            image = None
        if image != self.context.image or image is None:
            self.context.image = image
            self.context.drawables = []
            self.face.aimed()
        self._look()
        if self.window.get_visible():
            self.window.present()

    def _aim_later(self, image: Any) -> bool:
        if not self._closed:
            self.aim(image)
        return GLib.SOURCE_REMOVE

    def _look_again(self) -> bool:
        """By the timer. An image or a layer may vanish between two questions about it: GIMP answers
        those with errors, and the next look sees what is left."""
        self._looks += 1
        gc.collect(1 if self._looks % LOOKS_PER_COLLECTION else 2)
        try:
            self._look()
        except Exception as error:
            self._seen = ()
            log.error("studio: %s: %s", type(error).__name__, error)
        return GLib.SOURCE_CONTINUE

    def _look(self) -> None:
        """What has changed in GIMP since the last look."""
        if self._closed or self._beginning:
            return
        images = Gimp.get_images()
        if self.image is None or not self.image.is_valid():
            self.context.image = images[0] if images else None
            self.context.drawables = []
            self.face.aimed()
        self.face.images.fill(images, self.image)
        seen = aim.look(self.image)
        if seen != self._seen:
            self._seen = seen
            if self.image is not None:
                self.face.follow_layers(list(self.image.get_selected_drawables()))
                self.context.left_out = self._tries_here()
            self.face.status.update()
            self._name_button()
            self.mark_shown()

    def _spot(self) -> Tuple[Any, ...]:
        """Where the work is: further tries at the same place do not start from one another."""
        if self.image is None:
            return ()
        return tuple(list(Gimp.Selection.bounds(self.image))[1:])

    def _tries_here(self) -> List[Any]:
        layer = self._shown.layer_in(self.image)
        here = layer is not None and self._spots.get(self.image.get_id()) == self._spot()
        return [layer] if here else []

    # What the status line asks (see dialogs.status_line)

    def values(self) -> Values:
        return values_of(self.action, self.config)

    def chosen_action(self) -> Any:
        values = self.values()
        return aim.action_for(self.image, {"mask-source": choices.SELECTION, **values})

    def run_context(self) -> Context:
        return aim.context_of(self.context, self.chosen_action(), self.values())

    def plan_request(self) -> PlanRequest:
        context = self.run_context()
        if context.image is not None:
            Destination.of(context.values).check(context.image)
        action = importlib.import_module("actions." + context.action.key)
        return action.plan_request(context, context.values)

    def plan(self, client: Any, request: PlanRequest) -> Plan:
        return client.plan(request)

    def known(self, lists: Lists, places: List[BackendEntry]) -> None:
        self.face.known(lists, places)

    def planned(self, plan: Plan) -> None:
        """The newest plan has come; the button's words follow it."""

    def explain(self, error: Exception) -> str:
        return str(error)

    def missing(self) -> str:
        return ""

    def source_words(self) -> str:
        return self.face.source_words()

    def notes(self) -> List[str]:
        return []

    def allow(self, allowed: bool) -> None:
        self._allowed = allowed
        self.face.button.set_sensitive(allowed and not self._beginning)
        self._name_button()

    def refit(self) -> None:
        """The column scrolls."""

    def _name_button(self) -> None:
        words = aim.button_words(self.chosen_action(), self.values(), self.face.source_name())
        self.face.name_button(words)

    # Jobs

    def generate(self) -> None:
        """Begins a job for what the panel says now."""
        if self._beginning or self._closed or not self._allowed:
            return
        if not self.face.places.ready(self.face.route()):
            return
        remembered.keep(self.action, self.config, remembered.TYPED, remembered.RUN)
        context, spot = self.run_context(), self._spot()
        self.news.bar.hide()
        self._beginning = True
        self.face.button.set_sensitive(False)
        try:
            action = importlib.import_module("actions." + context.action.key)
            with self.offer.without(), watched_by(self, alone=True):
                begun = action.begin(context)
        except Stopped:
            return
        except Exception as error:
            self.tell(in_words(self.procedure, error))
            return
        finally:
            self._beginning = False
            if not self._closed:
                self.face.button.set_sensitive(self._allowed)
        self._start(begun, context, spot)

    def _start(self, begun: Any, context: Context, spot: Tuple[Any, ...]) -> None:
        prompt = context.values["prompt"]
        self.face.prompt.remember(prompt)
        remembered.keep_words(prompt, context.values.get("negative-prompt", ""))
        title = prompt.strip() or _(context.action.title)
        if context.image is not None:
            title = f"{context.image.get_name()} · {title}"
        run = Run(begun, context.image, title, self.background, self._told, self._ended)
        self._started[run] = _Started(spot, texts.line(prompt) or _(context.action.title))
        self.face.queue.add_run(run)
        run.start()

    def watch(self, text: str, _fraction: Optional[float], seconds: float) -> None:
        """While a job is begun: the window lives on (see gimpio.progress.watched_by)."""
        native.live(seconds)
        if self._closed:
            raise Stopped(text, "", "stopped")

    def stop_first(self) -> None:
        """The job that is at work."""
        for run in self.face.queue.runs[:1]:
            run.stop()

    def _told(self, run: Run) -> None:
        self.face.queue.update(run)

    def _ended(self, run: Run) -> None:
        """While another job is begun, which is between reading its source and its selection,
        nothing is put into an image."""
        if self._beginning:
            GLib.timeout_add(PAUSE_MS, self._ended_later, run)
            return
        self.face.queue.remove_run(run)
        with self.offer.without():
            self._take(run)
        if self._question is not None and not self.face.queue.runs:
            self.close()  # as was asked for; there is nothing left to be lost

    def _ended_later(self, run: Run) -> bool:
        if not self._closed:
            self._ended(run)
        return GLib.SOURCE_REMOVE

    def _take(self, run: Run) -> None:
        started = self._started.pop(run)
        self.face.status.update()
        if run.error is not None:
            self._failed(run)
            return
        try:
            results = run.begun.results(run.outcome)
            made = Made(results, started.spot, started.title)
            if getattr(results, "place", None) is None:  # a new image
                placed = results.put(True)
                self.aim(placed["image"])
            else:
                self.show_made(made, 0)
                self._add_to_strip(run, made)
        except Exception as error:
            self.tell(in_words(self.procedure, error))
        Gimp.displays_flush()

    def _add_to_strip(self, run: Run, made: Made) -> None:
        client, job = run.begun.work.client, run.id
        count = len(made.results.pictures)

        def thumbnails() -> List[bytes]:
            side = SIDE * self.window.get_scale_factor()
            return [client.thumbnail(job, index, side) for index in range(count)]

        def add(files: List[bytes]) -> None:
            self.face.strip.add_job(made, files)
            self.mark_shown()

        self.background.run(thumbnails, add, lambda error: self.tell(str(error)))

    def _failed(self, run: Run) -> None:
        cancelled = getattr(run.error, "code", "") == "cancelled"
        if run.stopping or cancelled:
            self.news.tell(_("Stopped. Nothing was changed."), Gtk.MessageType.INFO)
            self.news.bar.show_all()
            return
        try:
            raise run.error or PluginError("")
        except Exception as error:
            self.tell(in_words(self.procedure, error))

    def tell(self, text: str) -> None:
        self.news.tell(text, Gtk.MessageType.ERROR)
        self.news.bar.show_all()

    # Results

    def where(self) -> Tuple[Optional[Made], int]:
        """What is on trial in the image, and which of it."""
        return self._shown.where(self.image)

    def choose(self, made: Made, index: int) -> None:
        """Somebody wants to see this one."""
        self._attempt(lambda: self.show_made(made, index))

    def _attempt(self, act: Callable[[], Any]) -> None:
        """What a person asks for, with words where it fails."""
        try:
            with self.offer.without():
                act()
        except Exception as error:
            self.tell(in_words(self.procedure, error))

    def show_made(self, made: Made, index: int) -> None:
        """Puts a result on the canvas of its image."""
        image = made.results.place.image
        placed = self._shown.show(made, index)
        if image is not None and image.is_valid():
            self._spots[image.get_id()] = made.spot
        if placed["image"] != image:
            self.aim(placed["image"])
        self._seen = ()
        self._look()
        self.mark_shown()
        Gimp.displays_flush()

    def mark_shown(self) -> None:
        self.face.strip.mark(*self.where())

    def keep(self) -> None:
        self._attempt(lambda: self._shown.keep(self.image))
        self._decided()

    def discard(self) -> None:
        self._attempt(lambda: self._shown.discard(self.image))
        self._decided()

    def _decided(self) -> None:
        self._comparing = False
        self._seen = ()
        self._look()
        Gimp.displays_flush()

    def toggle_compare(self) -> None:
        """For a key, which cannot be held down over the canvas for a plug-in."""
        self._comparing = not self._comparing
        self.compare(self._comparing)

    def compare(self, original: bool) -> None:
        self._attempt(lambda: self._shown.compare(self.image, original))
        Gimp.displays_flush()

    # Words

    def _changed(self) -> None:
        self.face.status.update()
        self._name_button()
        self._keeper.soon()

    def _earlier(self) -> List[str]:
        """In a thread: the prompts of the jobs that the server remembers."""
        import server

        jobs = server.connect().history(limit="100")["jobs"]
        return [job["record"]["request"].get("prompt", "") for job in jobs]

    def _know(self, prompts: List[str]) -> None:
        self.face.prompt.know(prompts)

    # Keys

    def _pressed(self, _window: Any, event: Gdk.EventKey) -> bool:
        control = bool(event.state & Gdk.ModifierType.CONTROL_MASK)
        if control and Gdk.keyval_to_lower(event.keyval) == Gdk.KEY_w:
            self.ask_to_close()
            return True
        return False
