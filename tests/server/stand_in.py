"""The real front process with a stand-in for the engine: `python stand_in.py DATA-DIR LIMITS-JSON`.

`StandInBackend` computes something small and deterministic. Words in the prompt make it behave:
`slow` takes 0.05 s a step, `boom` is a bug, `dies` a JobFailed, `full` a full disk. `again`
tells the first stages of an observed job twice.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from pentimento.api.serving import serve
from pentimento.api.settings import Limits, Settings
from pentimento.backends.base import Emit, Loading, PixelFile, Preview, Result, Step, Task
from pentimento.errors import Cancelled, JobFailed, PentimentoError
from pentimento.jobs.record import Mode, PixelFormat

JPEG = b"\xff\xd8\xff\xe0 a preview \xff\xd9"
STAGES = ("noised_start", "estimate", "result")
STAGE_FACTS = {"noise": 0.5, "sigma": 0.6, "psnr": None, "seconds": 0.1, "step": 1, "steps": 2}
SLOW_STEP = 0.05  # s


class StandInBackend:
    name = "stand-in"

    def __init__(self) -> None:
        self._cancelled: set[str] = set()
        self._state = "stopped"

    async def run(self, task: Task, emit: Emit) -> dict[str, Any]:
        self._state = "busy"
        try:
            emit(Loading("Reading the model", 0.5))
            if "boom" in task.request.prompt:
                raise RuntimeError("a bug in the backend")
            if "dies" in task.request.prompt:
                raise JobFailed("engine_died", "The engine ended.", "Run the job again.")
            if "full" in task.request.prompt:
                raise OSError(errno.ENOSPC, "No space left on device")
            for index in range(task.request.count):
                await self._one(task, index, emit)
            return {"device": "none"}
        finally:
            self._state = "idle"

    async def cancel(self, job_id: str) -> None:
        self._cancelled.add(job_id)

    async def status(self) -> dict[str, Any]:
        empty = {"device": None, "pid": None, "memory_mb": None, "loaded": []}
        return {"state": self._state, **empty}

    async def start(self) -> None:
        self._state = "idle"

    async def close(self) -> None:
        self._state = "stopped"

    async def _one(self, task: Task, index: int, emit: Emit) -> None:
        request = task.request
        for step in range(1, (request.steps or 1) + 1):
            await asyncio.sleep(SLOW_STEP if "slow" in request.prompt else 0)
            if task.job_id in self._cancelled:
                raise Cancelled
            emit(Step(step, request.steps or 1, index, request.count))
            if request.preview:
                emit(Preview(JPEG, step, index))
        seed = (request.seed or 0) + index
        if request.mask and index == 0:
            mask = task.inputs[request.mask.blob]
            emit(
                Result(0, _write(task, "mask.raw", mask.path.read_bytes(), mask), seed, {}, "mask")
            )
        if request.observe and index == 0:
            told = [*enumerate(STAGES)]
            if "again" in request.prompt:  # as after a full memory
                told = told[:2] + told
            for number, stage in told:
                file = replace_name(_picture(task, index, seed), f"stage-{number}.raw")
                emit(Result(number, file, seed, STAGE_FACTS, "stage", stage))
        emit(Result(index, _picture(task, index, seed), seed, {"steps_run": request.steps}))


def _picture(task: Task, index: int, seed: int) -> PixelFile:
    """The source's bytes turned over by the seed, or bytes made from prompt and seed."""
    request = task.request
    if request.mode is Mode.TXT2IMG:
        size = PixelFile(Path(), request.width or 1, request.height or 1, PixelFormat.RGB_U8)
        key = f"{request.prompt};{seed}".encode()
        pixels = hashlib.shake_128(key).digest(size.width * size.height * 3)
    else:
        size = task.inputs[request.source.blob]  # type: ignore[union-attr]
        pixels = bytes(value ^ (seed % 255 + 1) for value in size.path.read_bytes())
    return _write(task, f"{index}.raw", pixels, size)


def replace_name(file: PixelFile, name: str) -> PixelFile:
    path = file.path.rename(file.path.with_name(name))
    return replace(file, path=path)


def _write(task: Task, name: str, pixels: bytes, like: PixelFile) -> PixelFile:
    path = task.output_dir / name
    path.write_bytes(pixels)
    return PixelFile(path, like.width, like.height, like.format)


if __name__ == "__main__":
    data_dir, limits = Path(sys.argv[1]), json.loads(sys.argv[2])
    try:
        serve(Settings(data_dir, limits=Limits(**limits)), StandInBackend())
    except PentimentoError as error:
        sys.exit(error.message)
