"""The last prompts, to be taken back: whoever resets a dialog, or begins anew, loses no words."""

from __future__ import annotations

from typing import Any, Dict

from gi.repository import Gtk

import dialogs.native as native
import remembered
import texts
from i18n import _

SHOWN = 60  # characters of a prompt in the menu
PROMPT, NEGATIVE = "prompt", "negative-prompt"


class History(Gtk.MenuButton):
    """Bound to the config's prompt and, where the action has one, its negative prompt. Words that
    were there are kept when they are taken away at once."""

    def __init__(self, config: Any, has_negative: bool) -> None:
        super().__init__(label=_("Histor_y"), use_underline=True)
        self._config, self._has_negative = config, has_negative
        self._menu = Gtk.Menu()
        self.set_popup(self._menu)
        self.set_tooltip_text(_("The last prompts of all actions"))
        native.name(self, _("Prompt history"), _("The last prompts of all actions"))
        self._last = self._now()
        self._handlers = [config.connect("notify::prompt", lambda *_args: self._changed())]
        if has_negative:
            self._handlers.append(
                config.connect("notify::negative-prompt", lambda *_args: self._changed())
            )
        self._fill()

    def keep(self) -> None:
        """The words as they are now."""
        self._keep(self._now())

    def close(self) -> None:
        self.keep()
        for handler in self._handlers:
            self._config.disconnect(handler)

    def _now(self) -> Dict[str, str]:
        negative = self._config.get_property(NEGATIVE) if self._has_negative else ""
        return {"prompt": self._config.get_property(PROMPT) or "", "negative": negative or ""}

    def _changed(self) -> None:
        """GIMP's Reset takes all values back one after the other."""
        now = self._now()
        if now["prompt"]:
            if now["negative"] or not self._last["negative"]:
                self._last = now
            else:
                self._last = {**now, "negative": self._last["negative"]}
        elif self._last["prompt"]:
            self._keep(self._last)
            self._last = now

    def _keep(self, words: Dict[str, str]) -> None:
        remembered.keep_words(words["prompt"], words["negative"])
        self._fill()

    def _fill(self) -> None:
        for item in self._menu.get_children():
            self._menu.remove(item)
        entries = remembered.words()
        for entry in entries:
            label = texts.shortened(texts.line(entry["prompt"]), SHOWN)
            item = Gtk.MenuItem(label=label)
            item.connect("activate", lambda _item, entry=entry: self._take(entry))
            self._menu.append(item)
        self._menu.show_all()
        self.set_sensitive(bool(entries))

    def _take(self, entry: Dict[str, str]) -> None:
        self.keep()
        self._config.set_property(PROMPT, entry["prompt"])
        if self._has_negative and entry["negative"]:
            self._config.set_property(NEGATIVE, entry["negative"])
