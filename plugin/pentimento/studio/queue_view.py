"""What is being made and what waits, over all images: progress, preview, order, Stop, Stop and
keep."""

from __future__ import annotations

from typing import Any, Callable, Dict, List

from gi.repository import Gtk, Pango

import dialogs.native as native
from dialogs.native import plain
from i18n import _
from studio.pictures import Frame, pixbuf_of
from studio.runs import AT_WORK, Run

PREVIEW = 120, 80  # px, kept free from the beginning: nothing moves when the picture comes
FINISH_CHARACTERS = 14  # in a line of a button that wraps


class QueueView(Gtk.Box):
    """`stop_all()` ends everything."""

    def __init__(self, stop_all: Callable[[], None]) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=native.SPACING)
        native.name(self, _("Jobs"))
        self._rows: Dict[Run, _Row] = {}
        self._all = native.button(_("Stop _All"), _("Ends this and all that waits"), stop_all)
        self._all.set_no_show_all(True)
        self.pack_start(
            self._all, False, False, 0
        )  # where no row that goes brings it to the pointer

    def add_run(self, run: Run) -> None:
        row = self._rows[run] = _Row(run)
        self.pack_start(row, False, False, 0)
        self._arrange()

    def update(self, run: Run) -> None:
        self._rows[run].update(run)
        self._arrange()

    def remove_run(self, run: Run) -> None:
        self._rows.pop(run).destroy()
        self._arrange()

    def _arrange(self) -> None:
        """In the order of the server's queue."""
        order: List[Run] = sorted(self._rows, key=lambda run: run.position)
        waiting = [run for run in order if run.state != AT_WORK]
        for number, run in enumerate(order):
            self.reorder_child(self._rows[run], number + 1)  # below Stop All
            self._rows[run].can_move(run in waiting[1:], run in waiting[:-1])
            self._rows[run].come_first(number == 0)
        self._all.set_sensitive(len(order) > 1)
        if len(order) != 1:  # the last of several keeps its place
            self._all.set_visible(bool(order))


class _Row(Gtk.Box):
    """One job; of its buttons none has a letter, since there are several."""

    def __init__(self, run: Run) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=2)
        title = Gtk.Label(label=run.title, xalign=0, ellipsize=Pango.EllipsizeMode.END)
        self._bar = Gtk.ProgressBar(show_text=True, ellipsize=Pango.EllipsizeMode.END)
        native.name(self._bar, _("Progress"))
        self._frame = Frame(*PREVIEW)
        native.name(self._frame, _("No preview yet"))
        self._place = Gtk.Frame(shadow_type=Gtk.ShadowType.IN, valign=Gtk.Align.START)
        self._place.add(self._frame)
        self._seen: Any = None
        self._finish = native.button(
            plain(_("Stop and _Keep")),
            _("Ends here and takes the picture as it is by now"),
            run.finish,
        )
        words = self._finish.get_child()
        assert isinstance(words, Gtk.Label)
        words.set_line_wrap(True)
        words.set_max_width_chars(FINISH_CHARACTERS)
        words.set_justify(Gtk.Justification.CENTER)
        self._next = native.button(
            plain(_("_Next")), _("To be the next of those that wait"), run.next
        )
        self._up = self._mover("go-up-symbolic", _("Earlier"), _("Before the one above"), run, -1)
        self._down = self._mover("go-down-symbolic", _("Later"), _("After the one below"), run, 1)
        stop = native.button(plain(_("_Stop")), _("Ends this job; nothing is changed"), run.stop)
        waits = native.row(spacing=2)
        waits.pack_start(self._next, True, True, 0)
        for button in (self._up, self._down):
            waits.pack_start(button, False, False, 0)
        self._buttons = native.row(spacing=2)
        for way in (stop, self._finish, waits):
            self._buttons.pack_start(way, True, True, 0)
        below = native.row(self._place, spacing=native.SPACING)
        below.pack_start(self._buttons, True, True, 0)
        for part in (title, self._bar, below):
            self.pack_start(part, False, False, 0)
        self.show_all()
        self.update(run)

    def _mover(self, icon: str, name: str, tooltip: str, run: Run, way: int) -> Gtk.Button:
        button = Gtk.Button.new_from_icon_name(icon, Gtk.IconSize.BUTTON)
        native.name(button, name, tooltip)
        button.set_tooltip_text(tooltip)
        button.connect("clicked", lambda _button: run.move(way))
        return button

    def come_first(self, first: bool) -> None:
        """The one at work, or the next to be, has the place for the preview from the beginning."""
        self._place.set_visible(first)
        ways = Gtk.Orientation.VERTICAL, Gtk.Orientation.HORIZONTAL
        self._buttons.set_orientation(ways[0] if first else ways[1])

    def can_move(self, up: bool, down: bool) -> None:
        """Among those that wait."""
        self._next.set_sensitive(up)
        self._up.set_sensitive(up)
        self._down.set_sensitive(down)

    def update(self, run: Run) -> None:
        works = run.state == AT_WORK
        self._bar.set_text(run.text)
        if run.fraction is None:
            self._bar.pulse()
        else:
            self._bar.set_fraction(min(1.0, max(0.0, run.fraction)))
        self._finish.set_visible(works)
        for button in (self._next, self._up, self._down):
            button.set_visible(not works)
        if run.preview is not None and run.preview is not self._seen:
            self._seen = run.preview
            self._frame.show_picture(pixbuf_of(run.preview))
            native.name(self._frame, _("Preview"))
