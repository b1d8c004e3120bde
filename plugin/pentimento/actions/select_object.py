"""Select Object: what a few clicks, a stroke or a box show, as a selection, a channel, a layer mask
or a layer of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import choices
from actions import cutting
from actions.work import Work
from errors import NotPossible
from gimpio import object_masks, sources
from gimpio.destination import Destination
from hints import Hints
from i18n import _

if TYPE_CHECKING:
    from context import Context


def run(context: Context) -> Any:
    values, image = context.values, context.image
    output = values["output"]
    source = sources.choose(image, context.drawables, values["source"], _destination(output))
    hints = Hints.of(values).within(source.extent)
    layer = _masked(context, source) if output == choices.LAYER_MASK else None
    found = cutting.found(Work(_("Select Object")), source, hints, output == choices.CUT_OUT)
    sources.check_open(image)
    if output == choices.CUT_OUT:
        placed = found.as_cut_out()
        return {"item": placed["layers"][0], "image": placed["image"]}
    at = source.extent
    if output == choices.SELECTION:
        object_masks.as_selection(image, found.mask, at, values["operation"])
        return {"item": None}
    if output == choices.CHANNEL:
        name = _("Object in {source}").format(source=cutting.name_of(source))
        return {"item": object_masks.as_channel(image, found.mask, at, name)}
    return {"item": object_masks.as_layer_mask(layer, found.mask, at)}


def _destination(output):
    """Masks fit into any image; colours do not."""
    return Destination() if output == choices.CUT_OUT else Destination(new_image=True)


def _masked(context, source):
    """The layer that gets the mask: the source, or of all that is seen the selected one."""
    chosen = source.layers or [sources.layer_of(item) for item in context.drawables]
    if not chosen or chosen[0] is None:
        raise NotPossible(
            _("No layer is selected."), _("Select the layer that the mask is for."), "no_layer"
        )
    return chosen[0]
