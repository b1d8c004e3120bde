"""What is seen of the panel: one column of parts, which scrolls; the button stays where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional

import dialogs.native as native

if TYPE_CHECKING:
    from answers import BackendEntry, Lists, Route

native.start()

from gi.repository import GimpUi, GLib, GObject, Gtk, Pango

import choices
import dialogs.plan_words as plan_words
import dialogs.rows as rows
import options
import strength_words
from client import no_lists
from dialogs.backend import PlaceChooser
from dialogs.fields import Fields
from dialogs.models import ModelChooser, StyleChooser
from dialogs.presets import PresetLink
from dialogs.source_chooser import SourceChooser, quoted
from dialogs.status_line import StatusLine
from dialogs.strength import StrengthRow
from i18n import _
from server_texts import told
from studio.aim import ImageChooser
from studio.history import History
from studio.live import Live
from studio.map import Map
from studio.prompt import Prompt
from studio.queue_view import QueueView
from studio.results import Strip

WIDTH, HEIGHT = 360, 1000  # px at first, as far as the screen has room for it
LEAST_WIDTH = 320  # px
FRAME = 60  # px for a window's frame
NEGATIVE_LINES = 2
COUNT_CHARACTERS = 2


class Face:
    """The widgets; `panel` is what they belong to."""

    def __init__(self, panel: Any) -> None:
        self._panel = panel
        config = panel.config
        self.fields = Fields(None, config, panel.action.options)
        self.images = ImageChooser(panel.aim)
        self.prompt = Prompt(self.fields, panel.generate)
        self.models, self.styles = ModelChooser(config), StyleChooser(config)
        self.places = PlaceChooser(config, self._place_changed)
        self._lists = no_lists()
        self._steps = PresetLink(config, "steps-preset", "steps", choices.STEPS_PRESETS)
        self._strengths = StrengthRow(self.fields, panel.action, narrow=True)
        self._follows = config.connect("notify", self._changed)
        self._sources: Optional[SourceChooser] = None
        self._source_row = native.column(0)
        self._jobs_height = 0  # px
        self._opened: Optional[Gtk.Expander] = None  # which is followed as it grows
        self.queue, self.strip = QueueView(panel.jobs.stop_all), Strip(panel)
        self.map, self.live = Map(), Live(panel)
        self.history = History(panel)
        self.button = Gtk.Button(label=_("Generate"))
        self.button.get_style_context().add_class("suggested-action")
        self.button.connect("clicked", lambda _button: panel.generate())
        self.status = StatusLine(panel)
        self.private = Gtk.CheckButton.new_with_mnemonic(_("_Private"))
        told = _(
            "Words, settings and results are kept in no history: the server forgets a job when its "
            "results are here. Layers still tell how they were made."
        )
        native.name(self.private, _("_Private"), told)
        self.private.set_tooltip_text(told)
        self.private.connect("toggled", lambda _check: self.status.update())
        self.window = self._make_window()

    def close(self) -> None:
        self.status.close()
        self.history.close()
        self.live.close()
        self._steps.close()
        self._strengths.close()
        self._panel.config.disconnect(self._follows)

    # What changes

    def aimed(self) -> None:
        """Another image is worked on."""
        panel = self._panel
        for child in self._source_row.get_children():
            child.destroy()
        self._sources = None
        if panel.image is not None:
            panel.context.drawables = list(panel.image.get_selected_drawables())
            self._sources = SourceChooser(panel.config, panel.context, self.status.update)
            _narrow(self._sources)
            row = self.fields.row("source", self._sources)
            native.leave_wheel_to(row)
            row.show_all()
            self._source_row.pack_start(row, False, False, 0)
        self.history.refresh()
        name = "" if panel.image is None else f" – {panel.image.get_name()}"
        self.window.set_title(_(panel.action.title) + name)

    def follow_layers(self, drawables: List[Any]) -> None:
        """These are selected in the image now."""
        if self._sources is not None and drawables:
            self._sources.follow(drawables)

    def source_words(self) -> str:
        return self._sources.words if self._sources is not None else ""

    def source_name(self) -> str:
        """For the button; empty for everything visible."""
        if self._panel.config.get_property("source") == choices.VISIBLE:
            return ""
        return quoted(self._panel.context.drawables)

    def name_button(self, words: str) -> None:
        if self.button.get_label() != words:
            self.button.set_label(words)
            label = self.button.get_child()
            if isinstance(label, Gtk.Label):
                label.set_ellipsize(Pango.EllipsizeMode.MIDDLE)

    def route(self) -> Optional[Route]:
        plan = self.status.plan
        return plan.get("route") if plan else None

    def known(self, lists: Lists, places: List[BackendEntry]) -> None:
        self._lists = lists
        self.history.name_models()
        self._strengths.know(lists)
        self.prompt.suggestions.know(lists)
        self.live.know(lists)
        native.when_closed(self.places.combo, lambda: self.places.fill(places))
        native.when_closed(self.styles, lambda: self.styles.fill_with(lists["styles"]))

    def model_title(self, model: str) -> str:
        """As people call it; models that the server does not have are told by their name."""
        known = plan_words.model_of(self._lists["models"], model)
        return told(str(known.get("title") or model)) if known is not None else model

    def _changed(self, _config: Any, spec: GObject.ParamSpec) -> None:
        if spec.name in strength_words.CHANGED_BY:
            self._strengths.know(self._lists)

    def _place_changed(self, place: BackendEntry) -> None:
        if place["id"] == options.LOCAL:
            models = self._lists["models"]
            native.when_closed(self.models, lambda: self.models.fill_with_models(models))
        else:
            native.when_closed(self.models, lambda: self.models.fill_with_service(place))

    # Layout

    def _make_window(self) -> Gtk.Window:
        window = Gtk.Window(type=Gtk.WindowType.TOPLEVEL, role="pentimento-studio")
        height = min(HEIGHT, native.work_area().height - FRAME)
        window.set_default_size(WIDTH, height)
        window.set_size_request(LEAST_WIDTH, -1)
        window.realize()
        GimpUi.window_set_transient(window)
        scroll = Gtk.ScrolledWindow(shadow_type=Gtk.ShadowType.NONE)
        scroll.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.AUTOMATIC)
        scroll.set_overlay_scrolling(False)
        body = self._body()
        body.set_border_width(native.SPACING)
        scroll.add(body)
        native.leave_wheel_to(scroll)
        for widget in native.children(body):
            if isinstance(widget, Gtk.ComboBox):
                _narrow(widget)
        self.queue.connect("size-allocate", lambda _queue, area: self._jobs_grew(area.height))
        for opened in (self.history.expander, self._more_options):
            self._follow_opened(opened)
        window.connect("set-focus", lambda _window, widget: self._turned_to(widget))
        column = native.column(0)
        column.pack_start(scroll, True, True, 0)
        column.pack_start(self._panel.news.bar, False, False, 0)  # where it pushes nothing aside
        column.show_all()
        window.add(column)
        self._panel.news.bar.hide()
        window.connect("map", native.give_letters)
        window.connect("map", lambda _window: self.prompt.view.grab_focus())
        # Whoever comes back from another window may have changed the server there.
        window.connect("notify::is-active", lambda *_args: self._came_back())
        self._scroll, self._column = scroll, body
        return window

    def _came_back(self) -> None:
        if self.window.is_active() and not self._panel.closed:
            self.status.update()
            self.history.follow_server()

    def _jobs_grew(self, height: int) -> None:
        """A job that begins, and its preview, come into sight; who scrolls away meanwhile is left
        alone."""
        grew = height > self._jobs_height
        self._jobs_height = height
        if grew:
            self._opened = None
            GLib.idle_add(self._bring_into_sight, self.queue)

    def _bring_into_sight(self, part: Gtk.Widget) -> bool:
        place = part.translate_coordinates(self._column, 0, 0)
        if place is not None and not self._panel.closed:
            bottom = place[1] + part.get_allocated_height()
            self._scroll.get_vadjustment().clamp_page(place[1], bottom)
        return GLib.SOURCE_REMOVE

    def _turned_to(self, widget: Optional[Gtk.Widget]) -> None:
        opened = self._opened
        if widget is not None and opened is not None and widget is not opened:
            self._opened = opened if widget.is_ancestor(opened) else None

    def _follow_opened(self, expander: Gtk.Expander) -> None:
        """What somebody unfolds at the lower end comes into sight, also what is filled in later,
        until they turn to something else."""

        def toggled(*_args: Any) -> None:
            self._opened = expander if expander.get_expanded() else None

        def allocated(_expander: Gtk.Expander, area: Any) -> None:
            if self._opened is expander and area.height != heights[-1]:
                GLib.idle_add(self._bring_into_sight, expander)
            heights[:] = [area.height]

        heights = [0]  # px, the last one
        expander.connect("notify::expanded", toggled)
        expander.connect("size-allocate", allocated)

    def _body(self) -> Gtk.Box:
        """What every try needs comes first, so that a low screen shows all of it: up to the
        results."""
        fields = self.fields
        self._more_options = self._more()
        return rows.column_of(
            native.row_filling(native.label(_("_Image"), self.images), self.images),
            self.map,
            self.prompt,
            self._strength(),
            self._go(),
            self._kept_seed(),
            self.status,
            self.queue,
            self.strip,
            fields.row("model", self.models),
            fields.row("style", self.styles),
            self._source_row,
            self.live,
            self.history,
            self._more_options,
        )

    def _go(self) -> Gtk.Box:
        """The big button, and how many pictures it makes."""
        count = self.fields.number("count", aligned=False, characters=COUNT_CHARACTERS)
        spin = count.get_children()[1]
        count.remove(spin)
        spin.set_valign(Gtk.Align.CENTER)
        row = native.row(spacing=native.SPACING)
        row.pack_start(self.button, True, True, 0)
        row.pack_start(Gtk.Label(label="×"), False, False, 0)
        row.pack_start(spin, False, False, 0)
        return row

    def _kept_seed(self) -> Gtk.Box:
        """Said as long as each run has the same seed, which Use Settings makes so."""
        label = native.paragraph()
        new = native.button(
            _("New _Seed"), _("Each picture has a seed of its own again"), self._draw_seeds
        )
        row = native.row(spacing=native.SPACING)
        row.pack_start(label, True, True, 0)
        row.pack_start(new, False, False, 0)
        config = self._panel.config

        def follow(*_args: Any) -> None:
            told = _("The seed is kept: {seed}").format(seed=config.get_property("seed"))
            label.set_text(told)

        config.connect("notify::seed", follow)
        follow()
        native.show_while(config, "random-seed", row, lambda drawn: not drawn)
        native.name(row, _("Seed"))
        return row

    def _draw_seeds(self) -> None:
        self._panel.config.set_property("random-seed", True)

    def _strength(self) -> Gtk.Box:
        """Its words need the whole width of the column."""
        row, slider = self._strengths.row, self._strengths.slider
        row.remove(slider)
        row.set_child_packing(self._strengths.number, False, False, 0, Gtk.PackType.END)
        slider.set_margin_start(native.BORDER)  # half of the first and the last word
        slider.set_margin_end(native.BORDER)
        return rows.column_of(row, slider)

    def _more(self) -> Gtk.Expander:
        fields = self.fields
        _view, negative = fields.text_view("negative-prompt", NEGATIVE_LINES)
        label = native.label(_(fields.options["negative-prompt"].label), _view)
        steps = fields.number("steps")
        native.show_while(
            self._panel.config, "steps-preset", steps, lambda preset: preset == choices.CUSTOM
        )
        place = fields.row("backend", self.places.combo)
        parts = (
            rows.column_of(label, negative),
            fields.combo("steps-preset"),
            steps,
            self._seeds(),
            fields.check("preview-layer"),
            self.private,
            place,
            self.places.button,
        )
        used = fields.differs("negative-prompt", "random-seed", "steps", "backend", "preview-layer")
        return native.expander(_("M_ore options"), rows.column_of(*parts), used)

    def _seeds(self) -> Gtk.Box:
        """One below the other, so that it fits into a narrow column."""
        row = rows.seeds(self.fields)
        row.set_orientation(Gtk.Orientation.VERTICAL)
        return row


def _narrow(combo: Gtk.ComboBox) -> None:
    """A long name must not widen the column."""
    for cell in combo.get_cells():
        if isinstance(cell, Gtk.CellRendererText):
            cell.set_property("ellipsize", Pango.EllipsizeMode.END)
            cell.set_property("width-chars", 12)
