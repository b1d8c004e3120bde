"""What is being made and what waits, over all images: progress, preview, Stop, Stop and keep."""

from __future__ import annotations

from typing import Any, Dict

from gi.repository import Gtk, Pango

import dialogs.native as native
from i18n import _
from studio.pictures import Frame, pixbuf_of
from studio.runs import AT_WORK, Run

PREVIEW = 192  # px


class QueueView(Gtk.Box):
    def __init__(self) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=native.SPACING)
        native.name(self, _("Jobs"))
        self._rows: Dict[Run, _Row] = {}

    def add_run(self, run: Run) -> None:
        row = self._rows[run] = _Row(run)
        self.pack_start(row, False, False, 0)

    def update(self, run: Run) -> None:
        self._rows[run].update(run)

    def remove_run(self, run: Run) -> None:
        self._rows.pop(run).destroy()

    @property
    def runs(self) -> list:
        return list(self._rows)


class _Row(Gtk.Box):
    """One job."""

    def __init__(self, run: Run) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=2)
        title = Gtk.Label(label=run.title, xalign=0, ellipsize=Pango.EllipsizeMode.END)
        self._bar = Gtk.ProgressBar(show_text=True, ellipsize=Pango.EllipsizeMode.END)
        native.name(self._bar, _("Progress"))
        self._frame = Frame(PREVIEW, PREVIEW * 3 // 4)
        native.name(self._frame, _("Preview"))
        self._frame.set_no_show_all(True)
        self._seen: Any = None
        self._finish = native.button(
            _("Stop and _Keep"), _("Ends here and takes the picture as it is by now"), run.finish
        )
        self._next = native.button(_("_Next"), _("To be the next of those that wait"), run.next)
        stop = native.button(_("_Stop"), _("Ends this job; nothing is changed"), run.stop)
        buttons = native.row()
        buttons.set_homogeneous(True)
        for button in (stop, self._finish, self._next):
            buttons.pack_start(button, True, True, 0)
        for part in (title, self._frame, self._bar, buttons):
            self.pack_start(part, False, False, 0)
        self.show_all()
        self.update(run)

    def update(self, run: Run) -> None:
        works = run.state == AT_WORK
        self._bar.set_text(run.text)
        if run.fraction is None:
            self._bar.pulse()
        else:
            self._bar.set_fraction(min(1.0, max(0.0, run.fraction)))
        self._finish.set_visible(works)
        self._next.set_visible(not works)
        if run.preview is not None and run.preview is not self._seen:
            self._seen = run.preview
            self._frame.show_picture(pixbuf_of(run.preview))
            self._frame.show()
