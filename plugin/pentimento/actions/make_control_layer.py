"""Make Control Layer: the map of a source as a hidden layer, to be edited and then chosen as a
control layer. The source stays selected: the map steers and is never what is worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import choices
import wire
from actions.work import Work
from gimpio import identity, layers, sources
from gimpio.destination import Destination
from i18n import _

if TYPE_CHECKING:
    from context import Context


def run(context: Context) -> Any:
    values = context.values
    selected = sources.workable(context.image, context.drawables)
    drawables = sources.originals(context.image, selected) or selected
    source = sources.choose(context.image, drawables, values["source"], Destination())
    work = Work(_("Make Control Layer"))
    sent = work.send(source.read(source.extent))
    ledger = identity.Ledger()
    name, made_from = _name(values["map"], source), source.record(ledger)
    outcome = work.run(wire.map_request(values, sent))
    record = {"version": 2, "type": values["map"], "source": made_from}
    picture = layers.Picture(outcome.pictures[0], name, record)
    return layers.put_map(context.image, source.extent, picture, ledger)


def _name(kind, source):
    chosen = next(choice for choice in choices.MAPS if choice.nick == kind)
    if source.above is None:
        return _("{map} of everything visible").format(map=_(chosen.label))
    return _("{map} of {layer}").format(map=_(chosen.label), layer=source.above.get_name())
