"""What the face keeps between requests: its options and which task is which job."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace

from starlette.requests import Request

from pentimento.jobs.job import Job

CLIENT = "a1111"  # of its jobs
MOST_TASKS = 256


@dataclass(frozen=True, slots=True)
class Options:
    """The options that have an effect here; `model` None is the server's default, `vae` None the
    model's own."""

    model: str | None = None
    vae: str | None = None
    samples_format: str = "png"
    enable_pnginfo: bool = True
    jpeg_quality: int = 80


@dataclass(slots=True)
class State:
    """Lives as long as the server; nothing of it is written to disk."""

    options: Options = Options()
    tasks: OrderedDict[str, str] = field(default_factory=OrderedDict)  # a client's id -> job id

    def note_task(self, task: str | None, job: Job) -> None:
        if task:
            self.tasks[task] = job.id
        while len(self.tasks) > MOST_TASKS:
            self.tasks.popitem(last=False)

    def change(self, **changes: object) -> None:
        self.options = replace(self.options, **changes)  # type: ignore[arg-type]


def of(request: Request) -> State:
    state: State = request.app.state.a1111
    return state
