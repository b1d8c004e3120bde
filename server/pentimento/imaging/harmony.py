"""How a pasted object would look in the light of its surroundings: two smooth fields, of light and
colour on the object and of its shadow beside it, computed from the picture or read off another one
of it, such as an edit model's. `imaging.harmony_layers` makes layers of them.

Lightness and contrast follow the statistics of what is around (Reinhard et al. 2001, "Color
transfer between images", in CIELAB and in part), the cast that of nearly gray places alone (gray
world, Buchsbaum 1980), since what an object is painted with is no light. The shadow is drawn where
the object stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pentimento.imaging import matting, pixels

WORKING_SIDE = 640  # px; the longer side at which the fields are made
FEWEST = 32  # px of the object, and of what is around it, that say something
SHARE = 0.5  # of the difference to the surroundings that is taken off: an object may differ
MOST_LIGHTNESS, MOST_CAST = 18.0, 12.0  # CIELAB units of a change
CONTRASTS = (0.8, 1.25)  # gains of the lightness around its mean
MOST_SLOPE = 8.0  # CIELAB lightness across the object, of light from one side
GRAY = 14.0  # chroma of a place that tells the colour of the light, falling off from there
AROUND = 0.7  # of the object's size (the root of its area): how far its surroundings reach
SMOOTHNESS = 0.05  # of its size, sigma of what is computed
KEPT = 0.02  # of its size, sigma of what is read off another picture
STANDING = 0.12  # of its height: parts that end so far above its lowest place stand as well
SHADOWS = ((0.5, 0.055, 0.022), (0.3, 0.16, 0.055))  # darkness, and sigmas of the object's size
DARKEST = 0.02  # factor of linear light
FARTHEST = 0.5  # of full scale: what a layer of light can add or take away


@dataclass(frozen=True, slots=True)
class Fields:
    """Both at a reduced size. `light` `(h, w, 3)` float32 is added to the object's sRGB-encoded
    colours, -0.5..0.5; `shadow` `(h, w)` float32 is a factor of linear light beside it, 0.02..1.
    Each goes on smoothly where it has no meaning."""

    light: np.ndarray
    shadow: np.ndarray


@dataclass(frozen=True, slots=True)
class _Seen:
    """`colours` `(h, w, 3)` float32 sRGB-encoded; `inside` and `beside` `(h, w)` bool are the
    object where it is most solid and wholly opaque surroundings; `size` px is the root of the
    object's area."""

    colours: np.ndarray
    inside: np.ndarray
    beside: np.ndarray

    @property
    def size(self) -> float:
        return max(1.0, float(self.inside.sum()) ** 0.5)


def computed(source: np.ndarray, mask: np.ndarray) -> Fields:
    """`source` `(h, w, 4)` u8, u16 or f32: the picture as seen with the object, which `mask`
    `(h, w)` u8 is 255 on."""
    seen = _reduced(source, mask)
    return Fields(_fitting_light(seen), _contact_shadow(seen))


def read_off(source: np.ndarray, mask: np.ndarray, target: np.ndarray) -> Fields:
    """The fields that come closest to `target` `(h, w, 4)`, the same picture in harmony."""
    seen = _reduced(source, mask)
    wanted = np.clip(_small(target[..., :3], seen.inside.shape), 0, 1)
    sigma = max(1.5, KEPT * seen.size)
    change = _smooth(wanted - seen.colours, seen.inside, sigma)
    light = np.clip(_extended(change, seen.inside, 2 * sigma), -FARTHEST, FARTHEST)
    before, after = (_luma(linear(one)) + 1e-3 for one in (seen.colours, wanted))
    darker = np.minimum(np.log(after / before), 0)[..., None]
    darker = _smooth(darker, seen.beside, sigma)
    shadow = _extended(darker, seen.beside, sigma)[..., 0]
    return Fields(light, np.clip(np.exp(shadow), DARKEST, 1).astype(np.float32))


def linear(encoded: np.ndarray) -> np.ndarray:
    """sRGB's transfer function (IEC 61966-2-1), from encoded 0..1 to linear light."""
    encoded = np.clip(encoded, 0, 1)
    curve = ((encoded + 0.055) / 1.055) ** np.float32(2.4)
    return np.where(encoded <= 0.04045, encoded / 12.92, curve).astype(np.float32)


def encoded(light: np.ndarray) -> np.ndarray:
    """The inverse of `linear`."""
    light = np.clip(light, 0, 1)
    curve = 1.055 * light ** np.float32(1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, light * 12.92, curve).astype(np.float32)


def _reduced(source: np.ndarray, mask: np.ndarray) -> _Seen:
    height, width = mask.shape
    factor = min(1.0, WORKING_SIDE / max(height, width))
    shape = max(1, round(height * factor)), max(1, round(width * factor))
    share, there = _small(mask, shape), _small(source[..., 3], shape)
    colours = np.clip(_small(source[..., :3], shape), 0, 1)
    inside = share > 0.995 * max(float(share.max()), 1 / 255)  # as solid as it gets
    return _Seen(colours, inside, (share < 0.005) & (there > 0.995))


def _small(picture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """float32 of a picture of any depth, which is made small before it is converted."""
    if picture.shape[:2] != tuple(shape[:2]):
        kept = np.ascontiguousarray(picture)
        picture = cv2.resize(kept, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return pixels.to_float(picture)


def _fitting_light(seen: _Seen) -> np.ndarray:
    around = seen.beside & matting.within(seen.inside, max(8.0, AROUND * seen.size))
    if min(seen.inside.sum(), around.sum()) < FEWEST:
        return np.zeros_like(seen.colours)
    sigma = max(1.5, SMOOTHNESS * seen.size)
    own = _lab(_smooth(seen.colours, seen.inside, sigma))
    there = _lab(_smooth(seen.colours, around, sigma))
    wanted = own.copy()
    wanted[..., 0] = _lightness(own[..., 0], there[..., 0], seen.inside, around)
    wanted[..., 1:] += _cast(_lab(seen.colours), seen.inside, around)
    change = _extended(_rgb(wanted) - _rgb(own), seen.inside, sigma)
    return np.clip(change, -FARTHEST, FARTHEST)


def _lightness(
    own: np.ndarray, there: np.ndarray, inside: np.ndarray, around: np.ndarray
) -> np.ndarray:
    """CIELAB lightness of the object, `(h, w)`: its mean and its contrast brought towards those of
    the surroundings, and lit from the side that these are lit from."""
    mean, goal = float(own[inside].mean()), float(there[around].mean())
    shift = float(np.clip(SHARE * (goal - mean), -MOST_LIGHTNESS, MOST_LIGHTNESS))
    contrast = float(there[around].std() + 1) / float(own[inside].std() + 1)
    gain = float(np.clip(contrast**SHARE, *CONTRASTS))
    return mean + shift + gain * (own - mean) + _slope(there, inside, around)


def _slope(there: np.ndarray, inside: np.ndarray, around: np.ndarray) -> np.ndarray:
    """A plane through the surroundings' lightness, 0 in the object's middle, in part."""
    rows, columns = np.nonzero(inside)
    middle = rows.mean(), columns.mean()
    half = max(1.0, float(np.ptp(rows)) / 2), max(1.0, float(np.ptp(columns)) / 2)
    y, x = (axis.astype(np.float32) for axis in np.indices(inside.shape))
    y, x = (y - middle[0]) / half[0], (x - middle[1]) / half[1]
    known = np.stack([y[around], x[around], np.ones(int(around.sum()))], axis=1)
    down, across, _ = np.linalg.lstsq(known, there[around].astype(np.float64), rcond=None)[0]
    most = MOST_SLOPE / 2
    down, across = (float(np.clip(SHARE * value, -most, most)) for value in (down, across))
    return (down * np.clip(y, -1, 1) + across * np.clip(x, -1, 1)).astype(np.float32)


def _cast(lab: np.ndarray, inside: np.ndarray, around: np.ndarray) -> np.ndarray:
    """`(2,)`: a and b to be added; less where the object or its surroundings have little gray."""
    gray = np.exp(-np.sum((lab[..., 1:] / GRAY) ** 2, axis=2))
    trust, found = 1.0, []
    for where in (inside, around):
        weight = gray[where]
        trust = min(trust, float(weight.mean()) / 0.2)
        found.append((lab[where][:, 1:] * weight[:, None]).sum(axis=0) / (weight.sum() + 1e-6))
    shift: np.ndarray = SHARE * trust * (found[1] - found[0])
    return np.clip(shift, -MOST_CAST, MOST_CAST)


def _contact_shadow(seen: _Seen) -> np.ndarray:
    """Darkest where the object ends lowest. None of an object that goes on below the picture."""
    nothing = np.ones(seen.inside.shape, np.float32)
    columns = np.flatnonzero(seen.inside.any(axis=0))
    if seen.inside.sum() < FEWEST:
        return nothing
    height, width = seen.inside.shape
    lowest = height - 1 - np.argmax(seen.inside[::-1], axis=0)[columns]
    ground = int(lowest.max())
    if ground >= height - 2:
        return nothing
    tall = ground - int(np.flatnonzero(seen.inside.any(axis=1))[0]) + 1
    stands = np.clip(1 - (ground - lowest) / max(1.0, STANDING * tall), 0, 1)
    thick = max(1, round(0.03 * tall))
    feet = np.zeros((height, width), np.float32)
    for column, row, share in zip(columns, lowest, stands, strict=True):
        feet[max(0, row - thick) : row + 1 + thick // 2, column] = share
    light = nothing
    for dark, across, down in SHADOWS:
        sigmas = max(1.0, across * seen.size), max(0.8, down * seen.size)
        blurred = cv2.GaussianBlur(
            feet, (0, 0), sigmaX=sigmas[0], sigmaY=sigmas[1], borderType=cv2.BORDER_CONSTANT
        )
        light = light * (1 - dark * blurred / max(float(blurred.max()), 1e-6))
    light[light > 1 - 1 / 512] = 1
    return np.clip(light, DARKEST, 1).astype(np.float32)


def _smooth(values: np.ndarray, where: np.ndarray, sigma: float) -> np.ndarray:
    """`(h, w, c)` float32: blurred among the places `where` alone."""
    weight = where.astype(np.float32)
    near = cv2.GaussianBlur(weight, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    kept = np.float32(values) * weight[..., None]
    summed = cv2.GaussianBlur(kept, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return summed.reshape(values.shape) / np.maximum(near, 1e-4)[..., None]


def _extended(values: np.ndarray, where: np.ndarray, sigma: float) -> np.ndarray:
    """The same where it counts, elsewhere as at the nearest place that does, and then blurred; 0 if
    none does."""
    if not where.any():
        return np.zeros_like(values)
    channels = values.shape[2]
    wide = values if channels == 3 else np.repeat(values, 3, axis=2)
    spread = matting.spread(np.ascontiguousarray(wide, np.float32), where)
    whole = np.where(where[..., None], values, spread[..., :channels])
    return _smooth(whole, np.ones_like(where), sigma)


def _lab(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.clip(rgb, 0, 1).astype(np.float32), cv2.COLOR_RGB2LAB)


def _rgb(lab: np.ndarray) -> np.ndarray:
    return np.clip(cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB), 0, 1)


def _luma(rgb: np.ndarray) -> np.ndarray:
    return rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32)
