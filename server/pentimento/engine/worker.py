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
from pentimento.core.errors import Cancelled, PentimentoError
from pentimento.core.files import is_disk_full
from pentimento.core.geometry import Size
from pentimento.engine import failures
from pentimento.engine.cancel import StopFlag
from pentimento.engine.job.copying import Copying, NothingAround
from pentimento.engine.job.expand import Expansion
from pentimento.engine.job.generate import Generation
from pentimento.engine.job.preprocess import Drawing
from pentimento.engine.job.select import Selecting
from pentimento.engine.job.upscale import Upscaling
from pentimento.engine.loading.model import LoadedModel, Shared, suited
from pentimento.engine.memory import device as devices
from pentimento.engine.memory import offload
from pentimento.engine.memory.encoded import EncodedSources
from pentimento.engine.memory.placement import Components, PromptCache
from pentimento.engine_ipc.messages import EngineJob, ModelSpec
from pentimento.schema.job import FilledBy, Mode
from pentimento.schema.task import Emit

log = logging.getLogger("pentimento.engine")


class Worker:
    """Owns torch, the caches and the device; used by one thread."""

    def __init__(self, device: devices.Device | None = None) -> None:
        self._threads = devices.use_threads()
        self._device = device or devices.choose()
        sources = EncodedSources(self._device.cache_budget())
        self._shared = Shared(self._device, Components(self._device), PromptCache(), sources)

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
            "memory": components.account() | {"sources": self._shared.sources.account()},
        }

    def warm(self, model: ModelSpec, stop: StopFlag) -> None:
        """Reads a model's weights before a job wants them. Raises as `run` does; a memory that is
        too small for them all is left as it was."""
        components = self._shared.components
        components.new_job()
        try:
            shared = suited(self._shared, model)
            LoadedModel(shared, model, lambda event: None, stop).read(encoders=True)
        except (Cancelled, PentimentoError):
            raise
        except Exception as error:
            log.exception("warming %s", model.id)
            raise failures.internal(error) from None
        finally:
            components.new_job()

    def run(self, job: EngineJob, emit: Emit, stop: StopFlag) -> dict[str, Any]:
        """Computes the job and answers its facts; raises Cancelled or a PentimentoError."""
        self._shared.components.new_job()
        self._device.forget_peak()
        started = time.monotonic()
        retried = False
        try:
            facts = self._attempt(job, emit, stop, low_memory=False)
        except _OutOfMemory:
            retried = True
        if retried:
            # Only out of the except block does the trace let go of the tensors it held.
            gc.collect()
            self._shared.sources.clear()
            self._shared.components.save_memory()
            facts = self._last_attempt(job, emit, stop)
        facts["seconds"] = round(time.monotonic() - started, 3)
        if (peak := self._device.peak_mb()) is not None:
            facts["device_peak_mb"] = peak
        return self.hello() | facts

    def _last_attempt(self, job: EngineJob, emit: Emit, stop: StopFlag) -> dict[str, Any]:
        try:
            return self._attempt(job, emit, stop, low_memory=True)
        except _OutOfMemory as error:
            size, needed = error.size, error.needed
        self._make_room()
        raise failures.out_of_memory(
            *(size, self._device.name, needed, self._device.free()), tried=self._tried()
        )

    def _tried(self) -> list[str]:
        """The ways to use less memory that a second try takes."""
        offloaded = [] if self._device.is_cpu else [offload.OFFLOADED]
        return [offload.TILED, offload.SLICED, *offloaded]

    def _attempt(
        self, job: EngineJob, emit: Emit, stop: StopFlag, *, low_memory: bool
    ) -> dict[str, Any]:
        parts = (self._shared, job, emit, stop)
        generation: Drawing | Selecting | Upscaling | Expansion | Copying | Generation
        match job.task.request.mode:
            case Mode.PREPROCESS:
                generation = Drawing(*parts)
            case Mode.SELECT:
                generation = Selecting(*parts)
            case Mode.UPSCALE:
                generation = Upscaling(*parts, low_memory=low_memory)
            case Mode.OUTPAINT:
                generation = Expansion(*parts, low_memory=low_memory)
            case _ if job.task.request.filled_by is FilledBy.SURROUNDINGS:
                generation = Copying(job, emit, stop)
            case _:
                generation = Generation(*parts, low_memory=low_memory)
        try:
            try:
                return generation.run()
            except NothingAround:  # then a model has to paint
                generation = Generation(*parts, low_memory=low_memory)
                return generation.run()
        except (Cancelled, PentimentoError):
            raise
        except Exception as error:
            log.exception("job %s", job.task.job_id)
            if failures.is_out_of_memory(error):
                raise _OutOfMemory(generation.size, failures.asked_for(error)) from None
            if is_disk_full(error):
                raise failures.disk_full(job.task.output_dir) from None
            raise failures.internal(error) from None

    def _make_room(self) -> None:
        gc.collect()
        self._shared.components.drop_unused()


class _OutOfMemory(Exception):
    def __init__(self, size: Size, needed: int | None) -> None:
        super().__init__()
        self.size, self.needed = size, needed
