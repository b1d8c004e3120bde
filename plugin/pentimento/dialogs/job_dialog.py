"""The frame of the dialogs that make pictures: a body that scrolls, and below it what will happen,
what went wrong, the progress and the buttons, which are always on the screen.

The dialog stays open while its job runs and after it, with all its words; run.py does the work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

import dialogs.native as native

if TYPE_CHECKING:
    from answers import BackendEntry, Lists, Plan, PlanRequest
    from option_values import Values
    from records import Placed

native.start()

from gi.repository import Gdk, Gimp, GimpUi, GLib, Gtk

import choices
import remembered
import strength_words
from choices import N_
from context import values_of
from dialogs.fields import Fields
from dialogs.fitted_window import FittedWindow
from dialogs.last_prompts import History
from dialogs.news import News
from dialogs.source_chooser import SourceChooser
from dialogs.strength import StrengthRow
from errors import Stopped
from gimpio import metadata, sources
from gimpio.destination import Destination
from i18n import _, ngettext

BEGINS = N_("Begins the work, as Ctrl+Return does")
LOOK_MS = 500  # GIMP tells nobody that a selection or the selected layers have changed
RETURN = (Gdk.KEY_Return, Gdk.KEY_KP_Enter)
RESPONSES = (Gtk.ResponseType.CANCEL, Gtk.ResponseType.DELETE_EVENT, Gtk.ResponseType.CLOSE)


class JobDialog:
    """What run.py sees of a dialog: `asks`, `show_failure`, `show_done`, `close`; and `watch` for
    gimpio.progress. `stays`: whether it is still there after a success."""

    stays = True
    strength: Optional[StrengthRow] = None  # of an action that has one

    def __init__(self, procedure: Any, config: Any, context: Any, go: str) -> None:
        self.config = config
        self.context = context
        self.action = context.action
        self.image = context.image
        self.dialog = GimpUi.ProcedureDialog.new(procedure, config, self._title())
        # GIMP's own way to name the button complains about letters, which are shared out below.
        button = self.dialog.get_widget_for_response(Gtk.ResponseType.OK)
        button.set_label(go)
        button.set_tooltip_text(_(BEGINS))
        self.fields = Fields(self.dialog, config, context.action.options)
        self.sources: Optional[SourceChooser] = None
        self._made: Dict[Any, List[Any]] = {}  # results of this dialog, by what was selected
        self._seen = self._look()
        self._at_work = False
        self._stop = False
        self._keeper = remembered.Keeper(self.action, config)
        self._source_news = ""  # what the work starts from now, where nobody has chosen it here
        self._news = News()
        self._bar = Gtk.ProgressBar(show_text=True, valign=Gtk.Align.CENTER)
        native.name(self._bar, _("Progress"))
        stop = native.button(_("_Stop"), _("Ends the work; nothing is changed"), self._stop_work)
        self._progress = native.row(stop)  # where no other button is when the work has ended
        self._progress.set_child_packing(stop, False, False, 0, Gtk.PackType.END)
        self._progress.pack_start(self._bar, True, True, 0)
        self._nothing = Gtk.Box()
        self._below = Gtk.Stack(hhomogeneous=False)  # as high as the highest of its parts
        self.history: Optional[History] = None  # of an action that takes words
        if "prompt" in self.fields.options:
            self.history = History(config, "negative-prompt" in self.fields.options)
        self._handlers = [config.connect("notify", lambda *_args: self._keeper.soon())]
        self._timer = GLib.timeout_add(LOOK_MS, self._look_again)
        self.dialog.connect("response", self._responded)
        self._own_help()

    # For run.py

    def asks(self) -> bool:
        """Shows the dialog until its button is pressed (True) or it is closed (False)."""
        self._window.fit()
        while self._begins():
            if self._allowed and self.is_ready():
                remembered.keep(self.action, self.config, remembered.TYPED, remembered.RUN)
                if self.history is not None:
                    self.history.keep()
                self._begin()
                return True
        return False

    def planned(self, plan: Plan) -> None:
        """What the server answers the work would be, whenever that is news."""

    def is_ready(self) -> bool:
        """Whether the work may begin; may ask for what is missing."""
        return True

    def show_failure(self, text: str, stopped: bool = False) -> None:
        """`stopped`: it is what the person wanted."""
        self._end()
        self._news.tell(text, Gtk.MessageType.INFO if stopped else Gtk.MessageType.ERROR)
        self._show(self._news.bar)

    def learn(self, results: Placed) -> None:
        """Of what was made, shown or not: the seed, to be kept for the next try."""
        if "seed" not in self.fields.options:
            return
        made = [layer for layer in results.get("layers", ()) if layer.is_valid()]
        records = [record for record in map(metadata.read, made) if record is not None]
        seeds = [record["seed"] for record in records if record.get("index") == 0]
        if seeds:
            self.config.set_property("seed", seeds[0])

    def show_done(self, results: Placed) -> None:
        self._end()
        place = self._where()
        self._made.setdefault(place, []).extend(results.get("layers", ()))
        self.context.left_out = self._made[place]
        made = [layer for layer in results.get("layers", ()) if layer.is_valid()]
        varied = [layer for layer in made if metadata.read(layer) is not None] or made
        text = _("Done.")
        if len(varied) == 1:  # what comes along with it is seen in the list of layers
            text = _("Done: {layer}").format(layer=varied[0].get_name())
        elif varied:
            count = ngettext("{n} variation", "{n} variations", len(varied)).format(n=len(varied))
            text = _("Done: {layer}").format(layer=count)
            text += " " + _(
                "Variations > Next Variation, or the eyes of the layers, show the others."
            )
        self._news.tell(text, Gtk.MessageType.INFO)
        self._show(self._news.bar)
        self.changed_outside()

    def close(self) -> None:
        if self.history is not None:
            self.history.close()
        if self.strength is not None:
            self.strength.close()
        self._keeper.now()
        GLib.source_remove(self._timer)
        for handler in self._handlers:
            self.config.disconnect(handler)
        self.dialog.destroy()

    def watch(self, text: str, fraction: Optional[float], seconds: float) -> None:
        """Shows how far the work is, and lets the dialog live for so long. Raises Stopped."""
        self._bar.set_text(text)
        native.name(self._bar, _("Progress"), text)
        if fraction is None:
            self._bar.pulse()
        else:
            self._bar.set_fraction(min(1.0, max(0.0, fraction)))
        native.live(seconds)
        if self._stop:
            raise Stopped(_("Stopped. Nothing was changed."), "", "stopped")

    # For the status line; the dialogs say more

    def plan_request(self) -> PlanRequest:
        """The body for /v1/plan. Raises NotPossible where the image does not allow the work."""
        raise NotImplementedError

    def plan(self, client: Any, request: PlanRequest) -> Plan:
        """In a thread: the server's answer to it."""
        return client.plan(request)

    def known(self, lists: Lists, places: List[BackendEntry]) -> None:
        """What there is to choose from on the server, when it first answers and whenever it
        changes."""

    def explain(self, error: Exception) -> str:
        """A failure in words."""
        return str(error)

    def missing(self) -> str:
        """What a person still has to do before the work can begin; empty for nothing."""
        return ""

    def source_words(self) -> str:
        """What the work starts from."""
        return self.sources.words if self.sources is not None else ""

    def source_name(self) -> str:
        """The layer that the work starts from, or what else it starts from, for the button."""
        return self.sources.name if self.sources is not None else ""

    def notes(self) -> List[str]:
        """What is set out of sight and changes what comes: a person should not have to look for
        it."""
        values = values_of(self.action, self.config)
        found = [self._source_news] if self._source_news else []
        if values.get("count", 1) > 1:
            count = values["count"]
            found.append(ngettext("{n} variation", "{n} variations", count).format(n=count))
        if values.get("observe"):
            found.append(_("all stages as layers"))
        if self._converts(values):
            found.append(_("converts the image first (undo restores it)"))
        if self.context.left_out and values.get("source") == choices.VISIBLE:
            found.append(_("without the tries before"))
        return found

    def _converts(self, values: Values) -> bool:
        if "convert" not in values or self.image is None or not self.image.is_valid():
            return False
        return Destination.of(values).converts(self.image)

    # For the dialogs

    def put(self, body: Gtk.Box, foot: Optional[Gtk.Widget] = None) -> None:
        """Shows the body, which scrolls where the screen is small, and below it what must always be
        seen."""
        scroll = Gtk.ScrolledWindow(shadow_type=Gtk.ShadowType.NONE)
        scroll.set_propagate_natural_height(True)
        # Never sideways: a window that cuts its right side hides buttons.
        scroll.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.AUTOMATIC)
        body.set_border_width(native.BORDER)
        self._fold_saved_settings(body)
        scroll.add(body)
        body.set_focus_vadjustment(scroll.get_vadjustment())  # Tab brings into sight where it goes
        self._window = FittedWindow(self.dialog, scroll)
        below = native.column()
        below.set_border_width(native.BORDER)
        if foot is not None:
            below.pack_start(foot, False, False, 0)
        for part in (self._nothing, self._news.bar, self._progress):
            self._below.add(part)
        below.pack_start(self._below, False, False, 0)
        native.leave_wheel_to(scroll)
        below.show_all()
        scroll.show_all()
        self._show(self._nothing)
        area = self.dialog.get_content_area()
        area.pack_start(scroll, True, True, 0)
        area.pack_start(below, False, False, 0)
        area.reorder_child(scroll, 0)
        area.reorder_child(below, 1)
        for widget in native.children(body):
            if isinstance(widget, Gtk.Expander):
                widget.connect("notify::expanded", lambda *_args: GLib.idle_add(self._refold))
        self._give_letters()

    def _fold_saved_settings(self, body: Gtk.Box) -> None:
        """GIMP's buttons for saved settings, which are used rarely, take no row of their own."""
        area, actions = self.dialog.get_content_area(), self.dialog.get_action_area()
        kept = native.column()
        for child in area.get_children():
            inside = list(native.children(child))
            if actions not in inside and any(isinstance(widget, Gtk.Button) for widget in inside):
                area.remove(child)
                kept.pack_start(child, False, False, 0)
        if kept.get_children():
            folded = native.expander(_("Sa_ved settings"), kept)
            body.pack_start(folded, False, False, 0)

    def allow(self, allowed: bool) -> None:
        """Whether the button that begins the work can be pressed."""
        self._allowed = allowed
        self.dialog.set_response_sensitive(Gtk.ResponseType.OK, allowed and not self._at_work)

    def changed_outside(self) -> None:
        """The selection, the selected layers or the size of the image have changed."""

    def follow_model(self, changed: str, lists: Lists) -> None:
        """The strength's words, where an option that can change them has changed; "" for all."""
        if self.strength is not None and changed in strength_words.CHANGED_BY:
            self.strength.know(lists)

    def refit(self) -> None:
        """The text below the body has become longer or shorter."""
        GLib.idle_add(self._fit)

    def name_button(self, label: str, reason: str = "") -> None:
        """What the button that begins the work says, and why it says so."""
        button = self.dialog.get_widget_for_response(Gtk.ResponseType.OK)
        button.set_tooltip_text("\n".join(text for text in (reason, _(BEGINS)) if text))
        if native.plain(button.get_label()) != native.plain(label):
            button.set_label(label)
            self._give_letters()

    # The work

    _allowed = True
    _opened = False

    def _begins(self) -> bool:
        """Whether the button that begins was pressed, not one that closes. Only when it opens does
        the dialog come to the front: after a job a person may be at work in the image."""
        if not self._opened:
            self._opened = True
            return bool(self.dialog.run())
        response = native.response_of(self.dialog)
        if response in (Gtk.ResponseType.OK, Gtk.ResponseType.NONE, *RESPONSES):
            return response == Gtk.ResponseType.OK
        GLib.idle_add(self.dialog.response, response)  # GIMP's own loop knows what to do with it
        return bool(self.dialog.run())

    def _show(self, part: Gtk.Widget) -> None:
        """One of nothing, the progress and the news, in the place of the others: the window keeps
        its height."""
        self._below.set_visible_child(part)
        self.refit()

    def _refold(self) -> bool:
        self._window.fit(may_shrink=True)
        return GLib.SOURCE_REMOVE

    def _begin(self) -> None:
        self._at_work, self._stop = True, False
        self._source_news = ""
        self._bar.set_fraction(0)
        self._bar.set_text("")
        self._show(self._progress)
        self.allow(self._allowed)
        self.dialog.set_response_sensitive(Gtk.ResponseType.CANCEL, False)

    def _end(self) -> None:
        self._at_work = False
        self._show(self._nothing)
        self.allow(self._allowed)
        button = self.dialog.get_widget_for_response(Gtk.ResponseType.CANCEL)
        button.set_sensitive(True)
        button.set_label(_("_Close"))
        self._give_letters()

    def _stop_work(self) -> None:
        self._stop = True

    def _responded(self, _dialog: Any, response: int) -> None:
        """Escape and the window's own cross end the work first."""
        if self._at_work and response in RESPONSES:
            self._stop_work()

    # Help

    def _own_help(self) -> None:
        """GIMP's own Help button and F1 lead to GIMP's manual, which knows nothing of this."""
        button = self.dialog.get_widget_for_response(Gtk.ResponseType.HELP)
        if button is not None:
            button.hide()
            button.set_no_show_all(True)
        own = native.dialog_button(
            _("_Help"),
            _("What this does, and its keys"),
            self._help,
        )
        own.show()
        area = self.dialog.get_action_area()
        area.pack_start(own, False, False, 0)
        area.set_child_secondary(own, True)
        self.dialog.connect("key-press-event", self._pressed)

    def _help(self) -> None:
        import dialogs.help as help  # only here: a dialog opens sooner without it

        help.show(self.dialog, self.action)

    def _pressed(self, _dialog: Any, event: Gdk.EventKey) -> bool:
        """Keys of the whole window: help, begin, and the strengths that have a name."""
        held = event.state & Gtk.accelerator_get_default_mod_mask()
        if event.keyval == Gdk.KEY_F1:
            self._help()
        elif held == Gdk.ModifierType.CONTROL_MASK and event.keyval in RETURN:
            self.dialog.response(Gtk.ResponseType.OK)
        elif held == Gdk.ModifierType.MOD1_MASK:
            return self.strength is not None and self.strength.choose(event.keyval - Gdk.KEY_1)
        else:
            return False
        return True

    # The image

    def _title(self) -> str:
        title = _(self.action.title)
        if self.image is None:
            return title
        return f"{title} – {self.image.get_name()}"

    def _look(self) -> Tuple[Any, ...]:
        """What of the image a plan depends on; in a word, whether it has changed."""
        if self.image is None or not self.image.is_valid():
            return ()
        bounds = Gimp.Selection.bounds(self.image)
        chosen = tuple(item.get_id() for item in self.image.get_selected_drawables())
        size = self.image.get_width(), self.image.get_height(), self.image.get_base_type()
        return (*list(bounds)[1:], chosen, *size)

    def _where(self) -> Tuple[Any, ...]:
        """Where the work is, so that further tries at the same place do not start from one
        another."""
        if self.image is None or not self.image.is_valid():
            return ()
        return tuple(list(Gimp.Selection.bounds(self.image))[1:])

    def _look_again(self) -> bool:
        seen = self._look()
        if seen != self._seen and not self._at_work:
            self._seen = seen
            if self.image is not None and self.image.is_valid():
                self._follow_layers()
                self.context.left_out = self._made.get(self._where(), [])
            self.changed_outside()
        return GLib.SOURCE_CONTINUE

    def _follow_layers(self) -> None:
        """The person has selected other layers: those are worked on."""
        chosen: List[Any] = sources.resolved(self.image.get_selected_drawables())
        if self.sources is not None and chosen and not self._belong_together(chosen):
            before = self.sources.words
            self.sources.follow(chosen)
            if self.sources.words != before:
                self._source_news = _("this is the layer selected now")

    def _belong_together(self, chosen: List[Any]) -> bool:
        """Whether all of them were made here, where not all that was made has a record that leads
        back to its source: then a further try comes of the same source as the one before."""
        made = [layer for layers in self._made.values() for layer in layers if layer.is_valid()]
        return all(layer in made for layer in chosen) and any(
            metadata.read(layer) is None for layer in made
        )

    def source(self) -> Gtk.Widget:
        """The row that says what the work starts from."""
        self.sources = SourceChooser(self.config, self.context, self.changed_outside)
        return self.fields.row("source", self.sources)

    # The window

    def _fit(self) -> bool:
        self._window.fit()
        return GLib.SOURCE_REMOVE

    def _give_letters(self) -> None:
        """No letter twice: the buttons first, then the body from top to bottom."""
        native.give_letters(self.dialog)
