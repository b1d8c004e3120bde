"""The dialog of Select Object: the source as a picture, where a person shows the object and sees at
once what is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional

import dialogs.native as native

native.start()

from gi.repository import GLib, Gtk

import choices
import dialogs.previews as previews
import dialogs.rows as rows
import server
import wire
from context import values_of
from dialogs.background import Background
from dialogs.fields import BOTH
from dialogs.hint_canvas import BESIDE, BOX, MOST, ON, HintCanvas
from dialogs.job_dialog import JobDialog
from errors import NotPossible
from gimpio import metadata, sources
from gimpio.destination import Destination
from hints import Hints
from i18n import _

if TYPE_CHECKING:
    from answers import JobRequest

HINTS = ("points", "without", "box")  # options
WAIT_MS = 150  # after the last change of a text


class SelectDialog(JobDialog):
    stays = False

    def __init__(self, procedure: Any, config: Any, context: Any) -> None:
        super().__init__(procedure, config, context, _("_Select"))
        self._preview = Preview(self._found, self._failed)
        self._past: List[Hints] = []  # what was shown before, to go back to
        self._giving = False
        self.canvas = HintCanvas(self._shown)
        self._line = native.paragraph(selectable=True)
        native.name(self._line, _("What will happen"))
        operation = self.fields.combo("operation")
        native.show_while(config, "output", operation, lambda kind: kind == choices.SELECTION)
        self.put(
            rows.column_of(
                self._tools(),
                self.canvas,
                native.expander(_("Places in _numbers"), self._texts()),
                self.source(),
                self.fields.combo("output"),
                operation,
            ),
            self._line,
        )
        self._prefer_what_is_seen()
        for name in HINTS:
            self._handlers.append(config.connect("notify::" + name, self._typed))
        for name in ("source", "output"):
            self._handlers.append(
                config.connect("notify::" + name, lambda *_a: self.changed_outside())
            )
        self.dialog.connect("map", lambda _dialog: self.canvas.begin())
        self._later = GLib.idle_add(self._begin_looking)

    def close(self) -> None:
        if self._later:
            GLib.source_remove(self._later)
        self._preview.close()
        super().close()

    def changed_outside(self) -> None:
        """Another source: its picture is shown and looked at anew."""
        if not self._later:
            self._later = GLib.idle_add(self._begin_looking)

    def _prefer_what_is_seen(self) -> None:
        """A result is a piece of the picture: nobody looks for an object in that alone."""
        chosen = map(sources.layer_of, self.context.drawables)
        if self.config.get_property("source") == choices.LAYER and any(
            layer is not None and metadata.read(layer) is not None for layer in chosen
        ):
            self.config.set_property("source", choices.VISIBLE)

    # The picture

    def _begin_looking(self) -> bool:
        self._later = 0
        try:
            source = self._source()
            read = source.read(source.extent)
            self.canvas.show_picture(previews.of(read, *MOST), source.extent)
            self._preview.look_at(source.extent, read)
            self.canvas.show_hints(self._hints())
            self._ask()
        except Exception as error:
            self._failed(error)
        self.refit()
        return GLib.SOURCE_REMOVE

    def _source(self) -> Any:
        cut_out = self.config.get_property("output") == choices.CUT_OUT
        goal = Destination() if cut_out else Destination(new_image=True)
        kind = self.config.get_property("source")
        return sources.choose(self.image, self.context.drawables, kind, goal)

    def _ask(self) -> None:
        self.allow(False)
        try:
            self._preview.want(self._hints())
        except NotPossible as error:
            self._failed(error)
        else:
            shown = self._hints() != Hints()
            self._say(_("Looking…") if shown else _("Looking for the subject in the middle…"))

    def _found(self, mask: wire.Pixels, covered: float) -> None:
        self.canvas.show_mask(mask)
        some = any(mask.data)
        self.allow(some)
        if not some:
            self._say(_("No object was found there.") + " " + self._advice())
            return
        share = _("{percent} % of the source is selected; what is red is left out.")
        self._say(share.format(percent=_percent(covered)) + " " + self._advice())

    def _failed(self, error: Exception) -> None:
        self.canvas.show_mask(None)
        self.allow(False)
        self._say(str(error) or type(error).__name__)

    def _advice(self) -> str:
        if self._hints() == Hints():
            return _("For another object click on it, or draw a box around it.")
        return _("Click where it is wrong: on the object, or with Ctrl beside it.")

    def _say(self, text: str) -> None:
        if self._line.get_text() != text:
            self._line.set_text(text)
            self.refit()

    # Hints

    def _hints(self) -> Hints:
        return Hints.of(values_of(self.context.action, self.config))

    def _shown(self, hints: Hints) -> None:
        """Something was shown on the picture."""
        self._past.append(self._hints_or_none())
        self._give(hints)

    def _hints_or_none(self) -> Hints:
        try:
            return self._hints()
        except NotPossible:
            return Hints()

    def _give(self, hints: Hints) -> None:
        self._giving = True
        for name, text in hints.texts().items():
            self.config.set_property(name, text)
        self._giving = False
        self._back.set_sensitive(bool(self._past))
        self.canvas.show_hints(hints)
        self._ask()

    def _typed(self, *_args: Any) -> None:
        if self._giving:
            return
        self.canvas.show_hints(self._hints_or_none())
        self._ask()

    def _go_back(self) -> None:
        self._give(self._past.pop())

    def _clear(self) -> None:
        self._shown(Hints())

    # Widgets

    def _tools(self) -> Gtk.Widget:
        self._back = native.button(
            _("_Take back"), _("Takes back the last place or box"), self._go_back
        )
        self._back.set_sensitive(False)
        clear = native.button(_("C_lear"), _("Takes all places and the box away"), self._clear)
        kinds = (
            (ON, _("_On the object"), _("Clicks and strokes are on the object")),
            (BESIDE, _("_Beside it"), _("Clicks and strokes are beside it; also with Ctrl")),
            (BOX, _("Bo_x"), _("Drag a box around it; also with Shift")),
        )
        row, first = native.row(spacing=native.BORDER), None
        for tool, text, tip in kinds:
            radio = Gtk.RadioButton.new_with_mnemonic_from_widget(first, text)
            first = first or radio
            radio.set_tooltip_text(tip)
            native.name(radio, text, tip)
            radio.connect("toggled", self._choose, tool)
            row.pack_start(radio, False, False, 0)
        for widget in (clear, self._back):
            row.pack_end(widget, False, False, 0)
        return row

    def _choose(self, radio: Gtk.RadioButton, tool: str) -> None:
        if radio.get_active():
            self.canvas.tool = tool

    def _texts(self) -> Gtk.Widget:
        entries = []
        for name in HINTS:
            entry = Gtk.Entry()
            self.config.bind_property(name, entry, "text", BOTH)
            entries.append(self.fields.row(name, entry))
        return rows.column_of(*entries)


class Preview:
    """Asks the server for the mask of a source, in threads; of hints that come meanwhile the newest
    are asked for next. `found(mask, covered)` and `failed(error)` hear of the newest alone."""

    def __init__(self, found: Any, failed: Any) -> None:
        self._tell_found, self._tell_failed = found, failed
        self._background = Background()
        self._extent: Optional[wire.Box] = None
        self._pixels: Optional[wire.Pixels] = None  # to be sent
        self._sent: Optional[wire.Sent] = None
        self._wanted: Optional[JobRequest] = None
        self._asking = False
        self._may_start = True

    def look_at(self, extent: wire.Box, pixels: wire.Pixels) -> None:
        """The source from now on."""
        self._extent, self._pixels, self._sent = extent, pixels, None

    def want(self, hints: Hints) -> None:
        assert self._extent is not None, "look_at comes first"
        self._wanted = hints.within(self._extent)
        self._next()

    def close(self) -> None:
        self._background.close()

    def _next(self) -> None:
        if self._asking or self._wanted is None:
            return
        self._asking = True
        wanted, self._wanted = self._wanted, None
        pixels, sent = self._pixels, self._sent
        assert pixels is not None, "look_at comes first"
        may_start, self._may_start = self._may_start, False

        def work() -> Any:
            client = server.ready(lambda _text: None) if may_start else server.connect()
            there = sent
            if there is None:
                client.send(pixels)
                there = pixels.sent
            job_id = client.start_job(wire.select_request(wanted, there))
            snapshot = client.follow(job_id, lambda _event, _data: None)
            mask = client.picture(job_id, 0)
            return pixels, there, mask, snapshot["images"][0]["facts"]["covered"]

        self._background.run(work, self._answered, self._not_answered)

    def _answered(self, answer: Any) -> None:
        pixels, there, mask, covered = answer
        self._asking = False
        if self._pixels is pixels:
            self._sent = there
        if self._wanted is None and self._pixels is pixels:
            self._tell_found(mask, covered)
        self._next()

    def _not_answered(self, error: Exception) -> None:
        self._asking = False
        if self._wanted is None:
            self._tell_failed(error)
        self._next()


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.0f}" if percent >= 1 else "< 1"
