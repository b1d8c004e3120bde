"""ICC profiles written here, right ones and broken ones, and what their colours look like in sRGB.
Primaries are xy; curves are gammas."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import ImageCms

SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3_PRIMARIES = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_PRIMARIES = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
D65 = (0.3127, 0.3290)
D50 = np.array([0.9642, 1.0, 0.8249])
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def xyz(xy: tuple[float, float]) -> np.ndarray:
    x, y = xy
    return np.array([x / y, 1.0, (1 - x - y) / y])


def to_d50(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Linear colours of these primaries at D65 as XYZ at D50 (SMPTE RP 177, Bradford)."""
    columns = np.stack([xyz(primary) for primary in primaries], -1)
    matrix = columns * np.linalg.solve(columns, xyz(D65))
    cones = BRADFORD @ D50 / (BRADFORD @ xyz(D65))
    return np.linalg.inv(BRADFORD) @ np.diag(cones) @ BRADFORD @ matrix


def _s15(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    start = 128 + 4 + 12 * len(tags)
    table, body = b"", b""
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += struct.pack(">4sII", name, start + len(body), len(value))
        body += value
    head = bytearray(128)
    head[8:12] = b"\x02\x40\0\0"
    head[12:16], head[16:20], head[20:24], head[36:40] = b"mntr", space, b"XYZ ", b"acsp"
    head[68:80] = _s15(*D50)
    whole = bytes(head) + struct.pack(">I", len(tags)) + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def gamma_curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def srgb_curve() -> bytes:
    """As Display P3 has it: the parametric curve of IEC 61966-2-1."""
    return b"para\0\0\0\0\0\x03\0\0" + _s15(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def table_curve(gamma: float, entries: int = 1024) -> bytes:
    points = np.rint(np.linspace(0, 1, entries) ** gamma * 65535).astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", entries) + points.tobytes()


def rgb_profile(primaries: tuple[tuple[float, float], ...], curve: bytes) -> bytes:
    columns = to_d50(primaries).T
    tags = {
        b"desc": b"desc\0\0\0\0\0\0\0\x05test\0" + bytes(78),
        b"wtpt": b"XYZ \0\0\0\0" + _s15(*D50),
    }
    for letter, column in zip(b"rgb", columns, strict=True):
        tags[bytes([letter]) + b"XYZ"] = b"XYZ \0\0\0\0" + _s15(*column)
        tags[bytes([letter]) + b"TRC"] = curve
    return _profile(b"RGB ", tags)


def grey_profile(curve: bytes) -> bytes:
    return _profile(b"GRAY", {b"wtpt": b"XYZ \0\0\0\0" + _s15(*D50), b"kTRC": curve})


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
P3 = rgb_profile(P3_PRIMARIES, srgb_curve())
ADOBE = rgb_profile(ADOBE_PRIMARIES, gamma_curve(563 / 256))
SWAPPED = rgb_profile((SRGB_PRIMARIES[2], SRGB_PRIMARIES[1], SRGB_PRIMARIES[0]), srgb_curve())
LINEAR = rgb_profile(SRGB_PRIMARIES, gamma_curve(1.0))
WIDE_TABLE = rgb_profile(P3_PRIMARIES, table_curve(1.8))
GREY_18 = grey_profile(gamma_curve(1.8))
GREY_SRGB = grey_profile(srgb_curve())
BROKEN_PROFILES: dict[str, bytes] = {
    "empty": b"",
    "words": b"this is no profile at all",
    "header_only": P3[:128],
    "cut": P3[:200],
    "huge_count": P3[:128] + b"\xff" * 4 + P3[132:],
    "wild_offsets": P3[:136] + b"\xff\xff\xff\xf0" * 20 + P3[216:],
    "flat_curves": rgb_profile(P3_PRIMARIES, b"curv\0\0\0\0" + struct.pack(">I", 2) + bytes(4)),
    "no_red": P3.replace(b"rXYZ", b"gXYZ", 1),
}


def decoded_srgb(encoded: np.ndarray) -> np.ndarray:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def encoded_srgb(linear: np.ndarray) -> np.ndarray:
    held = np.clip(linear, 0, 1)
    return np.where(held <= 0.0031308, held * 12.92, 1.055 * held ** (1 / 2.4) - 0.055)


def shown(
    values: np.ndarray, primaries: Any, decode: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """What colours of a profile look like in sRGB."""
    to_linear_srgb = np.linalg.inv(to_d50(SRGB_PRIMARIES)) @ to_d50(primaries)
    return encoded_srgb(decode(values) @ to_linear_srgb.T)
