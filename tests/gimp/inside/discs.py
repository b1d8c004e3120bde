"""Discs with a soft edge in front of stripes, for the files that look for objects."""

import base64
import math

import batch


def text(data):
    return base64.b64encode(bytes(data)).decode()


def with_discs(image, drawables, discs):
    """Draws discs (x, y, radius) into the first drawable; its pixels are opaque."""
    layer = drawables[0]
    rows = []
    for y in range(layer.get_height()):
        for x in range(layer.get_width()):
            share = max(
                min(1, max(0, radius + 0.5 - math.hypot(x - cx, y - cy)))
                for cx, cy, radius in discs
            )
            back = (30 + 2 * (x % 9), 80 + 3 * (y % 7), 90)
            front = (220, 150 - 2 * (y % 5), 40)
            rows.append(bytes(round(b + share * (f - b)) for b, f in zip(back, front, strict=True)))
            rows.append(b"\xff")
    batch.write(layer, b"".join(rows))
    return image, drawables
