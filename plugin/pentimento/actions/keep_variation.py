"""Keep Variation: of several results the one that is seen stays, the others go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gimpio import variations

if TYPE_CHECKING:
    from context import Context


def run(context: Context) -> Any:
    layer = variations.keep(context.image, context.drawables)
    return {"layers": [layer], "image": context.image}
