"""What a job starts from, by its name: what a result was made from comes before the result."""

from __future__ import annotations

from typing import Any, Callable, List, NamedTuple, Sequence

from gi.repository import Gtk, Pango

import choices
import texts
from gimpio import sources
from i18n import _

NAME_CHARACTERS = 24  # of a layer's name that are always seen
LONG_NAME, SHORT_NAME = 200, 16  # characters in a sentence and on a button


class Entry(NamedTuple):
    """A value of the option `source`, and the layers it is about."""

    kind: str
    drawables: List[Any]
    label: str
    phrase: str  # for a sentence
    name: str = ""  # of the layer, quoted; empty for what has none


class SourceChooser(Gtk.ComboBoxText):
    """Bound to the config's `source` and to the drawables of the context, which it sets.
    `changed()` hears of other drawables."""

    def __init__(self, config: Any, context: Any, changed: Callable[[], None]) -> None:
        super().__init__()
        self._config, self._context, self._changed = config, context, changed
        self._entries: List[Entry] = []
        self._filling = False
        for cell in self.get_cells():  # a long name must not widen the dialog
            cell.set_property("ellipsize", Pango.EllipsizeMode.MIDDLE)
            cell.set_property("width-chars", NAME_CHARACTERS)
        self.follow(context.drawables)
        self.connect("changed", lambda *_args: self._chosen())
        shows = config.connect("notify::source", lambda *_args: self._show())
        self.connect("destroy", lambda *_args: config.disconnect(shows))

    @property
    def words(self) -> str:
        """What is chosen, for a sentence."""
        number = self.get_active()
        return self._entries[number].phrase if number >= 0 else ""

    @property
    def name(self) -> str:
        """The layer that is chosen, if it is one, short enough for a button."""
        number = self.get_active()
        return self._entries[number].name if number >= 0 else ""

    def follow(self, drawables: Sequence[Any]) -> None:
        """These are selected in the image now. A result or a map among them is taken for what it
        was made from, which is what is worked on until a person says otherwise."""
        selected = sources.workable(self._context.image, drawables)
        made_from = sources.originals(self._context.image, selected)
        worked_on = made_from or selected
        entries = [layer_entry(worked_on, quoted(worked_on))]
        if made_from and made_from != selected:
            label = _("{layer}, the result").format(layer=quoted(selected))
            entries.append(layer_entry(selected, label))
        merged = _("Selected layers, merged"), _("from the selected layers, merged")
        entries.append(Entry(choices.SELECTED_LAYERS, worked_on, *merged))
        visible = _("Everything visible"), _("from everything visible")
        entries.append(Entry(choices.VISIBLE, worked_on, *visible))
        self._context.drawables = worked_on
        if [entry.label for entry in entries] != [entry.label for entry in self._entries]:
            self._filling = True
            self.remove_all()
            for entry in entries:
                self.append_text(entry.label)
            self._filling = False
        self._entries = entries
        self._show()

    def _chosen(self) -> None:
        number = self.get_active()
        if self._filling or number < 0:
            return
        entry = self._entries[number]
        if entry.drawables != self._context.drawables:
            self._context.drawables = entry.drawables
            self._changed()
        self._config.set_property("source", entry.kind)

    def _show(self) -> None:
        wanted = self._config.get_property("source")
        fitting = [
            number
            for number, entry in enumerate(self._entries)
            if entry.kind == wanted and entry.drawables == self._context.drawables
        ]
        self.set_active(fitting[0] if fitting else -1)


def layer_entry(drawables: List[Any], label: str) -> Entry:
    phrase = _("from {layer}").format(layer=label)
    return Entry(choices.LAYER, drawables, label, phrase, quoted(drawables, SHORT_NAME))


def quoted(drawables: Sequence[Any], length: int = LONG_NAME) -> str:
    """The layers by name, the first of several; at most so many characters of it."""
    layers = [layer for layer in map(sources.layer_of, drawables) if layer is not None]
    if not layers:
        return _("Selected layer")
    name = _("“{layer}”").format(layer=texts.shortened(layers[0].get_name(), length))
    return name if len(layers) == 1 else _("{layer} and others").format(layer=name)
