"""PNG, JPEG and WebP files into arrays at their full depth, and nothing but those three.

`decode(data, size) -> np.ndarray` and, without numpy, `header(data) -> Header`.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

from pentimento.errors import BadInput
from pentimento.imaging.geometry import Size

if TYPE_CHECKING:
    import numpy as np

FORMATS = ("PNG", "JPEG", "WEBP")
PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_DEPTH_AT = 24  # signature 8, chunk head 8, width 4, height 4, then the bit depth
DEEP_GREY = ("I;16", "I;16B", "I")


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself before it is decoded."""

    size: Size
    kind: str  # "PNG", "JPEG" or "WEBP"
    deep: bool  # 16 bits a channel


def damaged(reason: str) -> BadInput:
    return BadInput(
        "bad_image",
        f"The picture cannot be read: {reason}.",
        "Send a whole PNG, JPEG or WebP file, or raw pixels.",
    )


def header(data: bytes) -> Header:
    """Raises BadInput("bad_image") for anything that is not one of the three formats."""
    with _opened(data) as image:
        return Header(Size(*image.size), str(image.format), _deep(data))


def decode(data: bytes, size: Size) -> np.ndarray:
    """`(h, w, 1..4)` u8 or u16 RGB(A) or grey; `size` is what was announced and must hold."""
    with _opened(data) as image:
        if image.size != (size.width, size.height):
            raise damaged(f"it is {image.size[0]} × {image.size[1]} px, not {size}")
        try:
            image.load()
        except (OSError, SyntaxError, ValueError) as error:
            raise damaged("it is cut short or damaged") from error
        return _deep_array(data, image) if _deep(data) else _array(image)


def _opened(data: bytes) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # sizes are limited by us
        try:
            return Image.open(io.BytesIO(data), formats=FORMATS)
        except (UnidentifiedImageError, Image.DecompressionBombError, OSError) as error:
            raise damaged("it is not a PNG, JPEG or WebP file") from error
        except (SyntaxError, ValueError) as error:
            raise damaged("its header is damaged") from error


def _deep(data: bytes) -> bool:
    return data.startswith(PNG_START) and data[PNG_DEPTH_AT : PNG_DEPTH_AT + 1] == b"\x10"


def _array(image: Image.Image) -> np.ndarray:
    import numpy as np

    plain = image.mode in ("L", "RGB", "RGBA")
    if not plain:
        grey = image.mode in ("1", "LA", "La") and "transparency" not in image.info
        image = image.convert("L" if image.mode == "1" else "RGBA" if _has_alpha(image) else "RGB")
        if grey and image.mode == "RGB":
            image = image.convert("L")
    elif "transparency" in image.info:
        image = image.convert("RGBA")
    array = np.asarray(image)
    return array if array.ndim == 3 else array[..., None]


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("LA", "La", "PA", "RGBa") or "transparency" in image.info


def _deep_array(data: bytes, image: Image.Image) -> np.ndarray:
    """Pillow reads 16-bit colour as 8-bit, so OpenCV does it; Pillow has checked the file."""
    import cv2
    import numpy as np

    if image.mode in DEEP_GREY:
        return np.asarray(image).astype(np.uint16)[..., None]
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16:
        raise damaged("its 16-bit pixels cannot be decoded")
    if decoded.ndim == 2:
        return decoded[..., None]
    return decoded[..., [2, 1, 0, *range(3, decoded.shape[2])]]
