"""The real front process with a stand-in for the engine: `python stand_in.py DATA-DIR LIMITS-JSON`.

`StandInBackend` computes something small and deterministic. Words in the prompt make it behave:
`slow` takes 0.05 s a step, `boom` is a bug, `dies` a JobFailed, `full` a full disk. `again`
tells the first stages of an observed job twice.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pentimento.api.server import serve
from pentimento.core.errors import Cancelled, JobFailed, PentimentoError
from pentimento.core.settings import Limits, Settings
from pentimento.schema.answers import EngineCondition, EngineState
from pentimento.schema.job import Mode, PixelFormat
from pentimento.schema.task import Emit, Loading, PixelFile, Preview, Result, Step, Task

JPEG = base64.b64decode(  # 8 x 8 px of gray
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERX"
    "RTc4UG1RV19iZ2hnPk1xeXBkeFxlZ2P/wAALCAAIAAgBAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcI"
    "CQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcY"
    "GRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKj"
    "pKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/9oACAEBAAA/ACv/"
    "2Q=="
)
STAGES = ("noised_start", "estimate", "result")
STAGE_FACTS = {"noise": 0.5, "sigma": 0.6, "psnr": None, "seconds": 0.1, "step": 1, "steps": 2}
PART = 2**20  # bytes of a picture at a time
SLOW_STEP = 0.05  # s


class StandInBackend:
    name = "stand-in"

    def __init__(self) -> None:
        self._cancelled: set[str] = set()
        self._state: EngineCondition = "stopped"

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

    async def finish(self, job_id: str) -> bool:
        return False

    async def status(self) -> EngineState:
        return EngineState(
            state=self._state, device=None, pid=None, memory_mb=None, loaded=[], memory=None
        )

    async def start(self, model: str | None = None) -> None:
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
            parts = _turned(mask.path, 0)
            if mask.format is None:  # an encoded file
                mask = replace(mask, format=PixelFormat.Y_U8)
                parts = _made(b"mask", mask.width * mask.height)
            made = await asyncio.to_thread(_write, task, "mask.raw", parts, mask)
            emit(Result(0, made, seed, {}, "mask"))
        if request.observe and index == 0:
            told = [*enumerate(STAGES)]
            if "again" in request.prompt:  # as after a full memory
                told = told[:2] + told
            for number, stage in told:
                made = await asyncio.to_thread(_picture, task, index, seed)
                file = replace_name(made, f"stage-{number}.raw")
                emit(Result(number, file, seed, STAGE_FACTS, "stage", stage))
        made = await asyncio.to_thread(_picture, task, index, seed)
        emit(Result(index, made, seed, {"steps_run": request.steps}))


def _picture(task: Task, index: int, seed: int) -> PixelFile:
    """The source's bytes turned over by the seed, or bytes made from prompt and seed."""
    request = task.request
    if request.mode is Mode.TXT2IMG:
        size = PixelFile(Path(), request.width or 1, request.height or 1, PixelFormat.RGB_U8)
        key = f"{request.prompt};{seed}".encode()
        parts = _made(key, size.width * size.height * 3)
    else:
        size = task.inputs[request.source.blob]  # type: ignore[union-attr]
        parts = _turned(size.path, seed % 255 + 1)
        if size.format is None:  # an encoded file
            size = replace(size, format=PixelFormat.RGB_U8)
            parts = _made(str(seed).encode(), size.width * size.height * 3)
    return _write(task, f"{index}.raw", parts, size)


def _made(key: bytes, count: int) -> Iterator[bytes]:
    """So many bytes; they repeat themselves after the first of the parts."""
    part = hashlib.shake_128(key).digest(min(count, PART))
    for start in range(0, count, PART):
        yield part[: count - start]


def _turned(file: Path, key: int) -> Iterator[bytes]:
    table = bytes(value ^ key for value in range(256))
    with file.open("rb") as source:
        while part := source.read(PART):
            yield part.translate(table)


def replace_name(file: PixelFile, name: str) -> PixelFile:
    path = file.path.rename(file.path.with_name(name))
    return replace(file, path=path)


def _write(task: Task, name: str, parts: Iterable[bytes], like: PixelFile) -> PixelFile:
    path = task.output_dir / name
    with path.open("wb") as file:
        file.writelines(parts)
    return PixelFile(path, like.width, like.height, like.format)


if __name__ == "__main__":
    data_dir, limits = Path(sys.argv[1]), json.loads(sys.argv[2])
    try:
        serve(Settings(data_dir, limits=Limits(**limits)), StandInBackend())
    except PentimentoError as error:
        sys.exit(error.message)
