"""Make Control Layer: the map of a source as an ordinary layer above it, to be edited and then
chosen as a control layer."""

from __future__ import annotations

import wire
from actions.work import Work
from gimpio import layers, sources
from gimpio.destination import Destination
from i18n import _


def run(context):
    values, destination = context.values, Destination()
    source = sources.choose(context.image, context.drawables, values["source"], destination)
    work = Work(_("Make Control Layer"))
    sent = work.send(source.read(source.extent))
    outcome = work.run(wire.map_request(values, sent))
    picture = layers.Picture(outcome.pictures[0], _name(values["map"], source), {})
    place = layers.Place(context.image, source.above, source.extent, destination)
    return place.put([picture])


def _name(kind, source):
    seen = _("visible") if source.above is None else source.above.get_name()
    return _("{kind} map · {layer}").format(kind=kind, layer=seen)
