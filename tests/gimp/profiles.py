"""ICC profiles made by the tests, and what colours their numbers mean: own arithmetic, so that
GIMP is not measured by itself."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tests.gimp import table_profile

WHITE = table_profile.WHITE  # D50
CURVE_POINTS = 4096
# Columns: red, green, blue in XYZ (D50, Bradford), from the primaries of each standard.
SRGB = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
ADOBE = table_profile.TO_XYZ
DISPLAY_P3 = np.array(
    [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)


@dataclass(frozen=True)
class Space:
    """What an image's numbers mean. `gamma` 0 stands for sRGB's own curve."""

    label: str
    to_xyz: np.ndarray
    gamma: float = 0.0

    def lab(self, encoded: np.ndarray) -> np.ndarray:
        """CIELAB (D50) of `(..., 3)` encoded values 0..1."""
        return lab_of(decoded(encoded, self.gamma) @ self.to_xyz.T)


SPACES = {
    "srgb": Space("sRGB", SRGB),
    "adobe": Space("Adobe RGB-like", ADOBE, table_profile.GAMMA),
    "p3": Space("Display P3-like", DISPLAY_P3),
    "table": Space(table_profile.LABEL, ADOBE, table_profile.GAMMA),
}


def decoded(encoded: np.ndarray, gamma: float) -> np.ndarray:
    """Linear light from encoded values; negative ones are mirrored."""
    size = np.abs(encoded)
    if gamma:
        return np.sign(encoded) * size**gamma
    low = size / 12.92
    return np.sign(encoded) * np.where(size <= 0.04045, low, ((size + 0.055) / 1.055) ** 2.4)


def lab_of(xyz: np.ndarray) -> np.ndarray:
    """CIELAB under D50 (CIE 15:2004)."""
    share = xyz / WHITE
    f = np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ciede2000(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Colour difference of CIELAB values (Sharma, Wu, Dalal 2005, "The CIEDE2000 Color-Difference
    Formula: Implementation Notes", equations 2 to 22)."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    mean_c = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7)))
    c1, c2 = np.hypot((1 + g) * a1, b1), np.hypot((1 + g) * a2, b2)
    h1 = np.degrees(np.arctan2(b1, (1 + g) * a1)) % 360
    h2 = np.degrees(np.arctan2(b2, (1 + g) * a2)) % 360
    grey = c1 * c2 == 0
    turn = (h2 - h1 + 180) % 360 - 180
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(np.where(grey, 0, turn)) / 2)
    dl, dc = l2 - l1, c2 - c1
    far = np.abs(h1 - h2) > 180
    mean_h = np.where(far, (h1 + h2 + np.where(h1 + h2 < 360, 360, -360)) / 2, (h1 + h2) / 2)
    mean_h = np.where(grey, h1 + h2, mean_h)
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    t = 1 - 0.17 * _cos(mean_h - 30) + 0.24 * _cos(2 * mean_h)
    t = t + 0.32 * _cos(3 * mean_h + 6) - 0.20 * _cos(4 * mean_h - 63)
    bend = 60 * np.exp(-(((mean_h - 275) / 25) ** 2))
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    r_t = -np.sin(np.radians(bend)) * 2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    parts = dl / s_l, dc / s_c, dh / s_h
    return np.sqrt(sum(part**2 for part in parts) + r_t * parts[1] * parts[2])


def _cos(degrees: np.ndarray) -> np.ndarray:
    return np.cos(np.radians(degrees))


def write_all(folder: Path) -> None:
    """adobe.icc and p3.icc; table.icc is made by table_profile."""
    for name in ("adobe", "p3"):
        _write(folder / f"{name}.icc", SPACES[name])


def _write(path: Path, space: Space) -> None:
    if space.gamma:
        curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(space.gamma * 256)) + b"\0\0"
    else:
        values = np.rint(decoded(np.linspace(0, 1, CURVE_POINTS), 0) * 65535).astype(">u2")
        curve = b"curv\0\0\0\0" + struct.pack(">I", CURVE_POINTS) + values.tobytes()
    tags = {
        b"desc": table_profile.description(space.label),
        b"cprt": b"text\0\0\0\0" + b"CC0\0",
        b"wtpt": _xyz(WHITE),
        **{name: _xyz(space.to_xyz[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    path.write_bytes(table_profile.assembled(tags, kind=b"mntr", connection=b"XYZ "))


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(v) * 65536) for v in values))
