"""The history in the panel: the jobs that the server keeps, of this image or of all, found by
words, starred, and used again. Each page is asked for in a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

from gi.repository import Gdk, GLib, Gtk, Pango

import dialogs.native as native
import dialogs.plan_words as plan_words
import server
import texts
import times
from actions import earlier
from dialogs.background import Background
from gimpio import identity
from i18n import _
from studio.past import Past
from studio.pictures import Frame, pixbuf_of

if TYPE_CHECKING:
    from answers import Snapshot

PAGE = 12  # jobs
MOST_HEIGHT = 300  # px of the list; what is more scrolls between the search and the buttons
LEAST_ROWS = 3  # that are seen at once, where there are so many
SIDE = 56  # px of a thumbnail
DELAY_MS = 250  # after the last letter
WITH_PICTURES = ("txt2img", "img2img", "inpaint", "edit", "outpaint", "upscale")

Page = Tuple[str, List[Tuple["Snapshot", bytes]], Optional[str]]  # whose, jobs, where the next is


class History(Gtk.Box):
    """Of `panel` it asks for the image; `past` does what is done with a job."""

    def __init__(self, panel: Any) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=native.SPACING)
        self._panel = panel
        self._past = Past(panel)
        self._background = Background()
        self._wanted = 0  # which question the answer that is waited for belongs to
        self._timer = 0
        self._next: Optional[str] = None
        self._url = ""  # of the server whose history is seen
        self._search = Gtk.SearchEntry()
        native.name(
            self._search, _("Find in the history"), _("Words of a prompt, a model or a LoRA")
        )
        self._search.set_tooltip_text(_("Words of a prompt, a model or a LoRA"))
        self._search.connect("changed", lambda _entry: self._soon())
        self._here = Gtk.CheckButton.new_with_mnemonic(_("Of this _image"))
        self._stars = Gtk.CheckButton.new_with_mnemonic(_("With a sta_r"))
        for check in (self._here, self._stars):
            check.connect("toggled", lambda _check: self.refresh())
        self._list = Gtk.ListBox(
            selection_mode=Gtk.SelectionMode.SINGLE, activate_on_single_click=False
        )
        native.name(self._list, _("Earlier jobs"))
        self._scroll = Gtk.ScrolledWindow(propagate_natural_height=True)
        self._scroll.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.AUTOMATIC)
        self._scroll.set_max_content_height(MOST_HEIGHT)
        self._scroll.add(self._list)
        self._list.connect("row-selected", lambda *_args: self._chosen())
        self._list.connect("row-activated", lambda _list, row: self._past.show(row.job))
        self._list.connect("key-press-event", self._pressed)
        self._words = native.paragraph()
        self._more = native.button(_("_Earlier"), _("Shows more of the history"), self._ask_more)
        self._buttons = self._make_buttons()
        self.expander = native.expander(_("_History"), self._column())
        self.expander.connect("notify::expanded", lambda *_args: self.refresh())
        self.pack_start(self.expander, False, False, 0)

    def close(self) -> None:
        self._background.close()
        self._past.close()
        self._stop_timer()

    def refresh(self) -> None:
        """From its beginning, where it is seen."""
        self._stop_timer()
        if self.expander.get_expanded():
            self._ask(None)

    def follow_server(self) -> None:
        """Another computer's server has another history."""
        place = server.address()
        url = place.url if place else ""
        if url != self._url:
            self._url = url
            self.refresh()

    # Asking

    def _soon(self) -> None:
        self._stop_timer()
        self._timer = GLib.timeout_add(DELAY_MS, self._late)

    def _late(self) -> bool:
        self._timer = 0
        self.refresh()
        return GLib.SOURCE_REMOVE

    def _stop_timer(self) -> None:
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0

    def _ask_more(self) -> None:
        self._ask(self._next)

    def _ask(self, before: Optional[str]) -> None:
        query = {"pictures": "true", "limit": str(PAGE), "before": before or ""}
        query["client"] = "gimp"  # not what live painting has left
        query["q"] = self._search.get_text().strip()
        if self._stars.get_active():
            query["starred"] = "true"
        if self._here.get_active():
            image = self._panel.image
            query["image"] = identity.name_of(image) if image is not None else ""
            if not query["image"]:
                self._show(("", [], None), True)
                return
        self._wanted += 1
        asked, side = self._wanted, SIDE * self.get_scale_factor()

        def done(page: Page) -> None:
            if asked == self._wanted:
                self._show(page, before is None)

        def failed(error: Exception) -> None:
            if asked == self._wanted:
                self._say(str(error))

        self._background.run(lambda: _page(query, side), done, failed)

    # Showing

    def _show(self, page: Page, anew: bool) -> None:
        url, jobs, self._next = page
        chosen = self._selected()
        if anew:
            self._list.foreach(Gtk.Widget.destroy)
        for job, thumbnail in jobs:
            if self._panel.jobs.is_private(job["id"]):
                continue
            row = _Row(job, thumbnail, self._past, self._panel.face.model_title)
            native.dress(row, "pentimento-row")
            row.show_all()  # the list itself is shown where there is something in it
            self._list.add(row)
            if anew and chosen is not None and job["id"] == chosen["id"]:
                self._list.select_row(row)
        self._more.set_visible(self._next is not None)
        rows = self._list.get_children()
        some = bool(rows)
        least = sum(row.get_preferred_height()[0] for row in rows[:LEAST_ROWS])
        self._scroll.set_min_content_height(min(least, MOST_HEIGHT))
        words = "" if some else _("Nothing is found.")
        if url and not plan_words.is_here(url):
            where = plan_words.destination(url)
            words += "\n" + _("The history is kept {where}.").format(where=where)
        self._say(words.strip())
        for part in (self._scroll, self._buttons):  # before one is chosen: nothing moves then
            part.set_visible(some)
        self._chosen()

    def name_models(self) -> None:
        """The titles of the server's models are known, or others, since the rows were made."""
        for row in self._list.get_children():
            if isinstance(row, _Row):
                row.tell(self._panel.face.model_title)

    def _say(self, words: str) -> None:
        self._words.set_text(words)
        self._words.set_visible(bool(words))

    def _chosen(self) -> None:
        job = self._selected()
        self._buttons.set_sensitive(job is not None)
        for button in self._repeating:
            button.set_sensitive(job is not None and earlier.can_repeat(job))

    def _selected(self) -> Optional[Snapshot]:
        row = self._list.get_selected_row()
        return row.job if isinstance(row, _Row) else None

    def _pressed(self, _list: Gtk.ListBox, event: Gdk.EventKey) -> bool:
        job = self._selected()
        if job is None or event.keyval not in (Gdk.KEY_Return, Gdk.KEY_KP_Enter):
            return False
        self._past.show(job)
        return True

    # Layout

    def _column(self) -> Gtk.Box:
        column = native.column()
        checks = native.row(self._here, self._stars, spacing=native.BORDER)
        for part in (self._search, checks, self._words, self._scroll, self._more, self._buttons):
            column.pack_start(part, False, False, 0)
        for hidden in (self._words, self._scroll, self._more, self._buttons):
            hidden.show_all()
            hidden.set_no_show_all(True)
            hidden.hide()
        return column

    def _make_buttons(self) -> Gtk.FlowBox:
        """Two in a line, or one where a language needs more room than a narrow panel has."""
        past = self._past
        show = self._act(_("Sho_w"), _("Puts its results into the image (Return)"), past.show)
        use = self._act(
            _("_Use Settings"), _("Takes its words and settings into the panel"), past.use
        )
        again = self._act(_("A_gain"), _("The same job with a new seed"), past.again)
        vary = self._act(_("_Vary"), _("Pictures that are like its first one"), past.vary)
        record = self._act(
            _("Reco_rd…"), _("All that is known of the job, to be read or saved"), past.open_record
        )
        self._repeating = (again, vary)
        flow = Gtk.FlowBox(
            selection_mode=Gtk.SelectionMode.NONE,
            homogeneous=True,
            max_children_per_line=2,
            row_spacing=2,
            column_spacing=2,
        )
        for button in (show, use, again, vary, record):
            flow.add(button)
        for child in flow.get_children():
            child.set_can_focus(False)  # the button in it has the focus
        return flow

    def _act(self, label: str, tooltip: str, act: Any) -> Gtk.Button:
        def clicked() -> None:
            job = self._selected()
            if job is not None:
                act(job)

        return native.button(label, tooltip, clicked)


class _Row(Gtk.ListBoxRow):
    """One job."""

    def __init__(
        self, job: Snapshot, thumbnail: bytes, past: Past, titled: Callable[[str], str]
    ) -> None:
        super().__init__()
        self.job = job
        frame = Frame(SIDE, SIDE)
        frame.show_picture(pixbuf_of(thumbnail))
        self._title = texts.line(_asked(job).get("prompt", "")) or _("without words")
        words, self._facts = Gtk.Label(label=self._title, xalign=0), Gtk.Label(xalign=0)
        text = native.column(2)
        text.set_valign(Gtk.Align.CENTER)
        for label in (words, self._facts):
            label.set_ellipsize(Pango.EllipsizeMode.END)
            text.pack_start(label, False, False, 0)
        star = Gtk.ToggleButton(active=job["starred"], relief=Gtk.ReliefStyle.NONE)
        star.set_valign(Gtk.Align.CENTER)
        star.set_tooltip_text(_("Starred jobs are kept for good"))
        star.connect("toggled", lambda button: self._starred(button, past))
        native.name(star, _("Star"))
        self._draw(star)
        box = native.row(frame, spacing=native.SPACING)
        box.pack_start(text, True, True, 0)
        box.pack_start(star, False, False, 0)
        self.add(box)
        self.set_tooltip_text(_asked(job).get("prompt", ""))
        self.tell(titled)

    def tell(self, titled: Callable[[str], str]) -> None:
        facts = told(self.job, titled)
        self._facts.set_markup(f"<small>{GLib.markup_escape_text(facts)}</small>")
        native.name(self, self._title, facts)

    def _starred(self, button: Gtk.ToggleButton, past: Past) -> None:
        self.job["starred"] = button.get_active()
        self._draw(button)
        past.star(self.job, button.get_active())

    def _draw(self, button: Gtk.ToggleButton) -> None:
        button.set_label("★" if button.get_active() else "☆")


def told(job: Snapshot, titled: Callable[[str], str]) -> str:
    """When it was made, and with what; `titled` gives a model's title."""
    request = _asked(job)
    made = GLib.DateTime.new_from_iso8601(job["created_at"], GLib.TimeZone.new_utc())
    local = made.to_local() if made is not None else None
    when = local.format(times.pattern()) if local is not None else ""
    strength, count = request.get("strength"), len(job["images"])
    parts = [when or ""]
    if strength is not None and job["mode"] != "txt2img":
        parts.append(f"{strength:.2f}")
    if count > 1:
        parts.append(f"{count} ×")
    parts.append(titled(str(request.get("model", ""))))  # the longest, which may be cut
    return " · ".join(part for part in parts if part)


def _asked(job: Snapshot) -> Dict[str, Any]:
    return dict(job["record"]["request"])


def _page(query: Dict[str, str], side: int) -> Page:
    """In a thread: jobs with pictures, each with a small one of its first result."""
    client = server.connect()
    answer = client.history(**query)
    jobs = [job for job in answer["jobs"] if job["images"] and job["mode"] in WITH_PICTURES]
    found = [(job, client.thumbnail(job["id"], job["images"][0]["index"], side)) for job in jobs]
    return client.url, found, answer["next"]
