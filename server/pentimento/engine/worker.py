"""The compute thread's work: one job from request to saved pictures.

What may go wrong ends as a `PentimentoError` with a sentence; traces stay in the log.
"""

from __future__ import annotations

import gc
import logging
import time
from typing import Any

import diffusers
import torch
import transformers

from pentimento import __version__
from pentimento.backends.base import Emit
from pentimento.engine import device as devices
from pentimento.engine import failures, thrift
from pentimento.engine.components import Components, PromptCache
from pentimento.engine.drawing import Drawing
from pentimento.engine.generate import Generation
from pentimento.engine.messages import EngineJob
from pentimento.engine.model import Shared
from pentimento.engine.stop import StopFlag
from pentimento.errors import Cancelled, PentimentoError
from pentimento.imaging.geometry import Size
from pentimento.jobs.record import Mode

log = logging.getLogger("pentimento.engine")


class Worker:
    """Owns torch, the caches and the device; used by one thread."""

    def __init__(self, device: devices.Device | None = None) -> None:
        self._threads = devices.use_threads()
        self._device = device or devices.choose()
        self._shared = Shared(self._device, Components(self._device), PromptCache())

    def hello(self) -> dict[str, Any]:
        return {
            "device": self._device.name,
            "dtype": str(self._device.dtype).removeprefix("torch."),
            "threads": self._threads,
            "versions": {
                "pentimento": __version__,
                "torch": torch.__version__,
                "diffusers": diffusers.__version__,
                "transformers": transformers.__version__,
            },
        }

    def condition(self) -> dict[str, Any]:
        """For heartbeats; called from the heart thread, so it only reads."""
        components = self._shared.components
        return {
            "memory_mb": devices.memory_mb(),
            "loaded": components.names,
            "memory": components.account(),
        }

    def run(self, job: EngineJob, emit: Emit, stop: StopFlag) -> dict[str, Any]:
        """Computes the job and answers its facts; raises Cancelled or a PentimentoError."""
        self._shared.components.new_job()
        started = time.monotonic()
        retried = False
        try:
            facts = self._attempt(job, emit, stop, thrifty=False)
        except _OutOfMemory:
            retried = True
        if retried:
            # Only out of the except block does the trace let go of the tensors it held.
            gc.collect()
            self._shared.components.save_memory()
            facts = self._last_attempt(job, emit, stop)
        seconds = round(time.monotonic() - started, 3)
        return facts | self.hello() | {"seconds": seconds}

    def _last_attempt(self, job: EngineJob, emit: Emit, stop: StopFlag) -> dict[str, Any]:
        try:
            return self._attempt(job, emit, stop, thrifty=True)
        except _OutOfMemory as error:
            size, needed = error.size, error.needed
        self._make_room()
        raise failures.out_of_memory(
            *(size, self._device.name, needed, self._device.free()), tried=self._tried()
        )

    def _tried(self) -> list[str]:
        """The ways to use less memory that a second try takes."""
        offloaded = [] if self._device.is_cpu else [thrift.OFFLOADED]
        return [thrift.TILED, thrift.SLICED, *offloaded]

    def _attempt(
        self, job: EngineJob, emit: Emit, stop: StopFlag, *, thrifty: bool
    ) -> dict[str, Any]:
        drawn = job.task.request.mode is Mode.PREPROCESS
        generation = (
            Drawing(self._shared, job, emit, stop)
            if drawn
            else Generation(self._shared, job, emit, stop, thrifty=thrifty)
        )
        try:
            return generation.run()
        except (Cancelled, PentimentoError):
            raise
        except Exception as error:
            log.exception("job %s", job.task.job_id)
            if failures.is_out_of_memory(error):
                raise _OutOfMemory(generation.size, failures.asked_for(error)) from None
            if failures.is_disk_full(error):
                raise failures.disk_full(job.task.output_dir) from None
            raise failures.internal(error) from None

    def _make_room(self) -> None:
        gc.collect()
        self._shared.components.drop_unused()


class _OutOfMemory(Exception):
    def __init__(self, size: Size, needed: int | None) -> None:
        super().__init__()
        self.size, self.needed = size, needed
