"""Previous Variation: of several results of a job the previous one is seen."""

from __future__ import annotations

from gimpio import variations


def run(context):
    layer = variations.step(context.image, context.drawables, forward=False)
    return {"layers": [layer], "image": context.image}
