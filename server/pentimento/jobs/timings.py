"""How long jobs take on this machine, learned from those that were run."""

from __future__ import annotations

from pentimento.imaging.geometry import Size
from pentimento.imaging.sizing import generation_size
from pentimento.jobs.editing import timed_as
from pentimento.jobs.state import JobState
from pentimento.jobs.store import Store
from pentimento.models import Registry
from pentimento.models.families import limits_in

FIRST_GUESS = 10.0  # s for a job, before one was measured
SMOOTHING = 0.3
EXTRA_STEPS = 2  # reading, encoding and decoding cost about as much as these


class Timings:
    """`estimate` is what `make_plan` takes as its timings."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._rates: dict[str, float] = {}  # model (and mode) -> s per px and step
        self.job_seconds = FIRST_GUESS

    async def load(self) -> None:
        self._rates = await self._store.timings()

    def estimate(self, model: str, size: Size, steps: int) -> float | None:
        """Seconds for one picture; None before the first measured job with this model."""
        rate = self._rates.get(model)
        return None if rate is None else round(rate * size.pixels * (steps + EXTRA_STEPS), 2)

    def note_job(self, seconds: float) -> None:
        self.job_seconds += SMOOTHING * (seconds - self.job_seconds)

    async def note_steps(self, state: JobState, seconds_per_step: float) -> None:
        if not state.images:
            return
        model = self._registry.get(str(state.request.model))
        mode, image = state.request.mode, state.images[0]
        limits = limits_in(mode, model.editing, model)
        made = generation_size(Size(image.width, image.height), limits)
        name = timed_as(model.id, mode)
        await self._store.add_timing(name, seconds_per_step / made.pixels)
        self._rates = await self._store.timings()
