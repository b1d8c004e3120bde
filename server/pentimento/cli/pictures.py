"""Picture files of the shell: what is sent for an input, and how results and the stages of an
observed job are written."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pentimento.cli import outputs
from pentimento.cli.client import Client
from pentimento.cli.outputs import Outputs
from pentimento.core.errors import BadInput
from pentimento.core.geometry import Size
from pentimento.imaging import decode, file_header, pixels
from pentimento.imaging import stages as contact_sheet
from pentimento.imaging.sizing import refuse_huge
from pentimento.imaging.stages import EQUAL, NO_LEVEL, Frame
from pentimento.jobs.results import stage_title
from pentimento.schema.job import OF_A_SOURCE_ALONE, JobRequest, Mode
from pentimento.schema.task import Result
from pentimento.schema.wording import stage_name

AS_THEY_ARE = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
WRITABLE = (".png", ".jpg", ".jpeg", ".webp")
QUALITY = 95


@dataclass(frozen=True, slots=True)
class InputPicture:
    """An encoded picture as the server takes it. `size` is upright; `notices` are sentences about
    what of it is not used."""

    data: bytes
    content_type: str
    size: Size
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """`(h, w, 1..4)` u8, u16 or f32 in the colours of an ICC profile; without one they are sRGB."""

    values: np.ndarray
    profile: bytes | None = None
    holds_results: bool = False  # the profile can hold a model's colours


def read_input(path: Path) -> InputPicture:
    """PNG, JPEG and WebP go as they are, bit for bit; all other kinds that can be read go as PNG of
    their depth, upright and with their profile. Raises BadInput."""
    data = _bytes(path)
    try:
        header = file_header.header(data, any_kind=True)
        refuse_huge(header.size)
        decoded = decode.decode(data, header.size, any_kind=True)
    except BadInput as error:
        raise _named(error, path) from error
    if header.kind in AS_THEY_ARE:
        return InputPicture(data, AS_THEY_ARE[header.kind], header.size, decoded.notices)
    profile = decoded.profile.data if decoded.profile else None
    png = pixels.encode_png(decoded.values, profile)
    return InputPicture(png, "image/png", header.size, decoded.notices)


def read_unchanged(path: Path) -> Picture:
    """The file's own pixels, upright, and its profile, as a result at strength 0 has them."""
    data = _bytes(path)
    size = file_header.header(data, any_kind=True).size
    decoded = decode.decode(data, size, any_kind=True)
    profile = decoded.profile
    if profile is None:
        return Picture(decoded.values)
    return Picture(decoded.values, profile.data, holds_results=profile.holds_results)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput("bad_image", f"{path} cannot be read: {error.strerror}.") from error


def _named(error: BadInput, path: Path) -> BadInput:
    """The same, with the name of the file."""
    return BadInput(error.code, f"{path}: {error.message}", "Give another file.")


def check_output(path: Path, count: int = 1) -> None:
    """Refuses before the work what could not be written after it; `count` pictures, numbered."""
    if path.suffix.lower() not in WRITABLE:
        raise BadInput(
            "bad_request",
            f"{path.name} has no ending of a picture that can be written.",
            f"Use one of {' '.join(WRITABLE)}.",
        )
    outputs.check(numbered(path, count - 1, count))


def made_of(request: dict[str, Any], source: Path | None, made: list[np.ndarray]) -> list[Picture]:
    """The pictures of a finished job as they are written: at strength 0 the source's own pixels,
    else the colours that were `made`, `(h, w, 4)`, in the source's profile."""
    if source is None or request["mode"] in OF_A_SOURCE_ALONE:
        return [Picture(picture) for picture in made]
    try:
        own = read_unchanged(source)
    except BadInput:  # it was moved or changed during the work, whose result is not lost for that
        return [Picture(picture) for picture in made]
    if request.get("strength") == 0:
        return [own] * len(made)
    profile = own.profile if own.values.shape[2] >= 3 and own.holds_results else None
    return [Picture(picture, profile) for picture in made]


def encoded(picture: Picture, suffix: str) -> bytes:
    """A file of the kind that ending says; PNG keeps 16 bits. Opaque pictures are written without
    alpha."""
    values = picture.values
    if values.shape[2] in (2, 4):
        full = pixels.to_depth(np.ones(1, np.float32), values.dtype)
        values = values[..., :-1] if (values[..., -1] == full).all() else values
    return _encoded(Picture(values, picture.profile), suffix.lower())


def numbered(path: Path, index: int, count: int) -> Path:
    """The file of picture `index` (0-based): the path itself when there is only one."""
    return path if count == 1 else path.with_stem(f"{path.stem}-{index + 1}")


def _encoded(picture: Picture, suffix: str) -> bytes:
    if suffix == ".png":
        return pixels.encode_png(picture.values, picture.profile)
    values = pixels.to_depth(picture.values, np.uint8)
    image = Image.fromarray(values if values.shape[2] > 1 else values[..., 0])
    buffer = io.BytesIO()
    if suffix == ".webp":
        wanted = image if image.mode in ("RGB", "RGBA") else image.convert(f"RGB{image.mode[1:]}")
        wanted.save(buffer, "WEBP", quality=QUALITY, icc_profile=picture.profile)
    else:
        flat = image if image.mode == "L" else image.convert("RGB")
        flat.save(buffer, "JPEG", quality=QUALITY, subsampling=0, icc_profile=picture.profile)
    return buffer.getvalue()


LIST = "stages.json"  # what is known of each, beside the pictures


def stages_from_server(client: Client, job: str, told: list[dict[str, Any]]) -> list[Frame]:
    """Each is fetched when it is needed. `told` are the `stages` of the job's snapshot."""

    def frame(stage: dict[str, Any]) -> Frame:
        def load() -> np.ndarray:
            return client.picture(f"/v1/jobs/{job}/stages/{stage['index']}").array()

        return Frame(stage["code"], stage["name"], stage["facts"], load)

    return [frame(stage) for stage in told]


def stages_from_results(results: list[Result]) -> list[Frame]:
    """Read at once: the folder of a job without a server is gone after it. A job that began again
    with less memory has told its stages twice; the later ones count."""
    stages: list[Result] = []
    for stage in (result for result in results if result.kind == "stage"):
        stages[stage.index :] = [stage]
    return [_held(stage.name, decode.read(stage.file), stage.facts) for stage in stages]


def unchanged_stages(request: JobRequest, source: np.ndarray) -> list[Frame]:
    """At strength 0 the source is all there is to see."""
    if not request.observe:
        return []
    last = "composite" if request.mode is Mode.INPAINT else "result"
    facts = NO_LEVEL | {"seconds": 0.0, "psnr": EQUAL}
    return [_held(code, source, facts) for code in ("source", last)]


def check_stages(sheet: Path | None, folder: Path | None) -> None:
    """Refuses before the work what could not be written after it. Raises BadInput."""
    if sheet and sheet.suffix.lower() != ".png":
        raise BadInput("bad_request", f"{sheet.name} is no PNG.", "A contact sheet is a .png file.")
    if sheet:
        outputs.check(sheet)
    if folder:
        outputs.check_folder(folder)


def write_stages(
    frames: list[Frame],
    record: dict[str, Any],
    sheet: Path | None,
    folder: Path | None,
    made: Outputs,
) -> list[Path]:
    """The files that were asked for, each whole or not at all."""
    written = []
    if folder and frames:
        with suppress(OSError):  # then its files are kept elsewhere
            folder.mkdir(exist_ok=True)
        for number, frame in enumerate(frames, 1):
            name = f"{number:02d}-{frame.code.replace('_', '-')}.png"
            written.append(made.write(folder / name, pixels.encode_png(frame.load())))
        told = [
            {"file": file.name, "code": frame.code, "name": frame.name, "facts": frame.facts}
            for file, frame in zip(written, frames, strict=True)
        ]
        made.write(folder / LIST, (json.dumps(told, indent=2) + "\n").encode())
    if sheet and frames:
        request = JobRequest.model_validate(record["request"])
        written.append(made.write(sheet, contact_sheet.draw_sheet(frames, stage_title(request))))
    return written


def _held(code: str, picture: np.ndarray, facts: dict[str, Any]) -> Frame:
    return Frame(code, stage_name(code, facts), facts, lambda: picture)
