"""The kinds of control as a choice: those that the model has no ControlNet for are gray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Sequence, Set

from gi.repository import Gtk

import choices
from i18n import _

if TYPE_CHECKING:
    from answers import ControlNetEntry

NICK, LABEL, LIVE = range(3)  # columns
UNION = "union"  # a ControlNet for several kinds


class KindChooser(Gtk.ComboBox):
    """Bound to an option of the config; `kinds` are choices.CONTROLS or a part of them. All kinds
    are live until `allow`."""

    def __init__(self, config: Any, name: str, kinds: Sequence[choices.Choice]) -> None:
        self._rows = Gtk.ListStore(str, str, bool)
        super().__init__(model=self._rows, id_column=NICK)
        self._config, self._name, self._kinds = config, name, kinds
        cell = Gtk.CellRendererText()
        self.pack_start(cell, True)
        self.add_attribute(cell, "text", LABEL)
        self.add_attribute(cell, "sensitive", LIVE)
        for kind in kinds:
            self._rows.append((kind.nick, _(kind.label), True))
        self._show()
        self.connect("changed", lambda *_args: self._chosen())
        config.connect("notify::" + name, lambda *_args: self._show())

    def allow(self, live: Callable[[str], bool], reason: str) -> None:
        """Only kinds that `live` says yes to can be chosen; the others tell why not."""
        for place, kind in enumerate(self._kinds):
            row = self._rows[place]
            row[LIVE] = kind.nick == choices.NO_CONTROL or live(kind.nick)
            row[LABEL] = _(kind.label) if row[LIVE] else f"{_(kind.label)} · {reason}"

    def _chosen(self) -> None:
        chosen = self.get_active_id()
        if chosen and chosen != self._config.get_property(self._name):
            self._config.set_property(self._name, chosen)

    def _show(self) -> None:
        self.set_active_id(self._config.get_property(self._name))


def steerable(nets: Sequence[ControlNetEntry], model: str) -> Set[str]:
    """The kinds that a model can be steered by, from `controlnets` of GET /v1/models."""
    found = {net["control"] for net in nets if net["ok"] and model in net["fits"]}
    return {kind.nick for kind in choices.CONTROLS} if UNION in found else found
