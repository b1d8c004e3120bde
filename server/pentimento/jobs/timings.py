"""How long jobs take on this machine, learned from those that were run."""

from __future__ import annotations

from pentimento.core.geometry import AFTER_STEPS, BEFORE_STEPS, Size
from pentimento.jobs.job import JobState
from pentimento.jobs.resolve import timed_as
from pentimento.jobs.store import Store
from pentimento.models.library.registry import Registry
from pentimento.models.tables.architectures import work_in
from pentimento.schema.job import Mode

FIRST_GUESS = 10.0  # s for a job, before one was measured
SMOOTHING = 0.3
EXTRA_STEPS = BEFORE_STEPS + AFTER_STEPS


class Timings:
    """`estimate` is what `make_plan` takes as its timings."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._rates: dict[str, float] = {}  # model (and mode) -> s per px and step
        self.job_seconds = FIRST_GUESS

    async def load(self) -> None:
        self._rates = await self._store.timings()

    def estimate(self, model: str, seen: int, steps: int) -> float | None:
        """Seconds for one picture, of whose pixels the model sees so many in a step; None before
        the first measured job with this model."""
        rate = self._rates.get(model)
        return None if rate is None else round(rate * seen * (steps + EXTRA_STEPS), 2)

    def note_job(self, seconds: float) -> None:
        self.job_seconds += SMOOTHING * (seconds - self.job_seconds)

    async def note_steps(self, state: JobState, seconds_per_step: float) -> None:
        if not state.images:
            return
        model = self._registry.get(str(state.request.model))
        mode, image = state.request.mode, state.images[0]
        if len(image.facts.get("passes", [])) > 1 or mode in (Mode.OUTPAINT, Mode.UPSCALE):
            return  # its steps are not all alike
        strength = float(state.request.strength or 0)
        size = Size(image.width, image.height)
        work = work_in(mode, strength, model.editing, size, model)
        name = timed_as(model.id, mode)
        await self._store.add_timing(name, seconds_per_step / work.seen)
        self._rates = await self._store.timings()
