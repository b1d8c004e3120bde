"""A pasted object's harmony with its surroundings as layers that can be turned down one by one:
`shadow` below the object, `light` and `edge` above it.

Laid over one another as GIMP does it they give the picture that was aimed at within 1/255: shadow
is multiplied with linear light, light is grain merge of sRGB-encoded numbers (sum - 0.5), edge lies
on top as it is. It holds what the two smooth ones can't say: the object's soft edge, where
colours of its old background are taken out, and whatever else another picture has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pentimento.core.geometry import Size
from pentimento.imaging import bands, harmony, matting, pixels
from pentimento.imaging.harmony import Fields

ROWS = 256  # of a picture that are worked on at once
EXACT = 0.7 / 255  # of full scale: what may be off before the edge takes over
NAMES = ("edge", "light", "shadow")  # the topmost first
OLD = (0.05, 0.3)  # alphas between which the old background is taken out of the edge's colours


@dataclass(frozen=True, slots=True)
class Layers:
    """`(h, w, 4)` each, in the depth of the source. `edge` is seen where it counts, `light` on the
    object, `shadow` everywhere, white where there is none."""

    edge: np.ndarray
    light: np.ndarray
    shadow: np.ndarray

    def facts(self) -> dict[str, object]:
        return {
            "edge_share": round(float((self.edge[..., 3] > 0).mean()), 4),
            "darkest": round(float(pixels.to_float(self.shadow[..., 0]).min()), 4),
        }


def of(source: np.ndarray, mask: np.ndarray, target: np.ndarray | None = None) -> Layers:
    """Of a picture `source` `(h, w, 4)` as seen with the object, which `mask` `(h, w)` u8 is 255
    on. With `target`, the same picture in harmony, they give that one; else what is computed."""
    if target is None:
        fields = harmony.computed(source, mask)
    else:
        fields = harmony.read_off(source, mask, target)
    made = Layers(*(np.zeros(source.shape, source.dtype) for _ in NAMES))
    halo = 4 * matting.band_of(mask.shape)
    for top in range(0, len(mask), ROWS):
        rows = slice(top, min(top + ROWS, len(mask)))
        around = slice(max(0, rows.start - halo), min(rows.stop + halo, len(mask)))
        inner = slice(rows.start - around.start, rows.stop - around.start)
        part = _part(source, mask, target, fields, around)
        for whole, strip in zip((made.edge, made.light, made.shadow), part, strict=True):
            whole[rows] = strip[inner]
    return made


def recomposed(source: np.ndarray, mask: np.ndarray, layers: Layers) -> np.ndarray:
    """`(h, w, 3)` float32: what is seen with the layers where the object or its surroundings are
    solid, and with the edge on top. Between them, without an edge, the source."""
    light = pixels.to_float(layers.light[..., :3])
    shadow = pixels.to_float(layers.shadow[..., :3])
    seen = _laid(pixels.to_float(source[..., :3]), mask, light, shadow)
    share = pixels.to_float(layers.edge[..., 3:])
    return seen * (1 - share) + pixels.to_float(layers.edge[..., :3]) * share


def _part(
    source: np.ndarray,
    mask: np.ndarray,
    target: np.ndarray | None,
    fields: Fields,
    rows: slice,
) -> Iterator[np.ndarray]:
    """The three of these rows, in the order of `NAMES`."""
    size = Size(mask.shape[1], mask.shape[0])
    colours = pixels.to_float(source[rows][..., :3])
    there = source[rows][..., 3]
    light = pixels.to_depth(bands.rows_of(fields.light, rows, size) + 0.5, source.dtype)
    dark = harmony.encoded(bands.rows_of(fields.shadow, rows, size))
    shadow = np.repeat(pixels.to_depth(dark, source.dtype)[..., None], 3, axis=2)
    part = mask[rows]
    drawn = pixels.to_float(light), pixels.to_float(shadow)
    laid = _laid(colours, part, *drawn)
    if target is None:
        wanted = _soft(colours, laid, part, *drawn)
    else:
        wanted = pixels.to_float(target[rows][..., :3])
    full = pixels.FULL[source.dtype]
    off = np.abs(laid - np.clip(wanted, 0, 1)).max(axis=2) > EXACT
    edge = (off | ((part > 0) & (part < 255))) & (there >= full)
    one = np.asarray(full, source.dtype)
    yield _with_alpha(pixels.to_depth(np.clip(wanted, 0, 1), source.dtype), edge * one)
    yield _with_alpha(light, pixels.to_depth(part, source.dtype))
    yield _with_alpha(shadow, np.full_like(there, one))


def _laid(
    colours: np.ndarray, mask: np.ndarray, light: np.ndarray, shadow: np.ndarray
) -> np.ndarray:
    """Light on the solid object, shadow beside it, float32 0..1."""
    result = np.clip(colours, 0, 1).astype(np.float32)
    inside, beside = mask == 255, (mask == 0) & (shadow[..., 0] < 1)
    result[inside] = np.clip(colours[inside] + light[inside] - 0.5, 0, 1)
    result[beside] = harmony.encoded(
        harmony.linear(colours[beside]) * harmony.linear(shadow[beside])
    )
    return result


def _soft(
    colours: np.ndarray, laid: np.ndarray, mask: np.ndarray, light: np.ndarray, shadow: np.ndarray
) -> np.ndarray:
    """`laid` with its soft edge: light and shadow in proportion, and near the solid object its own
    colours in place of those of its old background."""
    mixed = (mask > 0) & (mask < 255)
    if not mixed.any():
        return laid
    share = pixels.to_float(mask)[..., None]
    below = harmony.encoded(harmony.linear(colours) * harmony.linear(shadow))
    added = colours + share * (light - 0.5) + (1 - share) * (below - colours)
    clean = matting.decontaminated(np.ascontiguousarray(colours), share[..., 0])
    empty = matting.spread(np.ascontiguousarray(below), mask == 0)
    fresh = share * (clean + light - 0.5) + (1 - share) * empty
    trust = np.clip((share - OLD[0]) / (OLD[1] - OLD[0]), 0, 1)
    trust = trust * _narrow(mask)[..., None]
    result = laid.copy()
    result[mixed] = np.clip(added + trust * (fresh - added), 0, 1)[mixed]
    return result


def _narrow(mask: np.ndarray) -> np.ndarray:
    """`(h, w)` float32: 1 where both the solid object and what is beside it are near."""
    band = matting.band_of(mask.shape)
    near = [
        matting.within(where, 2 * band) if where.any() else np.zeros(mask.shape, bool)
        for where in (mask == 255, mask == 0)
    ]
    return (near[0] & near[1]).astype(np.float32)


def _with_alpha(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.concatenate([colours, alpha[..., None].astype(colours.dtype)], axis=2)
