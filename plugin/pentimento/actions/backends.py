"""Where to Run: every place where jobs can run, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dialogs.place_words as place_words
import server
from gimpio.progress import Progress
from i18n import _

if TYPE_CHECKING:
    from context import Context


def run(context: Context) -> Any:
    progress = Progress(_("Asking the server…"))
    places = progress.wait_for(lambda: server.ready(progress.tell).backends())
    progress.end()
    return {"report": "\n".join(place_words.summary(place) for place in places)}
