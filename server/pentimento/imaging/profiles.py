"""ICC profiles: from a picture's own colours to sRGB and back, at the picture's own depth.

Profiles of a matrix and curves (cameras', monitors', working spaces, grey ones) are computed here
in floating point, for LittleCMS takes no more than 8 bits of colour through Pillow. For those of
tables it is LittleCMS that knows the colours: 8-bit pictures go through it, and of deeper ones the
change of colour is looked up in a grid of its answers. Between the nodes the change is
interpolated: gradients stay as fine as they were, and colours are right to about half an 8-bit
level, to a few at the edge of what sRGB holds.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

SPACES = {b"RGB ": "RGB", b"GRAY": "grey", b"CMYK": "CMYK"}
XYZ_OF_SRGB = np.array(  # columns: its primaries at D50 (IEC 61966-2-1, adapted by Bradford)
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
SAME = 0.003  # profiles that differ from sRGB by less, rounding of their numbers, are sRGB
NEUTRAL = 0.005  # rounding of the primaries that is put right, so that white stays white
FINE = 65_536  # entries of a curve
NODES = 65  # along each side of the grid
BAND = 2**20  # px converted at a time
HEADER = 128  # bytes
MOST_TAGS = 256
PARAMETERS = (1, 3, 4, 5, 7)  # of each kind of parametric curve (ICC.1:2022, table 68)

Curve = Callable[[np.ndarray], np.ndarray]


class BrokenProfileError(ValueError):
    """Not a profile, or none that can be followed."""


@dataclass(frozen=True)
class Profile:
    """`space` is "RGB", "grey" or "CMYK". `plain`: its colours are sRGB's. `curves` are tables of
    FINE values from encoded to linear, `matrix` takes linear colours to linear sRGB; profiles made
    of tables have neither."""

    data: bytes
    space: str
    plain: bool = False
    curves: np.ndarray | None = None  # (1 or 3, FINE) float32
    matrix: np.ndarray | None = None  # (3, 3) float64

    @property
    def holds_results(self) -> bool:
        """Whether colours of a model can be brought into it."""
        return self.plain or self.matrix is not None

    def to_srgb(self, values: np.ndarray) -> np.ndarray:
        """`(h, w, 1..4)` u8, u16 or f32 as sRGB in the same depth, alpha as it is. Grey pictures
        with a profile of colours become colours."""
        alpha = values.shape[2] in (2, 4)
        colours = values[..., :-1] if alpha else values
        if self.space == "RGB" and colours.shape[2] == 1:
            colours = np.repeat(colours, 3, axis=2)
        if not self.plain:
            colours = self._converted(colours)
        return np.concatenate([colours, values[..., -1:]], axis=2) if alpha else colours

    def from_srgb(self, values: np.ndarray) -> np.ndarray:
        """`(h, w, 3)` float32 0..1 of sRGB in this profile. What it can't hold is cut."""
        if self.plain:
            return values
        matrix, curves = self._back

        def band(part: np.ndarray) -> np.ndarray:
            roots = np.sqrt(np.clip(_linear(part) @ matrix, 0, 1))
            encoded = [
                _looked_up(curve, roots[..., channel]) for channel, curve in enumerate(curves)
            ]
            return np.stack(encoded, -1)

        return _in_bands(values, band)

    @cached_property
    def _back(self) -> tuple[np.ndarray, list[np.ndarray]]:
        """The matrix and the curves that lead from linear sRGB to this profile."""
        assert self.matrix is not None
        assert self.curves is not None
        matrix = np.linalg.inv(self.matrix).T.astype(np.float32)
        return matrix, [_inverse(curve) for curve in self.curves]

    def _converted(self, colours: np.ndarray) -> np.ndarray:
        if self.curves is None:
            return self._by_tables(colours)
        curves, matrix = self.curves, self.matrix

        def band(part: np.ndarray) -> np.ndarray:
            linear = np.stack(
                [_looked_up(curve, part[..., channel]) for channel, curve in enumerate(curves)], -1
            )
            if matrix is not None:
                linear = linear @ matrix.T.astype(np.float32)
            return _at_depth(_encoded(linear), part.dtype)

        return _in_bands(colours, band)

    def _by_tables(self, colours: np.ndarray) -> np.ndarray:
        if colours.dtype == np.uint8:
            return self._by_littlecms(colours)
        steps = np.rint(np.linspace(0, 255, NODES)).astype(np.uint8)
        axes = np.meshgrid(*[steps] * colours.shape[2], indexing="ij")
        grid = np.stack(axes, -1)
        flat = grid.reshape(1, -1, colours.shape[2])
        change = self._by_littlecms(flat).astype(np.float32) - flat
        change = change.reshape(*grid.shape[:-1], -1) / 255

        def band(part: np.ndarray) -> np.ndarray:
            encoded = np.clip(np.nan_to_num(_as_float(part)), 0, 1)
            moved = encoded + _interpolated(change, encoded, steps / np.float32(255))
            return _at_depth(np.clip(moved, 0, 1), part.dtype)

        return _in_bands(colours, band)

    def _by_littlecms(self, colours: np.ndarray) -> np.ndarray:
        """`(h, w, 1|3)` u8."""
        from PIL import Image

        mode = "L" if colours.shape[2] == 1 else "RGB"
        image = Image.fromarray(np.ascontiguousarray(colours if mode == "RGB" else colours[..., 0]))
        return np.asarray(through_littlecms(image, self.data))


def read(data: bytes) -> Profile:
    """Raises BrokenProfileError."""
    try:
        return _read(data)
    except (struct.error, IndexError, ValueError, np.linalg.LinAlgError) as error:
        raise BrokenProfileError(str(error)) from error


def through_littlecms(image, profile: bytes):  # type: ignore[no-untyped-def]
    """A Pillow picture of any mode as sRGB of 8 bits; raises BrokenProfileError."""
    from PIL import ImageCms

    try:
        return ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            "RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        raise BrokenProfileError(str(error)) from error


def _read(data: bytes) -> Profile:
    space = SPACES.get(data[16:20])
    connection = data[20:24]
    if len(data) < HEADER + 4 or data[36:40] != b"acsp" or space is None:
        raise ValueError("no profile of a picture")
    tags = _tags(data)
    if space == "RGB" and b"A2B0" not in tags and connection == b"XYZ ":
        curves = np.stack([_curve(tags[name]) for name in _named(tags, b"rTRC", b"gTRC", b"bTRC")])
        primaries = [_xyz(tags[name]) for name in _named(tags, b"rXYZ", b"gXYZ", b"bXYZ")]
        matrix = _to_srgb(np.stack(primaries, -1))
        plain = _is_srgb(Profile(data, space, False, curves, matrix))
        return Profile(data, space, plain, curves, matrix)
    if space == "grey" and b"kTRC" in tags and b"A2B0" not in tags:
        curve = _curve(tags[b"kTRC"])
        if connection == b"Lab ":
            curve = _luminance(curve)
        curves = curve[None]
        plain = _is_srgb(Profile(data, space, False, curves))
        return Profile(data, space, plain, curves)
    profile = Profile(data, space)
    _try(profile)
    return profile


def _tags(data: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", data, HEADER)
    tags = {}
    for number in range(min(count, MOST_TAGS)):
        name, offset, size = struct.unpack_from(">4sII", data, HEADER + 4 + 12 * number)
        tags[name] = data[offset : offset + size]
    return tags


def _named(tags: dict[bytes, bytes], *names: bytes) -> tuple[bytes, ...]:
    missing = [name.decode() for name in names if name not in tags]
    if missing:
        raise ValueError(f"without {missing[0]}")
    return names


def _xyz(tag: bytes) -> np.ndarray:
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65_536


def _curve(tag: bytes) -> np.ndarray:
    """FINE linear values 0..1 that never fall (ICC.1:2022, 10.6 and 10.18)."""
    ramp = np.linspace(0, 1, FINE)
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            curve = ramp
        elif count == 1:
            curve = ramp ** (struct.unpack_from(">H", tag, 12)[0] / 256)
        else:
            points = np.frombuffer(tag, ">u2", count, 12) / 65_535
            curve = np.interp(ramp, np.linspace(0, 1, count), points)
    elif tag[:4] == b"para":
        (kind,) = struct.unpack_from(">H", tag, 8)
        numbers = np.array(struct.unpack_from(f">{PARAMETERS[kind]}i", tag, 12)) / 65_536
        curve = _parametric(kind, numbers, ramp)
    else:
        raise ValueError(f"a curve of the kind {tag[:4]!r}")
    if not np.isfinite(curve).all():
        raise ValueError("a curve without values")
    curve = np.maximum.accumulate(np.clip(curve, 0, 1))
    if curve[-1] - curve[0] < 0.1:
        raise ValueError("a flat curve")
    return curve.astype(np.float32)


def _parametric(kind: int, numbers: np.ndarray, x: np.ndarray) -> np.ndarray:
    """ICC.1:2022, table 68."""
    g = numbers[0]
    if kind == 0:
        return x**g
    a, b = numbers[1:3]
    power = np.clip(a * x + b, 0, None) ** g
    if kind == 1:
        return np.where(x >= -b / a, power, 0)
    if kind == 2:
        return np.where(x >= -b / a, power, 0) + numbers[3]
    c, d = numbers[3:5]
    e, f = numbers[5:7] if kind == 4 else (0.0, 0.0)
    return np.where(x >= d, power + e, c * x + f)


def _luminance(curve: np.ndarray) -> np.ndarray:
    """Y of lightness 0..1 (CIE 15)."""
    lightness = curve * 100
    return np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3).astype("f4")


def _to_srgb(primaries: np.ndarray) -> np.ndarray:
    matrix = np.linalg.inv(XYZ_OF_SRGB) @ primaries
    if abs(np.linalg.det(matrix)) < 1e-6:
        raise ValueError("primaries on one line")
    white = matrix.sum(axis=1)
    if np.abs(white - 1).max() < NEUTRAL:
        matrix /= white[:, None]
    return matrix


def _is_srgb(profile: Profile) -> bool:
    channels = 3 if profile.matrix is not None else 1
    steps = np.linspace(0, 1, 9 if channels == 3 else 256, dtype=np.float32)
    grid = np.stack(np.meshgrid(*[steps] * channels), -1).reshape(1, -1, channels)
    return bool(np.abs(profile.to_srgb(grid) - grid).max() < SAME)


def _try(profile: Profile) -> None:
    """Raises BrokenProfileError where LittleCMS cannot follow the profile."""
    from PIL import Image

    mode = {"RGB": "RGB", "grey": "L", "CMYK": "CMYK"}[profile.space]
    through_littlecms(Image.new(mode, (1, 1)), profile.data)


def _looked_up(curve: np.ndarray, values: np.ndarray) -> np.ndarray:
    if values.dtype == np.uint8:
        return curve[:: (FINE - 1) // 255][values]
    if values.dtype == np.uint16:
        return curve[values]
    places = np.clip(np.nan_to_num(values), 0, 1) * np.float32(FINE - 1)
    below = places.astype(np.int32)
    share = places - below.astype(np.float32)
    return curve[below] * (1 - share) + curve[np.minimum(below + 1, FINE - 1)] * share


def _inverse(curve: np.ndarray) -> np.ndarray:
    """FINE encoded values of the squares of 0..1: by roots the dark end is fine enough."""
    ramp = np.linspace(0, 1, FINE)
    return np.interp(ramp**2, curve, ramp).astype(np.float32)


def _interpolated(table: np.ndarray, values: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """`(..., c)` values in a table of c axes, linearly between its nodes."""
    axes = values.shape[-1]
    below = np.clip(np.searchsorted(nodes, values, side="right") - 1, 0, len(nodes) - 2)
    share = (values - nodes[below]) / (nodes[below + 1] - nodes[below])
    result = np.zeros((*values.shape[:-1], table.shape[-1]), np.float32)
    for corner in np.ndindex(*[2] * axes):
        weight = np.ones(values.shape[:-1], np.float32)
        for axis, step in enumerate(corner):
            weight *= share[..., axis] if step else 1 - share[..., axis]
        place = tuple(below[..., axis] + step for axis, step in enumerate(corner))
        result += weight[..., None] * table[place]
    return result


def _linear(encoded: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    power = cv2.pow((np.clip(encoded, 0, 1) + np.float32(0.055)) / np.float32(1.055), 2.4)
    return np.where(encoded <= 0.04045, encoded / np.float32(12.92), power.reshape(encoded.shape))


def _encoded(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1; what sRGB can't hold is cut."""
    held = np.ascontiguousarray(np.clip(linear, 0, 1), np.float32)
    power = cv2.pow(held, 1 / 2.4).reshape(held.shape)
    result = np.where(held <= 0.0031308, held * np.float32(12.92), 1.055 * power - 0.055)
    return np.clip(result, 0, 1).astype(np.float32)


def _as_float(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.float32:
        return values
    return values.astype(np.float32) / np.float32(np.iinfo(values.dtype).max)


def _at_depth(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype == np.float32:
        return values
    return np.rint(values * np.float64(np.iinfo(dtype).max)).astype(dtype)


def _in_bands(values: np.ndarray, convert: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Row by row, some at a time, which bounds the memory for float copies."""
    rows = max(BAND // max(values.shape[1], 1), 1)
    parts = [convert(values[top : top + rows]) for top in range(0, len(values), rows)]
    return np.concatenate(parts) if len(parts) > 1 else parts[0]
