"""Pictures for the tests of faces, and results read back."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

SIDE = 64
LONG = 300  # s; the first job waits for torch to be imported


def photo(width: int = SIDE, height: int = SIDE) -> Image.Image:
    """Every pixel differs from its neighbours a little, none is grey."""
    picture = np.full((height, width, 3), 90, np.uint8)
    picture[..., 0] = np.linspace(0, 255, width, dtype=np.uint8)
    picture[..., 1] = np.linspace(0, 255, height, dtype=np.uint8)[:, None]
    return Image.fromarray(picture)


def left_half(width: int = SIDE, height: int = SIDE) -> np.ndarray:
    """True on the left."""
    half = np.zeros((height, width), bool)
    half[:, : width // 2] = True
    return half


def png(image: Image.Image) -> bytes:
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


def packed(image: Image.Image) -> str:
    return base64.b64encode(png(image)).decode()


def unpacked(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


def same(first: np.ndarray, second: np.ndarray, where: np.ndarray) -> bool:
    return np.array_equal(first[where], second[where])


def result(front, job_id: str) -> np.ndarray:
    """The first picture of a job, fetched over our own protocol."""
    job = front.finished(job_id, LONG)
    assert job["status"] == "succeeded", job["error"]
    return pixels(Image.open(io.BytesIO(front.call("GET", job["images"][0]["url"]).body)))
