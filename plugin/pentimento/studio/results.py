"""The strip of results: small pictures by job, the newest first; jobs of one picture stand side by
side. A click or the arrow keys show one on the canvas, Return keeps it, Delete discards it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Tuple

from gi.repository import Gdk, GLib, Gtk, Pango

import dialogs.native as native
from actions.work import Results
from i18n import _
from studio.pictures import Frame, pixbuf_of
from studio.shelf import Shelf

SIDE = 56  # px of a thumbnail
SIDE_BY_SIDE = 4  # in the narrowest panel
LEAST_HEIGHT, MOST_HEIGHT = 96, 220  # px of the pictures; more scroll under the buttons
KEPT, DISCARDED = "kept", "discarded"
FADED = 0.35  # opacity of what was discarded
SHORT = 6  # characters of the words above a single picture
MOST = 24  # jobs whose pictures are kept at hand; the history has them all


@dataclass(frozen=True, eq=False)
class Made:
    """What a job brought: made for the place `spot`, from the words `title`. Its pictures are in
    `shelf`, and `results` has none. `client` can fetch its small pictures."""

    results: Results
    shelf: Shelf
    spot: Tuple[Any, ...]
    title: str
    client: Any
    marks: Dict[int, str] = field(default_factory=dict)  # what was decided, by number
    kept: Dict[int, Any] = field(default_factory=dict)  # the layers of those that were kept


class Strip(Gtk.Box):
    """Of `panel` it calls choose(made, index), where(), keep(), keep_in_place(),
    keep_in_region(), discard(), compare(original), kept_here() and region_here()."""

    def __init__(self, panel: Any) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=native.SPACING)
        self._panel = panel
        self._groups: List[Tuple[Made, Gtk.Box, Gtk.FlowBox]] = []
        self._rows = native.column()
        self._choosing = False
        self._buttons = self._make_buttons()
        self._in_place = native.button(
            _("Keep in P_lace"),
            _("Puts this result in place of the one that was kept here, wherever that lies now"),
            panel.keep_in_place,
        )
        self._in_region = native.column(2)
        self._region_words = native.paragraph()
        keep_there = native.button(
            _("Keep in Re_gion"),
            _("Puts this result to the layer of the region that it lies in"),
            panel.keep_in_region,
        )
        self._in_region.pack_start(keep_there, False, False, 0)
        self._in_region.pack_start(self._region_words, False, False, 0)
        for part in (self._buttons, self._in_place, self._in_region):
            self.pack_start(part, False, False, 0)
        self._scroll = Gtk.ScrolledWindow(propagate_natural_height=True)
        self._scroll.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.AUTOMATIC)
        self._scroll.set_max_content_height(MOST_HEIGHT)
        self._scroll.set_min_content_height(LEAST_HEIGHT)
        self._scroll.add(self._rows)
        self.pack_start(self._scroll, False, False, 0)
        native.name(self, _("Results"))
        self.show_all()
        for hidden in (self, self._in_place, self._in_region):
            hidden.set_no_show_all(True)
            hidden.hide()

    def add_job(self, made: Made, thumbnails: List[bytes]) -> None:
        """A job has ended with these; the first one is on the canvas already."""
        flow = Gtk.FlowBox(
            selection_mode=Gtk.SelectionMode.SINGLE,
            homogeneous=True,
            max_children_per_line=8,
            min_children_per_line=min(SIDE_BY_SIDE, len(thumbnails)),
        )
        native.name(flow, made.title)
        count = len(made.shelf)
        for index, file in enumerate(thumbnails):
            words = _("Result {number} of {count}").format(number=index + 1, count=count)
            flow.add(_Thumbnail(file, words, made.shelf.name(index)))
        flow.connect("selected-children-changed", lambda _flow: self._selected(made, flow))
        flow.connect("key-press-event", self._pressed)
        label = Gtk.Label(label=made.title, xalign=0, ellipsize=Pango.EllipsizeMode.END)
        if len(thumbnails) == 1:
            label.set_max_width_chars(SHORT)
            label.set_tooltip_text(made.title)
        box = native.column(2)
        box.pack_start(label, False, False, 0)
        box.pack_start(flow, False, False, 0)
        box.show_all()
        self._groups.insert(0, (made, box, flow))
        self._lay_out()
        self.show()
        self.mark(None, 0)
        GLib.idle_add(self._show_newest)

    def _lay_out(self) -> None:
        """As many jobs of one picture in a row as the narrowest panel has room for; one of several
        has a row of its own. What has the focus keeps it."""
        window = self.get_toplevel()
        focused = window.get_focus() if isinstance(window, Gtk.Window) else None
        for _made, box, _flow in self._groups:
            row = box.get_parent()
            if isinstance(row, Gtk.Container):
                row.remove(box)
        for row in self._rows.get_children():
            row.destroy()
        for _made, box, _flow in self._groups[MOST:]:
            box.destroy()
        del self._groups[MOST:]
        singles = self._new_row()
        for _made, box, flow in self._groups:
            if len(flow.get_children()) > 1:
                self._new_row().pack_start(box, True, True, 0)
                singles = self._new_row()
                continue
            if len(singles.get_children()) == SIDE_BY_SIDE:
                singles = self._new_row()
            singles.pack_start(box, False, False, 0)
        for row in self._rows.get_children():
            assert isinstance(row, Gtk.Box)
            row.set_visible(bool(row.get_children()))
        if focused is not None and focused.is_ancestor(self):
            focused.grab_focus()

    def _new_row(self) -> Gtk.Box:
        row = native.row(spacing=native.SPACING)
        self._rows.pack_start(row, False, False, 0)
        return row

    def _show_newest(self) -> bool:
        """Once it has its place. Gtk itself keeps what is below in sight."""
        self._scroll.get_vadjustment().set_value(0)
        return GLib.SOURCE_REMOVE

    def mark(self, made: Optional[Made], index: int) -> None:
        """This is the one on the canvas; None: none is."""
        self._choosing = True
        window = self.get_toplevel()
        focused = window.get_focus() if isinstance(window, Gtk.Window) else None
        for other, _box, flow in self._groups:
            if other is made:
                child = flow.get_child_at_index(index)
                if child is not None:
                    flow.select_child(child)
                    if isinstance(focused, _Thumbnail):  # the keys have gone on from there
                        child.grab_focus()
            else:
                flow.unselect_all()
            for number, thumbnail in enumerate(flow.get_children()):
                assert isinstance(thumbnail, _Thumbnail)
                thumbnail.mark(other.marks.get(number, ""))
        self._choosing = False
        for button in self._buttons.get_children():
            button.set_sensitive(made is not None)
        self._in_place.set_visible(made is not None and self._panel.kept_here() is not None)
        home = self._panel.region_here() if made is not None else None
        self._in_region.set_visible(home is not None)
        self._region_words.set_text(home.words() if home is not None else "")

    def step(self, way: int) -> None:
        """The next one or the one before, of all that were made at the place of the one on the
        canvas, in the order in which they stand here; from the last to the first."""
        made, index = self._panel.where()
        at = (made, index)
        if made is None and self._groups:
            made = self._groups[0][0]
        if made is None:
            return
        there = [
            (other, number)
            for other, _box, _flow in self._groups
            if other.spot == made.spot and other.results.place.image == made.results.place.image
            for number in range(len(other.shelf))
        ]
        if at in there:
            self._panel.choose(*there[(there.index(at) + way) % len(there)])
        else:
            self._panel.choose(*there[0 if way > 0 else -1])

    def _selected(self, made: Made, flow: Gtk.FlowBox) -> None:
        chosen = flow.get_selected_children()
        if chosen and not self._choosing:
            self._panel.choose(made, chosen[0].get_index())

    def _pressed(self, _flow: Gtk.FlowBox, event: Gdk.EventKey) -> bool:
        acts = {
            Gdk.KEY_Return: self._panel.keep,
            Gdk.KEY_KP_Enter: self._panel.keep,
            Gdk.KEY_Delete: self._panel.discard,
            Gdk.KEY_Left: lambda: self.step(-1),
            Gdk.KEY_Right: lambda: self.step(1),
        }
        act: Optional[Callable[[], Any]] = acts.get(event.keyval)
        if act is None:
            return False
        act()
        return True

    def _make_buttons(self) -> Gtk.Box:
        keep = native.button(
            _("_Keep"),
            _("Keeps this result; the next one is a layer of its own (Return)"),
            self._keep,
        )
        discard = native.button(
            _("_Discard"), _("Removes this result from the image (Delete)"), self._discard
        )
        compare = Gtk.Button.new_with_mnemonic(_("_Compare"))
        compare.set_tooltip_text(_("Shows the image without the result as long as it is pressed"))
        compare.connect("pressed", lambda _button: self._panel.compare(True))
        compare.connect("released", lambda _button: self._panel.compare(False))
        row = native.row(spacing=native.SPACING)
        row.set_homogeneous(True)
        for button in (keep, discard, compare):
            row.pack_start(button, True, True, 0)
        return row

    def follow_layers(self, there: Callable[[Any], bool]) -> None:
        """What was kept and is in its image no more was undone: nothing is decided about it."""
        for made, _box, _flow in self._groups:
            for number in [one for one, layer in made.kept.items() if not there(layer)]:
                del made.kept[number]
                made.marks.pop(number, None)

    def kept_at(self, spot: Tuple[Any, ...]) -> List[Any]:
        """The layers that were kept of the jobs at a place, the newest first."""
        groups = (made for made, _box, _flow in self._groups if made.spot == spot)
        return [layer for made in groups for layer in reversed([*made.kept.values()])]

    def _keep(self) -> None:
        self._panel.keep()

    def _discard(self) -> None:
        self._panel.discard()


class _Thumbnail(Gtk.FlowBoxChild):
    """A small picture, and in its corner what was decided about it."""

    def __init__(self, file: bytes, words: str, tooltip: str) -> None:
        super().__init__()
        self._words, self._tooltip = words, tooltip
        self._frame = Frame(SIDE, SIDE)
        self._frame.show_picture(pixbuf_of(file))
        self._badge = Gtk.Label(halign=Gtk.Align.END, valign=Gtk.Align.END)
        native.dress(self._badge, "pentimento-badge")
        self._badge.set_no_show_all(True)
        both = Gtk.Overlay()
        both.add(self._frame)
        both.add_overlay(self._badge)
        self.add(both)
        self.mark("")

    def mark(self, what: str) -> None:
        badge, words = {KEPT: ("✓", _("kept")), DISCARDED: ("✕", _("discarded"))}.get(
            what, ("", "")
        )
        self._badge.set_text(badge)
        self._badge.set_visible(bool(badge))
        self._frame.set_opacity(FADED if what == DISCARDED else 1)
        native.name(self, f"{self._words}, {words}" if words else self._words)
        told = f"{self._tooltip} ({words})" if words else self._tooltip
        self.set_tooltip_text(f"{told}\n{_('Left and Right show others, Return keeps this one')}")
