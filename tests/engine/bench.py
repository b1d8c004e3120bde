"""Builders for jobs, a bench to run them on in this process, and what they gave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from tests.support.tiny_models import NATIVE

from pentimento.engine.cancel import StopFlag
from pentimento.engine.worker import Worker
from pentimento.engine_ipc.messages import EngineJob, Extras, ModelSpec
from pentimento.imaging import decode
from pentimento.jobs.admission import words_of_pictures
from pentimento.jobs.plan import references_of
from pentimento.jobs.resolve import chosen_controls
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest, PixelFormat, begins_with
from pentimento.schema.task import Event, PixelFile, Preview, Result, Step, Task

IMAGE, MASK = "a" * 64, "b" * 64  # blob ids
DEFAULTS: dict[str, Any] = {
    "prompt": "a red ball",
    "steps": 4,
    "strength": 1.0,
    "guidance": 3.5,
    "seed": 7,
    "sampler": "Euler",
    "preview": False,
}


@dataclass
class Outcome:
    """What a job emitted and answered."""

    events: list[Event] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def steps(self) -> list[Step]:
        return self.of(Step)

    @property
    def previews(self) -> list[Preview]:
        return self.of(Preview)

    @property
    def images(self) -> list[Result]:
        return [result for result in self.of(Result) if result.kind == "image"]

    def pixels(self, index: int = 0) -> np.ndarray:
        """`(h, w, 4)` in the result's depth."""
        return decode.load(self.images[index].file)


@dataclass
class Bench:
    """Runs jobs in this process; models have `models_dir/<id>` as their folders."""

    worker: Worker
    registry: Registry
    folder: Path
    number: int = 0

    def job(self, model: str = "sd15", **wanted: Any) -> EngineJob:
        """`source`, `mask` and the pictures of controls, references and regions are arrays, all
        else is a field of the request."""
        self.number += 1
        where = self.folder / str(self.number)
        where.mkdir()
        inputs = {}
        for name, blob in (("source", IMAGE), ("mask", MASK)):
            if name in wanted:
                inputs[blob] = store(wanted[name], where / f"{name}.raw")
                wanted[name] = {"blob": blob}
        for number, control in enumerate(wanted.get("controls", [])):
            if "image" in control:
                blob = f"{number:064x}"
                inputs[blob] = store(control["image"], where / f"control{number}.raw")
                control["image"] = {"blob": blob}
        for number, region in enumerate(wanted.get("regions", [])):
            blob = f"{100 + number:064x}"
            inputs[blob] = store(region["mask"], where / f"region{number}.raw")
            region["mask"] = {"blob": blob}
        for number, reference in enumerate(wanted.get("references", [])):
            blob = f"{200 + number:064x}"
            inputs[blob] = store(reference["image"], where / f"reference{number}.raw")
            reference["image"] = {"blob": blob}
        request = JobRequest.model_validate(DEFAULTS | {"model": model} | wanted)
        entry = self.registry.get(model)
        fills = begins_with(request.mode, float(request.strength or 0), request.intent) is not None
        controls = chosen_controls(request, entry, self.registry, fills=fills)
        references = references_of(request, entry, self.registry)
        around = self.registry.ip_adapters.of_surroundings(request, entry, fills=fills)
        chosen = {"controls": controls, "references": references, "surroundings": around}
        request = request.model_copy(update=chosen)
        words = words_of_pictures(request, self.registry)
        drawn = [name for said in words for name, _ in said.loras]
        places = self.registry.ip_adapters.places(request)
        places |= self.registry.addons.places(request, drawn)
        task = Task(str(self.number), request, inputs, where / "out", words)
        extras = Extras.of(self.registry, request, entry, words)
        return EngineJob(task, spec_of(entry), places, extras)

    def spec(self, model: str) -> ModelSpec:
        return spec_of(self.registry.get(model))

    def run(
        self,
        job: EngineJob,
        *,
        on_event: Callable[[Event], None] | None = None,
        stop: StopFlag | None = None,
    ) -> Outcome:
        outcome = Outcome()

        def emit(event: Event) -> None:
            outcome.events.append(event)
            if on_event:
                on_event(event)

        outcome.facts = self.worker.run(job, emit, stop or StopFlag())
        return outcome

    def make(self, model: str = "sd15", **wanted: Any) -> Outcome:
        return self.run(self.job(model, **wanted))


def spec_of(entry: ModelInfo) -> ModelSpec:
    """The starter may work at sizes it was not trained for, to be quick."""
    spec = ModelSpec.of(entry)
    return replace(spec, native_size=32, min_size=32) if entry.id == "starter" else spec


def store(picture: np.ndarray, path: Path) -> PixelFile:
    """An array as a raw file in the format that fits its depth."""
    if picture.ndim == 2:
        return _stored(picture[..., None], PixelFormat.Y_U8, path)
    formats = {"uint8": "rgba-u8", "uint16": "rgba-u16", "float32": "rgba-f32"}
    return _stored(picture, PixelFormat(formats[picture.dtype.name]), path)


def _stored(picture: np.ndarray, format: PixelFormat, path: Path) -> PixelFile:
    path.write_bytes(np.ascontiguousarray(picture).tobytes())
    return PixelFile(path, picture.shape[1], picture.shape[0], format)


def photo(width: int = NATIVE, height: int = NATIVE, seed: int = 3) -> np.ndarray:
    """`(h, w, 4)` u8: soft colours with some grain, half of it not quite opaque."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    soft = np.stack([x / width, y / height, (x + y) / (width + height)], axis=-1) * 200
    colour = np.clip(soft + rng.normal(20, 6, soft.shape), 0, 255)
    alpha = np.where(x < width // 2, 255, 180)[..., None]
    return np.concatenate([colour, alpha], axis=-1).astype(np.uint8)
