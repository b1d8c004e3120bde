"""Where to Run: every place where jobs can run, in words."""

from __future__ import annotations

import dialogs.place_words as place_words
import server
from gimpio.progress import Progress
from i18n import _


def run(context):
    progress = Progress(_("Asking the server…"))
    places = progress.wait_for(lambda: server.ready(progress.tell).backends())
    progress.end()
    return {"report": "\n".join(place_words.summary(place) for place in places)}
