"""Under the prompt: the names that go on with the word that is being typed. Tab takes the first
one, a click any; Escape sends them away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, List, Optional, Tuple

import dialogs.native as native

if TYPE_CHECKING:
    from answers import Lists

native.start()

from gi.repository import Gtk, Pango

import studio.completion as completion
from choices import N_
from dialogs.models import default_of
from i18n import _
from studio.completion import Offer

KINDS = {
    completion.LORA: "LoRA",
    completion.EMBEDDING: N_("Embedding"),
    completion.WILDCARD: N_("Wildcard"),
    completion.STYLE: N_("Style"),
}


class Suggestions(Gtk.Box):
    """`take(start, offer)` puts one in place of the words from there to the cursor."""

    def __init__(self, config: Any, take: Callable[[int, Offer], None]) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL)
        self._config, self._take = config, take
        self._known: List[Offer] = []
        self._default = ""
        self._start = 0
        self._followed: Optional[Tuple[str, int]] = None  # text and cursor
        self._shown: List[Offer] = []
        native.name(self, _("Suggestions"), _("Tab takes the first one"))
        self.set_no_show_all(True)

    def know(self, lists: Lists) -> None:
        self._known = completion.offers(lists)
        default = default_of(lists["models"], "")
        self._default = default["id"] if default else ""
        if self._followed is not None:
            self.follow(*self._followed)

    def follow(self, text: str, cursor: int) -> None:
        """Shows what fits to the word at the cursor."""
        self._followed = text, cursor
        model = self._config.get_property("model").strip() or self._default
        self._start, found = completion.at(text, cursor, self._known, model)
        if found == self._shown:
            return
        self._shown = found
        self.foreach(Gtk.Widget.destroy)
        for offer in found:
            self.pack_start(self._button(offer), False, False, 0)
        self.set_visible(bool(found))

    def take_first(self) -> bool:
        if not self._shown:
            return False
        self._chosen(self._shown[0])
        return True

    def hide_all(self) -> bool:
        """Whether there was anything to send away."""
        seen = bool(self._shown)
        self._shown, self._followed = [], None
        self.foreach(Gtk.Widget.destroy)
        self.hide()
        return seen

    def _chosen(self, offer: Offer) -> None:
        text, cursor = self._followed or ("", self._start)
        self.hide_all()
        self._take(completion.begin_of(offer, text, self._start, cursor), offer)

    def _button(self, offer: Offer) -> Gtk.Button:
        title = f"{offer.name} · {_(KINDS[offer.kind])}"
        more = f" – {offer.more}" if offer.more else ""
        label = Gtk.Label(label=title + more, xalign=0)
        label.set_ellipsize(Pango.EllipsizeMode.END)
        button = Gtk.Button(relief=Gtk.ReliefStyle.NONE, can_focus=False)
        button.add(label)
        button.set_tooltip_text(offer.text or offer.more)
        button.connect("clicked", lambda _button: self._chosen(offer))
        native.name(button, title, offer.more)
        button.show_all()
        return button
