"""What the fuzzer sends: awkward words, numbers, JSON and pictures, and the routes of a server."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image
from tests.support import awkward

from pentimento.api import compat
from pentimento.api.app import CALLS

NOWHERE = "http://127.0.0.1:9"  # where the way to other machines ends
NOT_CALLED = ("/v1/shutdown",)

TEXTS = [*awkward.ANY_PROMPT.values(), *awkward.NAMES.values()]
NUMBERS = [*awkward.NUMBERS.values(), float("nan"), float("inf"), -float("inf"), 8192, 65535, 20000]
JSON_TEXTS = list(awkward.JSON_TEXTS.values())
TYPES = (
    *("application/json",) * 20,
    *("application/json; charset=utf-8", "application/json; charset=latin-1", "", "*/*"),
    *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"),
    *("image/png", "application/octet-stream", "application/x-pixels; format=rgba-u8; width=²"),
)


def saved(image: Image.Image, kind: str = "PNG") -> bytes:
    target = io.BytesIO()
    image.save(target, kind)
    return target.getvalue()


def pictures() -> list[bytes]:
    """Small files; some are no pictures, some are larger than they look."""
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (24, 16, 3), np.uint8))
    half = Image.new("RGBA", (16, 16), (200, 10, 10, 0))
    half.paste((0, 200, 0, 255), (0, 0, 8, 16))
    found = [
        *(saved(noise), saved(noise, "JPEG"), saved(noise, "WEBP"), saved(half)),
        *(saved(Image.new("L", (16, 24), 255)), saved(Image.new("L", (1, 1), 128))),
        *(saved(Image.new("1", (16, 16))), saved(Image.new("I;16", (16, 16)))),
        *(saved(Image.new("P", (16, 16))), saved(Image.new("LA", (16, 16)))),
        *(
            saved(Image.new("CMYK", (16, 16)), "JPEG"),
            saved(noise, "TIFF"),
            saved(noise, "GIF"),
        ),
        saved(Image.new("L", (8192, 1))),
        saved(Image.new("L", (1, 20000))),
        saved(Image.new("1", (3000, 2000))),
        saved(Image.new("1", (9000, 9000))),
    ]
    return [*found, found[0][:60], found[1][:-20], b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"{}"]


PICTURES = pictures()
DEEP = saved(Image.fromarray(np.arange(0, 65_000, 250, np.uint16).reshape(13, 20)))


def whole_of(picture: bytes) -> dict[str, Any]:
    """A body that enlarges a picture to 81 megapixels."""
    sent = [base64.b64encode(picture).decode()]
    return {"init_images": sent, "denoising_strength": 0, "width": 9000, "height": 9000}


ROUTES = [(call.method, call.path) for call in CALLS if call.path not in NOT_CALLED]
ROUTES += [
    (method, route.path)
    for face in compat.load(compat.FACES)
    for route in face.routes
    for method in sorted(route.methods or ())
    if method != "HEAD"
]
HEAVY = [("POST", path) for path in ("/v1/jobs", "/sdapi/v1/txt2img", "/sdapi/v1/img2img")]
HEAVY += [("POST", "/openai/v1/images/generations"), ("POST", "/openai/v1/images/edits")]
HEAVY += [("PUT", "/v1/blobs")]
ROUTES += [*HEAVY * 4, *[route for route in ROUTES if route[0] in ("POST", "PUT")] * 2]
