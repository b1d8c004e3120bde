"""Previous Variation: of several results of a job the previous one is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gimpio import variations

if TYPE_CHECKING:
    from context import Context


def run(context: Context) -> Any:
    layer = variations.step(context.image, context.drawables, forward=False)
    return {"layers": [layer], "image": context.image}
