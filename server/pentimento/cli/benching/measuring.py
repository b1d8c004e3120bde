"""Jobs of an engine of its own, one after the other, and what each of them took."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pentimento.core.geometry import Size
from pentimento.core.settings import EngineOptions
from pentimento.imaging.sizing import generation_size
from pentimento.jobs.admission import settle
from pentimento.jobs.plan import resolve
from pentimento.jobs.styles import Styles
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest, Mode, PixelFormat
from pentimento.schema.task import Event, PixelFile, Step, Task

PROMPT = "a red ball on a green meadow"
BLOCK = 16  # px of one colour in a source


@dataclass(frozen=True, slots=True)
class Measurement:
    """A job of `pictures`; the first one of an engine has loading in its seconds, not in its steps.
    `device_peak_mb` is what the card held at most, `problem` why there was no picture."""

    way: str
    size: str = ""
    generation: str = ""
    precision: str = ""
    pictures: int = 1
    steps: int = 0
    steps_per_second: float | None = None
    seconds: float | None = None
    phases: dict[str, float] = field(default_factory=dict)
    device_peak_mb: int | None = None
    problem: str = ""


class Bench:
    """Of one model on one engine; `facts` are those of its last job. All raise PentimentoError."""

    def __init__(self, folder: Path, backend: Any, registry: Registry, model: ModelInfo) -> None:
        self._folder, self._backend, self._registry = folder, backend, registry
        self.model = model
        self.facts: dict[str, Any] = {}

    async def text(self, side: int, steps: int, count: int = 1, way: str = "text") -> Measurement:
        """Text to image, at a square of `side` px."""
        asked = JobRequest(
            mode=Mode.TXT2IMG,
            prompt=PROMPT,
            model=self.model.id,
            steps=steps,
            seed=1,
            count=count,
            width=side,
            height=side,
            preview=False,
        )
        size = Size(side, side)
        return await self._measure(way, asked, {}, size, generation_size(size, self.model))

    async def refine(
        self, side: int, steps: int, strength: float, source: Path, way: str
    ) -> Measurement:
        """Image to image, of a picture that `drawn` has made."""
        asked = JobRequest(
            mode=Mode.IMG2IMG,
            prompt=PROMPT,
            model=self.model.id,
            steps=steps,
            strength=strength,
            seed=1,
            preview=False,
            source={"blob": source.name},  # type: ignore[arg-type]
        )
        inputs = {source.name: PixelFile(source, side, side, PixelFormat.RGB_U8)}
        size = Size(side, side)
        return await self._measure(way, asked, inputs, size, size)

    async def _measure(
        self, way: str, asked: JobRequest, inputs: dict[str, PixelFile], size: Size, worked: Size
    ) -> Measurement:
        moments: list[float] = []

        def note(event: Event) -> None:
            if isinstance(event, Step):
                moments.append(time.monotonic())

        request = settle(
            *(asked, inputs, Styles(self._folder)),
            lambda styled, source: resolve(styled, self._registry, source),
        ).request
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="pentimento-") as output:
            task = Task(f"bench-{size.width}", request, inputs, Path(output))
            self.facts = await self._backend.run(task, note)
        seconds = round(time.monotonic() - started, 2)
        passed = moments[-1] - moments[0] if len(moments) > 1 else 0
        return Measurement(
            way=way,
            size=str(size),
            generation=str(worked),
            precision=str(self.facts.get("dtype", "")),
            pictures=asked.count,
            steps=asked.steps or 0,
            steps_per_second=round((len(moments) - 1) / passed, 2) if passed else None,
            seconds=seconds,
            phases=self.facts.get("phases", {}),
            device_peak_mb=self.facts.get("device_peak_mb"),
        )


def drawn(side: int, seed: int, folder: Path) -> Path:
    """A file of `side` x `side` px, u8 RGB, of blocks of colours drawn by chance."""
    small = np.random.default_rng(seed).integers(0, 256, (-(-side // BLOCK),) * 2 + (3,), np.uint8)
    picture = np.kron(small, np.ones((BLOCK, BLOCK, 1), np.uint8))[:side, :side]
    file = folder / f"{seed:064x}"
    file.write_bytes(np.ascontiguousarray(picture).tobytes())
    return file


@asynccontextmanager
async def engine(folder: Path, registry: Registry, options: EngineOptions) -> AsyncIterator[Any]:
    """One of its own, which ends with the block."""
    from pentimento.backends.local import LocalBackend

    backend = LocalBackend(folder, registry, options=options)
    try:
        yield backend
    finally:
        await backend.close()
