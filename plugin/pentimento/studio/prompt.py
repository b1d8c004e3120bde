"""The prompt of the panel: several lines with undo, weights by Ctrl+Up and Ctrl+Down, and the
prompts of earlier jobs by Alt+Up and Alt+Down. Ctrl+Return generates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, List, Optional, Tuple

from gi.repository import Gdk, Gtk, Pango

import dialogs.native as native
import dialogs.rows as rows
import studio.weights as weights
from dialogs.fields import Fields
from i18n import _, ngettext
from studio.completion import STYLE, Offer
from studio.suggestions import Suggestions

if TYPE_CHECKING:
    from answers import Tokens

LINES = 3
UNDO_STEPS = 200
RETURNS = (Gdk.KEY_Return, Gdk.KEY_KP_Enter)


class Prompt(Gtk.Box):
    """Bound to the config's prompt. `go()` is called on Ctrl+Return."""

    def __init__(self, fields: Fields, go: Callable[[], None]) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=2)
        self._go = go
        self.view, scroll = fields.text_view("prompt", LINES)
        self._buffer = self.view.get_buffer()
        self._past: List[str] = []  # what undo brings back, the newest last
        self._future: List[str] = []
        self._text = self._now()
        self._moving = False
        self._history: List[str] = []
        self._walked = -1  # which of the history is shown; -1: the person's own words
        self._own = ""
        keys = _(
            "Ctrl+Return generates, Ctrl+Up and Ctrl+Down weigh the words at the cursor, Alt+Up "
            "and Alt+Down walk through earlier prompts, Tab takes the first suggestion"
        )
        self.view.connect("key-press-event", self._pressed)
        self._buffer.connect("changed", lambda *_args: self._changed())
        label = native.label(_(fields.options["prompt"].label), self.view)
        rows.tip_at_label(label, self.view, _(fields.options["prompt"].blurb) + "\n" + keys)
        self._count = Gtk.Label(xalign=1, ellipsize=Pango.EllipsizeMode.END)
        self._count.get_style_context().add_class("dim-label")
        head = native.row(label, spacing=native.SPACING)
        head.pack_end(self._count, True, True, 0)
        self.pack_start(head, False, False, 0)
        self.pack_start(scroll, True, True, 0)
        self._config = fields.config
        self.suggestions = Suggestions(fields.config, self._complete)
        self.pack_start(self.suggestions, False, False, 0)

    def told(self, counted: Optional[Tokens]) -> None:
        """How the model reads the words, by the newest plan; while somebody types it stays."""
        short, long = token_words(counted) if counted else ("", "")
        if self._count.get_text() == short and self._count.get_tooltip_text() == (long or None):
            return
        self._count.set_text(short)
        self._count.set_tooltip_text(long or None)
        self._count.get_accessible().set_description(long)

    def remember(self, prompt: str) -> None:
        """A job was begun with it."""
        self._history = [prompt, *[one for one in self._history if one != prompt]][:UNDO_STEPS]
        self._walked = -1

    def know(self, prompts: List[str]) -> None:
        """Those of earlier days, the newest first."""
        new = [one for one in dict.fromkeys(prompts) if one and one not in self._history]
        self._history += new

    def _now(self) -> str:
        return self._buffer.get_text(*self._buffer.get_bounds(), True)

    def _changed(self) -> None:
        if not self._moving:
            self._past = [*self._past, self._text][-UNDO_STEPS:]
            self._future = []
        self._text = self._now()
        if self._moving:
            self.suggestions.hide_all()
        else:
            self.suggestions.follow(self._text, self._cursor())

    def _cursor(self) -> int:
        return self._buffer.get_iter_at_mark(self._buffer.get_insert()).get_offset()

    def _complete(self, start: int, offer: Offer) -> None:
        """In place of the words from there to the cursor; a style is chosen and leaves no words."""
        text, cursor = self._now(), self._cursor()
        if offer.kind == STYLE:
            self._config.set_property("style", offer.name)
        self._past, self._future = [*self._past, text], []
        self._show(text[:start] + offer.text + text[cursor:])
        place = self._buffer.get_iter_at_offset(start + len(offer.text))
        self._buffer.place_cursor(place)
        self.view.grab_focus()

    def _pressed(self, _view: Gtk.TextView, event: Gdk.EventKey) -> bool:
        control = bool(event.state & Gdk.ModifierType.CONTROL_MASK)
        alt = bool(event.state & Gdk.ModifierType.MOD1_MASK)
        shift = bool(event.state & Gdk.ModifierType.SHIFT_MASK)
        key = Gdk.keyval_to_lower(event.keyval)
        way = {Gdk.KEY_Up: 1, Gdk.KEY_Down: -1}.get(key, 0)
        if control and key in RETURNS:
            self._go()
        elif control and way:
            self._weigh(way)
        elif alt and way:
            self._walk(way)
        elif control and key == Gdk.KEY_z:
            self._undo(self._future if shift else self._past, self._past if shift else self._future)
        elif key == Gdk.KEY_Tab and not control and not shift:
            return self.suggestions.take_first()
        elif key == Gdk.KEY_Escape:
            return self.suggestions.hide_all()
        elif control and key == Gdk.KEY_y:
            self._undo(self._future, self._past)
        else:
            return False
        return True

    def _weigh(self, steps: int) -> None:
        bounds = self._buffer.get_selection_bounds()
        if bounds:
            places = [place.get_offset() for place in bounds]
        else:
            cursor = self._buffer.get_iter_at_mark(self._buffer.get_insert())
            places = [cursor.get_offset()] * 2
        text, start, end = weights.changed(self._now(), places[0], places[1], steps)
        if text == self._now():
            return
        before = self._now()
        self._show(text)
        self._past, self._future = [*self._past, before], []
        first, last = (self._buffer.get_iter_at_offset(place) for place in (start, end))
        self._buffer.select_range(first, last)

    def _walk(self, way: int) -> None:
        wanted = self._walked + way
        if not -1 <= wanted < len(self._history):
            return
        if self._walked == -1:
            self._own = self._now()
        self._walked = wanted
        self._past, self._future = [*self._past, self._now()], []
        self._show(self._own if wanted == -1 else self._history[wanted])

    def _undo(self, taken: List[str], given: List[str]) -> None:
        if taken:
            given.append(self._now())
            self._show(taken.pop())

    def _show(self, text: str) -> None:
        """In place of what is there, as one change that undo does not count again."""
        self._moving = True
        self._buffer.begin_user_action()
        self._buffer.set_text(text)
        self._buffer.end_user_action()
        self._moving = False


def token_words(counted: Tokens) -> Tuple[str, str]:
    """The count beside the prompt, and what there is to know of it."""
    count, limit, chunks = counted["tokens"], counted["limit"], counted["chunks"]
    if counted["unread"]:
        short = _("{n} of {limit} tokens: too long").format(n=count, limit=limit)
        return short, _("The model does not read: {words}").format(words=counted["unread"])
    if chunks > 1:
        short = ngettext("{n} token in {chunks} parts", "{n} tokens in {chunks} parts", count)
        long = _(
            "The model reads {limit} tokens at a time: words that belong together should stand "
            "in one part. BREAK begins a new one."
        )
        return short.format(n=count, chunks=chunks), long.format(limit=limit)
    short = _("{n} of {limit} tokens").format(n=count, limit=limit)
    return short, _("Of so many tokens the model reads at one time; a word is one or more of them.")
