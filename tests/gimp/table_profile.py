"""Makes an ICC profile out of lookup tables (RGB to Lab and back), as scanners and old cameras have
them: the kind that GEGL can't use. Its colours are those of Adobe RGB."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

GRID = 33
GAMMA = 2.19921875
TO_XYZ = np.array(
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
)
WHITE = np.array([0.9642, 1.0, 0.8249])  # D50
LABEL = "Pentimento test tables"


def write(path: Path) -> None:
    tags = {
        b"desc": description(LABEL),
        b"cprt": b"text\0\0\0\0" + b"CC0\0",
        b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in WHITE)),
        b"A2B0": _table(_to_lab(_grid())),
        b"B2A0": _table(_to_rgb(_grid())),
    }
    path.write_bytes(assembled(tags, kind=b"scnr", connection=b"Lab "))


def assembled(tags: dict[bytes, bytes], *, kind: bytes, connection: bytes) -> bytes:
    """A whole RGB profile (ICC.1:2001) of these tags."""
    body, entries = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        entries += name + struct.pack(">2I", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    content = struct.pack(">I", len(tags)) + entries + body
    head = struct.pack(">I4sI4s", 128 + len(content), b"\0\0\0\0", 0x02400000, kind)
    head += b"RGB " + connection + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(24)
    head += struct.pack(">I3i", 1, *(round(v * 65536) for v in WHITE))
    return head + bytes(128 - len(head)) + content


def description(text: str) -> bytes:
    name = text.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + bytes(4 + 4 + 2 + 1 + 67)


def _grid() -> np.ndarray:
    """(GRID**3, 3) coordinates 0..1; the last one changes fastest, as ICC wants it."""
    axis = np.linspace(0, 1, GRID)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)


def _to_lab(rgb: np.ndarray) -> np.ndarray:
    """Encoded RGB 0..1 to Lab in ICC's 16-bit encoding."""
    xyz = (rgb**GAMMA) @ TO_XYZ.T / WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    lightness, a, b = 116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])
    return np.stack([lightness * 652.8, (a + 128) * 256, (b + 128) * 256], axis=-1)


def _to_rgb(encoded: np.ndarray) -> np.ndarray:
    """Lab as ICC's 16-bit encoding scaled to 0..1, to encoded RGB in 16 bits."""
    lab = encoded * 65535 / [652.8, 256, 256] - [0, 128, 128]
    fy = (lab[:, 0] + 16) / 116
    f = np.stack([fy + lab[:, 1] / 500, fy, fy - lab[:, 2] / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, (116 * f - 16) * 27 / 24389) * WHITE
    linear = np.clip(xyz @ np.linalg.inv(TO_XYZ).T, 0, 1)
    return linear ** (1 / GAMMA) * 65535


def _table(values: np.ndarray) -> bytes:
    """An mft2 element with straight curves around the grid."""
    head = b"mft2\0\0\0\0" + bytes([3, 3, GRID, 0])
    identity = struct.pack(">9i", *(65536 if n % 4 == 0 else 0 for n in range(9)))
    straight = struct.pack(">2H", 0, 65535) * 3
    cells = np.clip(np.rint(values), 0, 65535).astype(">u2").tobytes()
    return head + identity + struct.pack(">2H", 2, 2) + straight + cells + straight
