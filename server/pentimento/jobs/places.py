"""Which jobs run beside each other: one on this machine, at each service as many as it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pentimento.jobs.job import Job
from pentimento.schema.job import LOCAL


class Places:
    """The jobs that run. `room` gives the most that run at a service at once."""

    def __init__(self, room: Callable[[str], int]) -> None:
        self._room = room
        self.running: list[Job] = []

    def next(self, waiting: Sequence[Job]) -> Job | None:
        """The first in the queue whose place has room: none waits for another place."""
        return next((job for job in waiting if self._has_room(_place(job))), None)

    @property
    def here(self) -> Job | None:
        """The one that this machine computes."""
        return next((job for job in self.running if _place(job) == LOCAL), None)

    @property
    def first(self) -> Job | None:
        """The one to tell of where only one can be told."""
        return self.here or (self.running[0] if self.running else None)

    def _has_room(self, place: str) -> bool:
        busy = sum(_place(job) == place for job in self.running)
        return busy < (1 if place == LOCAL else self._room(place))


def _place(job: Job) -> str:
    return job.request.backend or LOCAL
