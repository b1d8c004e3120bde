"""Sort Variations by Seam: of several results the one whose edge shows least comes first."""

from __future__ import annotations

from gimpio import variations


def run(context):
    return {"layers": variations.sort(context.image, context.drawables), "image": context.image}
