"""The real engine process behind LocalBackend: work, cancelling, death, hanging, idling."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from tests.engine.bench import DEFAULTS
from tests.support.tiny_models import write_sd15

from pentimento.backends.local import LocalBackend
from pentimento.core.errors import Cancelled, JobFailed, NotFound
from pentimento.core.settings import EngineOptions
from pentimento.engine_ipc.host import Patience, clean_environment
from pentimento.imaging import decode
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest
from pentimento.schema.task import Event, Loading, Preview, Result, Step, Task

DEADLINE = 120.0  # s; only ever reached by a failure
needs_prlimit = pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux's prlimit")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX signals")


class Front:
    """A backend on its own event loop, as the server has it."""

    def __init__(self, data_dir: Path, registry: Registry, **options: Any) -> None:
        self.backend = LocalBackend(data_dir, registry, **options)
        self._folder = data_dir / "jobs"
        self._runner = asyncio.Runner()
        self._number = 0

    def run(self, action: Awaitable[Any]) -> Any:
        async def within_deadline() -> Any:
            return await asyncio.wait_for(action, DEADLINE)

        return self._runner.run(within_deadline())

    def task(self, model: str = "sd15", **wanted: Any) -> Task:
        self._number += 1
        job_id = f"job{self._number}"
        request = JobRequest.model_validate(DEFAULTS | {"model": model} | wanted)
        return Task(job_id, request, {}, self._folder / job_id)

    def make(self, **wanted: Any) -> np.ndarray:
        """The first picture of a job that has to succeed."""
        events: list[Event] = []
        self.run(self.backend.run(self.task(**wanted), events.append))
        return decode.load(next(e.file for e in events if isinstance(e, Result)))

    def fail(self, act: Callable[[int], None], **wanted: Any) -> JobFailed:
        """How a long job ends when `act` is done to the engine's pid after its first step."""

        async def scene() -> None:
            stepped = asyncio.Event()
            task = self.task("starter", steps=200, **wanted)
            job = asyncio.create_task(
                self.backend.run(task, lambda e: stepped.set() if isinstance(e, Step) else None)
            )
            await asyncio.wait(
                {job, asyncio.create_task(stepped.wait())}, return_when="FIRST_COMPLETED"
            )
            act((await self.backend.status()).pid)
            await job

        with pytest.raises(JobFailed) as failed:
            self.run(scene())
        return failed.value

    def close(self) -> None:
        self.run(self.backend.close())
        self._runner.close()


@pytest.fixture(scope="module")
def front(data_dir: Path, registry: Registry) -> Iterator[Front]:
    front = Front(data_dir, registry, patience=Patience(silence=5.0))
    yield front
    front.close()


def test_a_job_goes_through_the_process(front: Front) -> None:
    events: list[Event] = []
    task = front.task(steps=5, preview=True, count=2)
    facts = front.run(front.backend.run(task, events.append))
    assert isinstance(events[0], Loading)
    assert [e.step for e in events if isinstance(e, Step)] == [1, 2, 3, 4, 5] * 2
    assert all(e.jpeg.startswith(b"\xff\xd8") for e in events if isinstance(e, Preview))
    assert {e.step for e in events if isinstance(e, Preview)} >= {1, 5}
    results = [e for e in events if isinstance(e, Result)]
    assert [result.seed for result in results] == [7, 8]
    assert all(result.file.path.parent == task.output_dir for result in results)
    assert facts["device"] == "cpu"
    assert facts["versions"]["torch"]
    status = front.run(front.backend.status())
    assert status.state == "idle"
    assert status.pid != os.getpid()
    assert status.memory_mb > 50
    assert set(status.loaded) == {"unet", "vae", "text_encoder", "tokenizer"}


def test_the_front_stays_free_of_torch() -> None:
    code = "import sys, pentimento.backends.local; print('torch' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "False"


def test_cancel_ends_the_job_within_one_step_and_the_next_is_unchanged(front: Front) -> None:
    before = front.make(seed=5)
    steps: list[int] = []

    async def scene() -> None:
        third = asyncio.Event()

        def emit(event: Event) -> None:
            if isinstance(event, Step):
                steps.append(event.step)
                if event.step == 3:
                    third.set()

        task = front.task("starter", steps=200)
        job = asyncio.create_task(front.backend.run(task, emit))
        await third.wait()
        await front.backend.cancel(task.job_id)
        steps.clear()
        with pytest.raises(Cancelled):
            await job

    front.run(scene())
    assert len(steps) <= 2  # what was under way, and the one that may have been in the pipe
    np.testing.assert_array_equal(front.make(seed=5), before)


def test_cancelling_an_unknown_job_does_nothing(front: Front) -> None:
    front.run(front.backend.cancel("no such job"))
    assert front.make().shape == (64, 64, 4)


def test_an_unknown_and_a_damaged_model_are_refused(front: Front, data_dir: Path) -> None:
    with pytest.raises(NotFound):
        front.make(model="nowhere")
    folder = data_dir / "models" / "broken"
    folder.mkdir()
    (folder / "model_index.json").write_text("{")
    with pytest.raises(JobFailed) as failed:
        front.make(model="broken")
    assert failed.value.code == "model_damaged"


@contextmanager
def little_memory(front: Front, megabytes: int) -> Iterator[None]:
    """The engine may take this much more address space than it has now."""
    pid = front.run(front.backend.status()).pid
    limits = resource.prlimit(pid, resource.RLIMIT_AS)
    room = psutil.Process(pid).memory_info().vms + megabytes * 1024 * 1024
    resource.prlimit(pid, resource.RLIMIT_AS, (room, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_AS, limits)


@needs_prlimit
def test_a_full_memory_is_a_sentence_and_the_next_job_works(front: Front) -> None:
    before = front.make()
    pid = front.run(front.backend.status()).pid
    with little_memory(front, 100), pytest.raises(JobFailed) as failed:
        front.make(width=8192, height=8192)
    assert failed.value.code == "out_of_memory"
    assert "8192 × 8192" in failed.value.message
    assert failed.value.details["free_mb"] > 0
    assert "decoding in tiles" in failed.value.details["tried"]
    assert failed.value.hint
    np.testing.assert_array_equal(front.make(), before)
    assert front.run(front.backend.status()).pid == pid


@needs_prlimit
def test_a_picture_too_large_to_decode_at_once_is_decoded_in_tiles(
    front: Front, data_dir: Path
) -> None:
    write_sd15(data_dir / "models" / "large", native=512)
    front.make(model="large", width=64, height=64, steps=1)
    events: list[Event] = []
    with little_memory(front, 16):
        task = front.task("large", steps=2, guidance=1.0)
        facts = front.run(front.backend.run(task, events.append))
    assert facts["tiled"] is True
    assert [e.step for e in events if isinstance(e, Step)] == [1, 2]
    assert len([e for e in events if isinstance(e, Result)]) == 1


def test_killing_the_engine_fails_its_job_and_the_next_works(front: Front) -> None:
    before = front.make()
    first = front.run(front.backend.status()).pid
    failed = front.fail(lambda pid: os.kill(pid, signal.SIGKILL))
    assert failed.code == "engine_died"
    assert "killed" in failed.message
    assert failed.details["exit_code"] == -signal.SIGKILL
    np.testing.assert_array_equal(front.make(), before)
    assert front.run(front.backend.status()).pid != first


def test_a_hanging_engine_is_ended_and_the_next_job_works(front: Front) -> None:
    failed = front.fail(lambda pid: os.kill(pid, signal.SIGSTOP))
    assert failed.code == "engine_hung"
    assert front.run(front.backend.status()).state == "stopped"
    assert front.make().shape == (64, 64, 4)


def test_closing_ends_the_engine_and_the_next_job_starts_another(front: Front) -> None:
    front.make()
    pid = front.run(front.backend.status()).pid
    front.run(front.backend.close())
    assert not psutil.pid_exists(pid)
    assert front.run(front.backend.status()).state == "stopped"


def test_an_idle_engine_gives_its_memory_back(data_dir: Path, registry: Registry) -> None:
    """And a job that is cancelled while the engine starts ends at once."""
    front = Front(data_dir, registry, idle_seconds=0.2)

    async def cancel_during_start() -> None:
        task = front.task()
        job = asyncio.create_task(front.backend.run(task, lambda event: None))
        while (await front.backend.status()).state != "starting":
            await asyncio.sleep(0.01)
        await front.backend.cancel(task.job_id)
        with pytest.raises(Cancelled):
            await job
        assert (await front.backend.status()).state == "starting"

    async def until_stopped() -> None:
        await front.backend.start()
        while (await front.backend.status()).state != "stopped":
            await asyncio.sleep(0.05)

    front.run(cancel_during_start())
    front.run(until_stopped())
    front.close()


def test_a_device_that_is_not_there_is_said_at_the_start(
    data_dir: Path, registry: Registry
) -> None:
    front = Front(data_dir, registry, options=EngineOptions("xpu:7", ram_mb=512))
    with pytest.raises(JobFailed) as failed:
        front.make()
    assert failed.value.code == "device_missing"
    front.close()


def test_an_engine_that_cannot_start_says_why(data_dir: Path, registry: Registry) -> None:
    """A Python without our packages is what a damaged installation looks like."""
    bare = data_dir / "bare-python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    for python in (bare, data_dir / "not-there"):
        front = Front(data_dir, registry, python=str(python))
        with pytest.raises(JobFailed) as failed:
            front.make()
        assert failed.value.code == "engine_start_failed"
        assert front.run(front.backend.status()).state == "failed"
        if python == bare:
            assert "ModuleNotFoundError" in "".join(failed.value.details["log"])
        front.close()


def test_the_engine_dies_with_its_front(data_dir: Path, tmp_path: Path) -> None:
    """Also in the middle of a step: the front is killed with -9 while a long job runs."""
    script = f"""
import asyncio, json
from pathlib import Path
from pentimento.schema.task import Step, Task
from pentimento.backends.local import LocalBackend
from pentimento.schema.job import JobRequest
from pentimento.models import Registry

data = Path({str(data_dir)!r})
backend = LocalBackend(data, Registry(data))
request = JobRequest.model_validate({DEFAULTS | {"model": "starter", "steps": 200}!r})

async def main():
    async def tell(event):
        if isinstance(event, Step) and event.step == 1:
            print((await backend.status()).pid, flush=True)
    def emit(event):
        asyncio.ensure_future(tell(event))
    await backend.run(Task("job", request, {{}}, Path({str(tmp_path)!r})), emit)

asyncio.run(main())
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], env=clean_environment(), stdout=subprocess.PIPE
    ) as front:
        assert front.stdout is not None
        pid = int(front.stdout.readline())
        engine = psutil.Process(pid)
        front.kill()
    gone, _ = psutil.wait_procs([engine], timeout=60)
    assert gone or engine.status() == psutil.STATUS_ZOMBIE


def test_the_engine_waits_without_spinning_and_hears_no_foreign_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("GIMP3_DIRECTORY", "/somewhere")
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    environment = clean_environment()
    assert environment["OMP_WAIT_POLICY"] == "passive"
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert not {"PYTHONHOME", "GIMP3_DIRECTORY"} & environment.keys()
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert clean_environment()["OMP_WAIT_POLICY"] == "active"
