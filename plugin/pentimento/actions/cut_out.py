"""Cut Out Subject: the subject of a source, or what is selected, as a masked layer of its own above
it. A rectangle is a box around the subject; any other selection is the subject but for its exact
edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actions import cutting
from actions.work import Work
from gimpio import sources
from gimpio.destination import Destination
from i18n import _

if TYPE_CHECKING:
    from context import Context


def run(context: Context) -> Any:
    image = context.image
    source = sources.choose(image, context.drawables, context.values["source"], Destination())
    found = cutting.subject(Work(_("Cut Out Subject")), image, source)
    sources.check_open(image)
    return found.as_cut_out()
