"""The engine and diffusers' own pipeline on the same job, in turns: parts of performance.py."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import spread, table


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


def beside_diffusers(data: Path, model_id: str, side: int, repeats: int) -> str:
    """The engine's own class and diffusers' pipeline in this process, on the same threads."""
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

    os.environ.update(EngineOptions(precision="fp32").environment())
    use_threads()
    steps = 20
    ratios, again, ours, bare = [], [], [], []
    registry = Registry(data)
    model = registry.get(model_id)
    call, worker = BareCall(model.path, model.default_guidance), Worker()

    def painted(number: int) -> float:
        """Seconds of processor of a job on a picture that the engine has not seen before, or on the
        one that it saw last."""
        rgba = np.asarray(square(side).convert("RGBA")).copy()
        rgba[0, 0, 0] = number
        content = hashlib.sha256(rgba.tobytes()).hexdigest()
        file = data / content
        file.write_bytes(rgba.tobytes())
        wanted = {"mode": "img2img", "prompt": PROMPT, "seed": SEED, "preview": False}
        wanted |= {"strength": STRENGTH, "steps": steps, "sampler": "DDIM"}
        wanted |= {"model": model.id, "source": {"blob": content}}
        wanted |= {"guidance": model.default_guidance}
        request = resolve(JobRequest.model_validate(wanted), registry, None)
        inputs = {content: PixelFile(file, side, side, PixelFormat.RGBA_U8)}
        task = Task(str(number), request, inputs, data / "out")
        order = EngineJob(task, ModelSpec.of(model))
        began = time.process_time()
        worker.run(order, lambda event: None, StopFlag())
        return time.process_time() - began

    def alone() -> float:
        began = time.process_time()
        call.seconds(side, side, steps)
        return time.process_time() - began

    painted(0), alone()
    for turn in range(1, repeats + 1):
        first, second, floor = painted(turn), painted(turn), alone()
        ours.append(first)
        bare.append(floor)
        ratios.append(first / floor)
        again.append(second / first)
    return table(
        (f"{side}², {round(steps * STRENGTH)} steps run, {model_id}", "processor s"),
        ("the engine, a new picture", spread(ours)),
        ("diffusers alone", spread(bare)),
        ("engine / diffusers", spread(ratios)),
        ("the same picture again / the first time", spread(again)),
    )
