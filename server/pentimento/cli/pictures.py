"""Picture files of the shell: what is sent for an input and how a result is written."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from pentimento.errors import BadInput
from pentimento.imaging import pixels
from pentimento.imaging.geometry import Size

AS_THEY_ARE = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
WRITABLE = (".png", ".jpg", ".jpeg", ".webp")
QUALITY = 95
UPRIGHT = 1
ORIENTATION_TAG = 0x0112  # EXIF


@dataclass(frozen=True, slots=True)
class InputPicture:
    """An encoded picture as the server takes it."""

    data: bytes
    content_type: str
    size: Size


def read_input(path: Path) -> InputPicture:
    """PNG, JPEG and WebP go as they are, bit for bit; photographs that lie on their side and all
    other kinds that Pillow reads go as PNG. Raises BadInput."""
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            upright = image.getexif().get(ORIENTATION_TAG, UPRIGHT) == UPRIGHT
            if image.format in AS_THEY_ARE and upright:
                return InputPicture(data, AS_THEY_ARE[image.format], Size(*image.size))
            turned = ImageOps.exif_transpose(image)
            buffer = io.BytesIO()
            turned.convert("RGBA" if turned.has_transparency_data else "RGB").save(buffer, "PNG")
            return InputPicture(buffer.getvalue(), "image/png", Size(*turned.size))
    except (UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise BadInput("bad_image", f"{path} is not a picture that can be read.") from error
    except OSError as error:
        reason = error.strerror or "it is cut short or damaged"
        raise BadInput("bad_image", f"{path} cannot be read: {reason}.") from error


def check_output(path: Path) -> None:
    """Refuses before the work what could not be written after it."""
    if path.suffix.lower() not in WRITABLE:
        raise BadInput(
            "bad_request",
            f"{path.name} has no ending of a picture that can be written.",
            f"Use one of {' '.join(WRITABLE)}.",
        )
    if not path.absolute().parent.is_dir():
        raise BadInput(
            "bad_request", f"The folder {path.absolute().parent} does not exist.", "Make it first."
        )


def write_result(picture: np.ndarray, path: Path) -> None:
    """`(h, w, 4)` into a file of the kind its ending says; PNG keeps 16 bits. Opaque pictures are
    written without alpha. The file appears whole or not at all."""
    opaque = (picture[..., 3] == pixels.to_depth(np.ones(1, np.float32), picture.dtype)).all()
    visible = picture[..., :3] if opaque else picture
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(_encoded(visible, path.suffix.lower()))
    os.replace(part, path)


def numbered(path: Path, index: int, count: int) -> Path:
    """The file of picture `index` (0-based): the path itself when there is only one."""
    return path if count == 1 else path.with_stem(f"{path.stem}-{index + 1}")


def _encoded(picture: np.ndarray, suffix: str) -> bytes:
    if suffix == ".png":
        return pixels.encode_png(picture)
    image = Image.fromarray(pixels.to_depth(picture, np.uint8))
    buffer = io.BytesIO()
    if suffix == ".webp":
        image.save(buffer, "WEBP", quality=QUALITY)
    else:
        image.convert("RGB").save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()
