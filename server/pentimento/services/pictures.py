"""Pictures on their way to a service and back: sizes, padding, masks, maps, and exact placing.

What comes back goes through the same `Canvas` as a picture made on this machine, so the composite
is the same: where the mask is 0 the result is the source, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from pentimento.core.errors import BadInput
from pentimento.core.geometry import Size, Work
from pentimento.imaging import canvas as pictures
from pentimento.imaging import (
    control_maps,
    decode,
    file_header,
    model_input,
    pixels,
    preview_jpeg,
    saved_pictures,
)
from pentimento.imaging.canvas import Canvas
from pentimento.imaging.resize import fit
from pentimento.schema.job import Control, JobRequest
from pentimento.schema.task import PixelFile, Result, Task, Words
from pentimento.services.adapter import ControlMap, ImageRequest
from pentimento.services.frames import ServiceFrame, frame
from pentimento.services.records import Operation
from pentimento.services.routing import Way, for_line_art
from pentimento.services.terms import Terms

MOST_PIXELS = 64_000_000  # of an answer
DRAWN_AS = {"sketch": "scribble"}  # where a service has another word for a kind of map


@dataclass(frozen=True, slots=True)
class Prepared:
    """`ask` has everything but the seed of each picture."""

    canvas: Canvas
    frame: ServiceFrame
    way: Way
    ask: ImageRequest


def prepare(task: Task, terms: Terms, way: Way) -> Prepared:
    """Reads the job's pictures and makes what is sent of them. Raises BadInput for damaged ones."""
    frames: list[ServiceFrame] = []

    def worked_at(size: Size) -> Work:
        frames.append(frame(size, terms.sizes))
        return Work.whole(frames[0].inner.size)

    canvas = pictures.open_canvas(task, terms.sizes.native_size, worked_at)
    placed = frames[0]
    seen = canvas.seen()
    if way.control and way.own is None and seen is not None and control_maps.is_line_art(seen):
        way = for_line_art(way, terms.capabilities)
    request = task.request
    able = terms.capabilities
    ask = ImageRequest(
        operation=way.operation,
        prompt=request.prompt,
        size=placed.size,
        model=terms.model_for(way.operation, request.model),
        negative_prompt=request.negative_prompt if able.negative_prompt else "",
        strength=way.strength,
        steps=request.steps if able.steps else None,
        guidance=request.guidance if able.guidance else None,
        sampler=request.sampler,
        image=_image(seen, placed) if way.operation is not Operation.TXT2IMG else None,
        mask=_mask(canvas, placed) if way.operation is Operation.INPAINT else None,
        control=_control(task, terms, way, canvas, placed) if way.control else None,
        loras=tuple((lora.id, lora.set_weight) for lora in request.loras),
        references=_references(task, terms, canvas) if way.references else (),
    )
    return Prepared(canvas, placed, way, ask)


def with_words(ask: ImageRequest, words: Words, terms: Terms) -> ImageRequest:
    """For a picture whose words may have been drawn."""
    negative = words.negative_prompt if terms.capabilities.negative_prompt else ""
    return replace(ask, prompt=words.prompt, negative_prompt=negative)


def with_seed(ask: ImageRequest, seed: int, terms: Terms) -> ImageRequest:
    return replace(ask, seed=seed) if terms.capabilities.seed else ask


def place(prepared: Prepared, answer: bytes, request: JobRequest) -> tuple[np.ndarray, dict]:
    """A service's picture as the job's result, in the source's depth and size, and facts about it.
    Raises BadInput for what is no whole picture."""
    made = _decoded(answer)
    sent = prepared.frame.size
    inner = prepared.frame.inner
    facts: dict[str, Any] = {}
    height, width = made.shape[:2]
    if (width, height) != (sent.width, sent.height):
        facts["answered_size"] = {"width": width, "height": height}
    whole = fit(made, sent, "crop")
    part = whole[inner.y : inner.bottom, inner.x : inner.right]
    result, corrections = prepared.canvas.finish(
        np.ascontiguousarray(part), blend=request.composite
    )
    return result, facts | corrections


def preview(prepared: Prepared, answer: bytes) -> bytes:
    """What a service shows of its work, as a preview of the part that was asked for. Raises
    BadInput for what is no picture."""
    whole = fit(_decoded(answer), prepared.frame.size, "crop")
    inner = prepared.frame.inner
    part = whole[inner.y : inner.bottom, inner.x : inner.right]
    small = pixels.to_depth(np.ascontiguousarray(part), np.uint8)
    return preview_jpeg.jpeg(small, inner.width, inner.height)


def save(task: Task, index: int, prepared: Prepared, picture: np.ndarray) -> PixelFile:
    return saved_pictures.save(task.output_dir, index, prepared.canvas, picture)


def save_mask(task: Task, prepared: Prepared, seed: int) -> Result:
    """The effective mask, as a job on this machine keeps it."""
    assert prepared.canvas.mask is not None, "only inpainting has a mask"
    return saved_pictures.save_mask(task.output_dir, prepared.canvas.mask, seed)


def _decoded(answer: bytes) -> np.ndarray:
    """`(h, w, 3)` float32 0..1."""
    size = file_header.header(answer).size
    if size.pixels > MOST_PIXELS:
        raise BadInput("bad_image", "The picture is too large.")
    rgba = decode.srgb(decode.decode(answer, size))
    return np.ascontiguousarray(pixels.to_float(rgba)[..., :3])


def _image(seen: np.ndarray | None, placed: ServiceFrame) -> bytes:
    """The source as an RGB PNG of the size that is sent; its borders go on into the padding."""
    assert seen is not None, "only operations with a source have an image"
    return pixels.encode_png(pixels.to_depth(_padded(seen, placed, "edge"), np.uint8))


def _references(task: Task, terms: Terms, canvas: Canvas) -> tuple[bytes, ...]:
    """Each in its own proportions, no larger than the service's pictures are."""
    found = []
    for reference in task.request.references:
        if not reference.weight:
            continue
        picture = decode.load(task.inputs[reference.image.blob])
        own = Size(picture.shape[1], picture.shape[0])
        factor = min(1.0, (terms.sizes.max_pixels / own.pixels) ** 0.5)
        shown = model_input.model_rgb(picture, own.scaled(factor), canvas.fill)
        found.append(pixels.encode_png(pixels.to_depth(shown, np.uint8)))
    return tuple(found)


def _hard_mask(canvas: Canvas) -> np.ndarray:
    """`(h, w)` u8 at the generation size: 255 wherever anything may change. Soft values count when
    the result is laid over the source; doing it twice would thin them."""
    assert canvas.mask is not None, "only inpainting has a mask"
    touched = (canvas.mask > 0).astype(np.float32)
    size = (canvas.generation.width, canvas.generation.height)
    shrunk = cv2.resize(touched, size, interpolation=cv2.INTER_AREA)
    return np.where(shrunk > 0, np.uint8(255), np.uint8(0))


def _mask(canvas: Canvas, placed: ServiceFrame) -> bytes:
    mask = _hard_mask(canvas)[..., None]
    return pixels.encode_png(_padded(mask, placed, "constant"))


def _control(
    task: Task, terms: Terms, way: Way, canvas: Canvas, placed: ServiceFrame
) -> ControlMap:
    kind = str(way.control)
    own = way.own
    weight = 1.0 if way.weight is None else way.weight
    picture = _steering_picture(task, own, canvas)
    if terms.capabilities.control[kind] == "picture":
        return _steered(kind, _image(picture, placed), weight, own)
    if own and own.image and not own.preprocess:
        drawn = pixels.to_depth(picture, np.uint8)
    else:
        drawn = _drawn(picture, kind, own)
    if way.around:
        drawn = drawn.copy()
        drawn[_hard_mask(canvas) > 0] = 0
    return _steered(kind, pixels.encode_png(_padded(drawn, placed, "constant")), weight, own)


def _steered(kind: str, image: bytes, weight: float, own: Control | None) -> ControlMap:
    return ControlMap(kind, image, weight, *((own.start, own.end) if own else (0.0, 1.0)))


def _steering_picture(task: Task, own: Control | None, canvas: Canvas) -> np.ndarray:
    """`(h, w, 3)` float32 0..1: the control's own picture, else the source."""
    if own is None or own.image is None:
        seen = canvas.seen()
        assert seen is not None, "a control without a picture was admitted without a source"
        return seen
    sent = decode.load(task.inputs[own.image.blob])
    fill = canvas.fill if own.preprocess else "black"  # maps are light on nothing
    return model_input.model_rgb(sent, canvas.generation, fill)


def _drawn(picture: np.ndarray, kind: str, own: Control | None) -> np.ndarray:
    """`(h, w, 3)` u8, as Make Control Layer draws that kind. The lines of a drawing are its map,
    except where thresholds were asked for."""
    if kind != "canny" and control_maps.is_line_art(picture):
        return np.repeat(control_maps.lines(picture)[..., None], 3, axis=2)
    thresholds = (own.low, own.high) if own else (control_maps.LOW, control_maps.HIGH)
    return control_maps.draw(
        DRAWN_AS.get(kind, kind), pixels.to_depth(picture, np.uint8), *thresholds
    )


def _padded(picture: np.ndarray, placed: ServiceFrame, mode: Any) -> np.ndarray:
    inner, size = placed.inner, placed.size
    if not placed.padded:
        return picture
    rows = (inner.y, size.height - inner.bottom)
    columns = (inner.x, size.width - inner.right)
    return np.pad(picture, (rows, columns, (0, 0)), mode=mode)
