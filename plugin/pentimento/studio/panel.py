"""The window of the studio panel, and its life: it stays open while the person paints, follows the
image that it is aimed at, and sends the jobs of all images."""

from __future__ import annotations

import gc
import importlib
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
import studio.window_place as window_place
from context import Context, values_of
from dialogs.background import Background
from dialogs.news import News
from errors import NotPossible
from gimpio import preview_layer, sources
from gimpio.destination import Destination
from i18n import _, ngettext
from run import in_words
from studio.face import Face
from studio.jobs import Jobs
from studio.regional import Home, home_of
from studio.results import Made
from studio.shown import Shown

LOOK_MS = 300  # GIMP tells nobody that an image, a selection or a layer has changed
MAIL_MS = 100
LOOKS_PER_COLLECTION = 32  # of all objects, which takes some ms; the young ones are few


def show(procedure: Any, config: Any, context: Context) -> None:
    """Opens the panel and serves it until it is closed. Where one is open already it is aimed at
    this image instead."""
    if not context.interactive:
        raise NotPossible(
            _("The studio panel is a window, and there is nobody to see it."),
            _("Use the actions that it calls, such as Image to Image."),
            "not_interactive",
        )
    if commands.tell_open_panel(commands.AIM, context.image):
        return
    # GIMP's objects must be freed in the main thread: a layer's pixels are written to GIMP then.
    # Python collects rings of objects in whichever thread it is, so it is done in _look instead.
    gc.disable()
    preview_layer.sweep_all()  # a panel that was killed may have left some
    panel = Panel(procedure, config, context)
    panel.mail.open()
    try:
        panel.serve()
    finally:
        panel.mail.close()
        gc.enable()


class Panel:
    """What the parts of the panel call is public."""

    def __init__(self, procedure: Any, config: Any, context: Context) -> None:
        self.procedure, self.config = procedure, config
        self.action = context.action
        self.context = Context(context.action, None, [], interactive=True)
        self.mail = commands.Mailbox()
        self.background = Background()
        self.news = News()
        self._shown = Shown()
        self._spots: Dict[int, Tuple[Any, ...]] = {}  # of the tries, by image
        self._loop = GLib.MainLoop()
        self._seen: Tuple[Any, ...] = ()
        self._looks = 0
        self._allowed = False
        self.jobs = Jobs(self)
        self.closed = False
        self._question: Optional[Gtk.MessageDialog] = None
        self._comparing = False
        self._keeper = remembered.Keeper(self.action, config)
        self.face = Face(self)
        self.window = self.face.window
        self.window.connect("delete-event", self._asked_to_close)
        self.window.connect("key-press-event", self._pressed)
        self._handler = config.connect("notify", lambda *_args: self._changed())
        self._timers = (
            GLib.timeout_add(LOOK_MS, self._look_again),
            GLib.timeout_add(MAIL_MS, self._take_letters),
        )
        self.aim(context.image)
        self.background.run(self._earlier, self._know, lambda error: None)

    # Its life

    def serve(self) -> None:
        window_place.recall(self.window)
        self.window.show()
        self.window.present()
        GLib.idle_add(self._look_at_once)  # when it has been drawn
        self._loop.run()

    def _asked_to_close(self, *_args: Any) -> bool:
        self.ask_to_close()
        return True  # the window itself closes nothing

    def ask_to_close(self) -> None:
        """Closes it; asks before that where jobs would be lost."""
        count = len(self.jobs.runs)
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
        if self.closed:
            return
        self.closed = True
        if self._question is not None:
            self._question.destroy()
        for run in self.jobs.runs:
            run.stop()
        window_place.keep(self.window)
        self.jobs.previews.clear()
        for image in Gimp.get_images():
            self.attempt(partial(self._shown.keep, image))
        if not self.private:
            self._keeper.now()
        for timer in self._timers:
            GLib.source_remove(timer)
        self.config.disconnect(self._handler)
        if self.private:  # GIMP itself keeps the last values of every procedure
            for option in self.action.options:
                self.config.set_property(option.name, option.default)
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
        if self.jobs.beginning:
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
        if not self.closed:
            self.aim(image)
        return GLib.SOURCE_REMOVE

    def _look_at_once(self) -> bool:
        self._look_again()
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

    def _take_letters(self) -> bool:
        """Commands of menus, keys and scripts; while a job is begun they wait."""
        if self.jobs.beginning:
            return GLib.SOURCE_CONTINUE
        for name, number in self.mail.letters():
            self.attempt(partial(self._obey, name, number))
            if self.closed:
                return GLib.SOURCE_REMOVE
        return GLib.SOURCE_CONTINUE

    def _obey(self, name: str, number: int) -> None:
        """A command called in an image's window is about that image."""
        image = Gimp.Image.get_by_id(number) if number else None
        if image is not None and (image != self.image or name == commands.AIM):
            self.aim(image)
        elif name == commands.AIM:
            self.window.present()
        commands.COMMANDS[name](self)

    def _look(self) -> None:
        """What has changed in GIMP since the last look."""
        if self.closed or self.jobs.beginning:
            return
        images = Gimp.get_images()
        if self.image is None or not self.image.is_valid():
            self.context.image = images[0] if images else None
            self.context.drawables = []
            self.face.aimed()
        self.face.images.fill(images, self.image)
        seen = aim.look(self.image)
        changed = seen != self._seen
        if changed:
            self._seen = seen
            if self.image is not None:
                self.face.follow_layers(list(self.image.get_selected_drawables()))
                self.context.left_out = self._tries_here()
            self.face.status.update()
            self._name_button()
            self.mark_shown()
        self.face.map.look(self.image, self.face.status.plan, changed)

    def spot(self) -> Tuple[Any, ...]:
        """Where the work is: further tries at the same place do not start from one another."""
        if self.image is None:
            return ()
        return tuple(list(Gimp.Selection.bounds(self.image))[1:])

    def _tries_here(self) -> List[Any]:
        layer = self._shown.layer_in(self.image)
        here = layer is not None and self._spots.get(self.image.get_id()) == self.spot()
        return [layer] if here else []

    @property
    def private(self) -> bool:
        """Whether nothing is to be kept of what is done."""
        return self.face.private.get_active()

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
        """The newest plan has come."""
        self.face.prompt.told(plan.get("tokens"))  # servers of older versions count none
        self.face.map.look(self.image, plan, True)

    def explain(self, error: Exception) -> str:
        return str(error)

    def missing(self) -> str:
        return ""

    def source_words(self) -> str:
        return self.face.source_words()

    def notes(self) -> List[str]:
        """That nothing is kept is said where a job is begun; its switch may be out of sight."""
        return [_("private")] if self.private else []

    def allow(self, allowed: bool) -> None:
        self._allowed = allowed
        self.face.button.set_sensitive(allowed and not self.jobs.beginning)
        self._name_button()

    def refit(self) -> None:
        """The column scrolls."""

    def _name_button(self) -> None:
        words = aim.button_words(self.chosen_action(), self.values(), self.face.source_name())
        self.face.name_button(words)

    # Jobs

    def generate(self) -> None:
        """Begins a job for what the panel says now."""
        if self.jobs.beginning or self.closed or not self._allowed:
            return
        if not self.face.places.ready(self.face.route()):
            return
        if not self.private:
            remembered.keep(self.action, self.config, remembered.TYPED, remembered.RUN)
        self.jobs.generate(self.run_context(), self.spot())

    def begun(self) -> None:
        """A job has been begun, or could not be."""
        if not self.closed:
            self.face.button.set_sensitive(self._allowed)

    def job_ended(self) -> None:
        if self._question is not None and not self.jobs.runs:
            self.close()  # as was asked for; there is nothing left to be lost
        else:
            self.face.history.refresh()

    def tell(self, text: str) -> None:
        self.news.tell(text, Gtk.MessageType.ERROR)
        self.news.bar.show_all()

    def tell_fact(self, text: str) -> None:
        self.news.tell(text, Gtk.MessageType.INFO)
        self.news.bar.show_all()

    # Results

    def where(self) -> Tuple[Optional[Made], int]:
        """What is on trial in the image, and which of it."""
        return self._shown.where(self.image)

    def choose(self, made: Made, index: int) -> None:
        """Somebody wants to see this one."""
        self.attempt(lambda: self.show_made(made, index))

    def attempt(self, act: Callable[[], Any]) -> None:
        """What a person asks for, with words where it fails."""
        try:
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
        self.face.strip.follow_layers(_is_there)
        self.face.strip.mark(*self.where())

    def keep(self) -> None:
        self.attempt(lambda: self._shown.keep(self.image))
        self._decided()

    def kept_here(self) -> Optional[Any]:
        """The newest result that was kept at the place of the one on trial."""
        made, _index = self.where()
        found = self.face.strip.kept_at(made.spot) if made is not None else []
        return found[0] if found else None

    def keep_in_place(self) -> None:
        older = self.kept_here()
        if older is not None:
            self.attempt(lambda: self._shown.keep_in_place(self.image, older))
        self._decided()

    def region_here(self) -> Optional[Home]:
        """Where the result on trial belongs by the region that it lies in."""
        layer = self._shown.layer_in(self.image)
        return home_of(self.image, layer) if layer is not None else None

    def keep_in_region(self) -> None:
        home = self.region_here()
        if home is not None:
            self.attempt(lambda: self._shown.keep_above(self.image, home.below))
        self._decided()

    def discard(self) -> None:
        self.attempt(lambda: self._shown.discard(self.image))
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
        self.attempt(lambda: self._shown.compare(self.image, original))
        Gimp.displays_flush()

    # Words

    def _changed(self) -> None:
        self.face.status.update()
        self._name_button()
        self.jobs.previews.follow_choice()
        if not self.private:
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
        written = isinstance(self.window.get_focus(), Gtk.TextView)  # which undoes itself
        if control and Gdk.keyval_to_lower(event.keyval) == Gdk.KEY_z and not written:
            self.tell_fact(_("To undo, click into the image's window, and press Ctrl+Z there."))
            return True
        return False


def _is_there(layer: Any) -> bool:
    """In its image, and neither undone nor deleted."""
    return layer.is_valid() and layer in sources.tree(layer.get_image())
