"""The row for the strength: a slider with the model's words at their places, and a number. A word
that was chosen stays when the model changes, and its number moves; a number that was typed stays.
"""

from __future__ import annotations

from typing import Any, List, Tuple

from gi.repository import GLib, Gtk

import choices
import strength_words
from context import values_of
from dialogs.fields import SLIDER_WIDTH, Fields
from i18n import _

NAME, PRESET = "strength", "strength-preset"
MOST_WIDTH = 600  # px of the slider, for words in one line; by turns takes more height
MARK_GAP = 8  # px between two words


class StrengthRow:
    """`slider` and `number` are its widgets, `row` both with their label. The word is kept in the
    config where the action has an option for it. Where it is `narrow` it takes what room it gets;
    there, and where they lie too close together, the words stand above and below by turns."""

    def __init__(self, fields: Fields, action: Any, narrow: bool = False) -> None:
        self._fields, self._action, self._config = fields, action, fields.config
        self._narrow = narrow
        self._strengths: strength_words.Strengths = {}
        self._word = choices.CUSTOM
        self._busy = False
        self.row, self.slider, self.number = fields.scale(NAME)
        if PRESET in fields.options:
            self._word = self._config.get_property(PRESET)
            self._say_word_in_numbers()
        self._draw()
        self.slider.connect("change-value", self._slid)
        self._handlers = [self._config.connect("notify::" + NAME, lambda *_args: self._moved())]
        if PRESET in fields.options:
            handler = self._config.connect("notify::" + PRESET, lambda *_args: self._named())
            self._handlers.append(handler)

    def close(self) -> None:
        for handler in self._handlers:
            self._config.disconnect(handler)
        self._handlers = []

    def know(self, lists: Any) -> None:
        """The lists are new, or another model, style or place was chosen."""
        strengths = strength_words.of_model(lists, values_of(self._action, self._config))
        if strengths != self._strengths:
            self._strengths = strengths
            self._draw()
            self._say_word_in_numbers()

    def choose(self, number: int) -> bool:
        """Takes one of the words, counted from 0; False where there is none."""
        marks = strength_words.marks(self._strengths)
        if not 0 <= number < len(marks):
            return False
        self._set(marks[number].value, marks[number].nick)
        return True

    # What a person does

    def _slid(self, _slider: Gtk.Scale, _how: Gtk.ScrollType, value: float) -> bool:
        """The slider stops at a word by itself, which then is what was meant."""
        adjustment = self.slider.get_adjustment()
        value = round(min(max(value, adjustment.get_lower()), adjustment.get_upper()), 2)
        self._set(value, strength_words.word_at(value, self._strengths))
        return True

    def _moved(self) -> None:
        """By typing, or by what was saved: a number, whatever lies there."""
        if not self._busy:
            self._keep(choices.CUSTOM)

    def _named(self) -> None:
        """A word came with saved settings."""
        if not self._busy:
            self._word = self._config.get_property(PRESET)
            self._say_word_in_numbers()

    def _set(self, strength: float, word: str) -> None:
        self._keep(word)
        self._move(strength)

    def _say_word_in_numbers(self) -> None:
        strength = strength_words.number(self._word, self._strengths)
        if strength is not None:
            self._move(strength)

    def _move(self, strength: float) -> None:
        self._while_busy(NAME, strength)

    def _keep(self, word: str) -> None:
        self._word = word
        if PRESET in self._fields.options:
            self._while_busy(PRESET, word)

    def _while_busy(self, name: str, value: Any) -> None:
        if self._config.get_property(name) == value:
            return
        busy, self._busy = self._busy, True
        try:
            self._config.set_property(name, value)
        finally:
            self._busy = busy

    # The words

    def _draw(self) -> None:
        marks = [(mark.value, _(mark.label)) for mark in strength_words.marks(self._strengths)]
        room = self._room(marks)
        by_turns = self._narrow or room > MOST_WIDTH
        if by_turns:
            room = max(self._room(marks[0::2]), self._room(marks[1::2]))
        self.slider.clear_marks()
        for number, (value, label) in enumerate(marks):
            side = Gtk.PositionType.TOP if by_turns and number % 2 else Gtk.PositionType.BOTTOM
            self.slider.add_mark(value, side, f"<small>{GLib.markup_escape_text(label)}</small>")
        self.slider.set_size_request(-1 if self._narrow else round(min(room, MOST_WIDTH)), -1)

    def _room(self, marks: List[Tuple[float, str]]) -> float:
        """px of width that the words need in one line."""
        width, last, before = float(SLIDER_WIDTH), 0.0, 0.0
        for value, label in marks:
            half = _half_width(self.slider, label)
            inward = 2 * half if value == 1 else half  # the word at the end lies before it
            if before:
                width = max(width, (before + inward + MARK_GAP) / max(value - last, 0.01))
            last, before = value, half
        return width


def _half_width(widget: Gtk.Widget, text: str) -> float:
    """px of the half of a line of text. A theme may take back what makes it small."""
    return float(widget.create_pango_layout(text).get_pixel_size()[0] / 2)
