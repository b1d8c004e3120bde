"""Sort Variations by Seam: of several results the one whose edge shows least comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gimpio import variations

if TYPE_CHECKING:
    from context import Context


def run(context: Context) -> Any:
    return {"layers": variations.sort(context.image, context.drawables), "image": context.image}
