"""Keep Variation: of several results the one that is seen stays, the others go."""

from __future__ import annotations

from gimpio import variations


def run(context):
    layer = variations.keep(context.image, context.drawables)
    return {"layers": [layer], "image": context.image}
