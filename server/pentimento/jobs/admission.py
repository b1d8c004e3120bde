"""Whether a job is taken: defaults filled in, pictures there and of fitting sizes, room on disk."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pentimento.backends.base import PixelFile, Words
from pentimento.backends.remote.terms import Remotes
from pentimento.errors import BadInput
from pentimento.imaging.geometry import Size
from pentimento.jobs import plan, remote, space, words
from pentimento.jobs.blobs import Blobs
from pentimento.jobs.record import JobRequest, Mode, PixelFormat
from pentimento.jobs.styles import Styles, applied
from pentimento.models import Registry
from pentimento.models.annotators import BY_ARITHMETIC

KEY_LENGTH = 128
MOST_STAGES = 24  # pictures that observing adds to a job, besides the steps that are asked for


@dataclass(frozen=True, slots=True)
class Admitted:
    """`request` has nothing left to choose; `inputs` maps blob id to file."""

    request: JobRequest
    inputs: dict[str, PixelFile]
    style: str | None = None  # that the request was filled in from

    @property
    def changes_nothing(self) -> bool:
        return self.request.source is not None and self.request.strength == 0

    @property
    def needs_engine(self) -> bool:
        """Whether more than the front is needed for it."""
        if self.request.mode is Mode.PREPROCESS:
            return self.request.controls[0].type not in BY_ARITHMETIC
        return not self.changes_nothing


class Admission:
    def __init__(
        self, registry: Registry, blobs: Blobs, remotes: Remotes, data_dir: Path, reserve: int
    ) -> None:
        self._registry = registry
        self._remotes = remotes
        self._blobs = blobs
        self._data_dir = data_dir
        self._reserve = reserve
        self.styles = Styles(data_dir)

    async def admit(self, request: JobRequest) -> Admitted:
        """Raises BadInput, TooLarge, NotFound or disk_full for a job that is not taken, and
        a service's problem where it may not be used."""
        inputs = await self.inputs(request)
        source = inputs[request.source.blob] if request.source else None
        size = Size(source.width, source.height) if source else None
        if request.mask and size:
            _check_mask(inputs[request.mask.blob], size)
        _check_sizes(request, inputs, size)
        styled = await asyncio.to_thread(applied, request, self.styles)
        resolved = await asyncio.to_thread(self._resolve, styled, size)
        await self.words(resolved)
        await asyncio.to_thread(self._check_space, resolved, source)
        return Admitted(resolved, inputs, request.style)

    async def inputs(self, request: JobRequest) -> dict[str, PixelFile]:
        """The pictures of a request; their blobs live on from now."""
        wanted = {picture.blob for picture in request.pictures()}
        return {blob_id: self._blobs.file(await self._blobs.get(blob_id)) for blob_id in wanted}

    async def words(self, request: JobRequest) -> tuple[Words, ...]:
        """Of each picture of a resolved request. Raises as `words.of_pictures`."""
        return await asyncio.to_thread(words.of_pictures, request, self._registry)

    def _resolve(self, request: JobRequest, size: Size | None) -> JobRequest:
        if request.backend and request.mode is not Mode.PREPROCESS:
            return remote.resolve(request, self._remotes, size)
        return plan.resolve(request, self._registry, size)

    def _check_space(self, request: JobRequest, source: PixelFile | None) -> None:
        width = source.width if source else request.width or 1
        height = source.height if source else request.height or 1
        format = (source.format if source else None) or PixelFormat.RGBA_U8
        shown = len(request.observe_steps) + MOST_STAGES if request.observe else 0
        need = width * height * format.bytes_per_pixel * (request.count + shown)
        space.require(self._data_dir, need, self._reserve)


def check_key(key: str | None) -> str | None:
    """An idempotency key that can be kept; None for none."""
    if key is None or (0 < len(key) <= KEY_LENGTH and key.isascii() and key.isprintable()):
        return key
    message = f"must be 1 to {KEY_LENGTH} printable ASCII characters"
    raise BadInput(
        "bad_request",
        f"The Idempotency-Key {message}.",
        details={"fields": [{"field": "Idempotency-Key", "message": message}]},
    )


def body_hash(request: JobRequest) -> str:
    """Equal for requests that mean the same, however they were written."""
    canonical = json.dumps(request.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _check_mask(mask: PixelFile, size: Size) -> None:
    if (mask.width, mask.height) != (size.width, size.height):
        raise BadInput(
            "size_mismatch",
            f"The mask is {mask.width} × {mask.height} px, its source {size}.",
            "Send a mask of the same size as the source.",
        )


def _check_sizes(request: JobRequest, inputs: dict[str, PixelFile], size: Size | None) -> None:
    """Pictures for controls and regions lie over the whole source, or over the whole result."""
    if size is None and request.width and request.height:
        size = Size(request.width, request.height)
    pictures = [(control.image, "A control picture") for control in request.controls]
    pictures += [(region.mask, "A region's mask") for region in request.regions]
    for picture, what in pictures:
        if picture is None or size is None:
            continue
        file = inputs[picture.blob]
        if (file.width, file.height) != (size.width, size.height):
            raise BadInput(
                "size_mismatch",
                f"{what} is {file.width} × {file.height} px, the job {size}.",
                "Send one of the same size.",
            )
