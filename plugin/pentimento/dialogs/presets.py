"""Links a worded preset with the number it stands for, so that a dialog never shows the two at
odds: choosing a preset sets the number, moving the number finds the preset or says Custom."""

from __future__ import annotations

from typing import Any, Sequence

import choices


class PresetLink:
    """Holds the config's properties `preset` and `number` together while a dialog is open."""

    def __init__(
        self, config: Any, preset: str, number: str, table: Sequence[choices.Choice]
    ) -> None:
        self._config = config
        self._preset = preset
        self._number = number
        self._values = {choice.nick: choice.value for choice in table}
        self._busy = False
        if config.get_property(preset) == choices.CUSTOM:
            self._number_moved()
        else:
            self._preset_chosen()
        self._handlers = (
            config.connect("notify::" + preset, lambda *_: self._preset_chosen()),
            config.connect("notify::" + number, lambda *_: self._number_moved()),
        )

    def close(self) -> None:
        for handler in self._handlers:
            self._config.disconnect(handler)

    def _preset_chosen(self) -> None:
        nick = self._config.get_property(self._preset)
        if nick != choices.CUSTOM:
            self._set(self._number, self._values[nick])

    def _number_moved(self) -> None:
        number = self._config.get_property(self._number)
        self._set(self._preset, self._nick_of(number))

    def _nick_of(self, number: float) -> str:
        for nick, value in self._values.items():
            if value is not None and abs(value - number) < 1e-6:
                return nick
        return choices.CUSTOM

    def _set(self, name: str, value: Any) -> None:
        if self._busy or self._config.get_property(name) == value:
            return
        self._busy = True
        try:
            self._config.set_property(name, value)
        finally:
            self._busy = False
