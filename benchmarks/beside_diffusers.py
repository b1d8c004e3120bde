"""The engine and diffusers' own pipeline on the same job, and the engine in two number types, in
turns: parts of performance.py."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import spread, table
from overhead import PROMPT, SEED, STRENGTH, BareCall, square

from pentimento.core.settings import EngineOptions
from pentimento.engine.cancel import StopFlag
from pentimento.engine.memory.device import use_threads
from pentimento.engine.worker import Worker
from pentimento.engine_ipc.messages import EngineJob, ModelSpec
from pentimento.jobs.plan import resolve
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest, PixelFormat
from pentimento.schema.task import PixelFile, Task

STEPS = 20  # asked for


def engine(repeats: int) -> str:
    """With the starter model, at its own size."""
    with tempfile.TemporaryDirectory() as folder:
        return beside_diffusers(Path(folder), "starter", 192, repeats)


def sd15(repeats: int, side: int) -> str:
    """With random weights in the architecture of SD 1.5, in float32: minutes."""
    import full_size

    with tempfile.TemporaryDirectory() as folder:
        full_size.make("sd15", Path(folder, "models", "sd15"))
        return beside_diffusers(Path(folder), "sd15", side, repeats)


def bf16(repeats: int, side: int) -> str:
    """The engine in bf16 and in float32 on a model of SD 1.5's size; where the processor has no
    instructions for bf16, the engine says so."""
    import full_size

    with tempfile.TemporaryDirectory() as folder:
        full_size.make("sd15", Path(folder, "models", "sd15"))
        half, whole = (EngineJobs(Path(folder), "sd15", side, p) for p in ("bf16", "fp32"))
        half.seconds(0), whole.seconds(0)
        halves, wholes = [], []
        for turn in range(1, repeats + 1):
            halves.append(half.seconds(turn))
            wholes.append(whole.seconds(turn))
    return table(
        (f"{side}², {round(STEPS * STRENGTH)} steps run, sd15", "processor s"),
        ("bf16", spread(halves)),
        ("float32", spread(wholes)),
        ("bf16 / float32", spread([a / b for a, b in zip(halves, wholes, strict=True)])),
    )


class EngineJobs:
    """Jobs for an engine's own class in this process, in one number type."""

    def __init__(self, data: Path, model_id: str, side: int, precision: str) -> None:
        os.environ.update(EngineOptions(precision=precision).environment())
        use_threads()
        self._registry = Registry(data)
        self.model = self._registry.get(model_id)
        self._data, self._side = data, side
        self._worker = Worker()

    def seconds(self, number: int) -> float:
        """Seconds of processor of a job on a picture that the engine has not seen before, or on the
        one that it saw last."""
        side = self._side
        rgba = np.asarray(square(side).convert("RGBA")).copy()
        rgba[0, 0, 0] = number
        content = hashlib.sha256(rgba.tobytes()).hexdigest()
        file = self._data / content
        file.write_bytes(rgba.tobytes())
        wanted = {"mode": "img2img", "prompt": PROMPT, "seed": SEED, "preview": False}
        wanted |= {"strength": STRENGTH, "steps": STEPS, "sampler": "DDIM"}
        wanted |= {"model": self.model.id, "source": {"blob": content}}
        wanted |= {"guidance": self.model.default_guidance}
        request = resolve(JobRequest.model_validate(wanted), self._registry, None)
        inputs = {content: PixelFile(file, side, side, PixelFormat.RGBA_U8)}
        task = Task(str(number), request, inputs, self._data / "out")
        order = EngineJob(task, ModelSpec.of(self.model))
        began = time.process_time()
        self._worker.run(order, lambda event: None, StopFlag())
        return time.process_time() - began


def beside_diffusers(data: Path, model_id: str, side: int, repeats: int) -> str:
    """The engine's own class and diffusers' pipeline in this process, on the same threads."""
    jobs = EngineJobs(data, model_id, side, "fp32")
    call = BareCall(jobs.model.path, jobs.model.default_guidance)
    ratios, again, ours, bare = [], [], [], []

    def alone() -> float:
        began = time.process_time()
        call.seconds(side, side, STEPS)
        return time.process_time() - began

    jobs.seconds(0), alone()
    for turn in range(1, repeats + 1):
        first, second, floor = jobs.seconds(turn), jobs.seconds(turn), alone()
        ours.append(first)
        bare.append(floor)
        ratios.append(first / floor)
        again.append(second / first)
    return table(
        (f"{side}², {round(STEPS * STRENGTH)} steps run, {model_id}", "processor s"),
        ("the engine, a new picture", spread(ours)),
        ("diffusers alone", spread(bare)),
        ("engine / diffusers", spread(ratios)),
        ("the same picture again / the first time", spread(again)),
    )
