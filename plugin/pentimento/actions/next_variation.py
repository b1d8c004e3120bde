"""Next Variation: of several results of a job the next one is seen."""

from __future__ import annotations

from gimpio import variations


def run(context):
    layer = variations.step(context.image, context.drawables, forward=True)
    return {"layers": [layer], "image": context.image}
