"""What one adapter is: a module in `adapters/` with the functions of `Adapter`, next to the record
of its service (`adapters/NAME.toml`, see `Service` in `records.py`).

An adapter translates and nothing else. By the time it is called the job is allowed and paid for in
the ledger, and sizes are ones the service takes. It raises nothing but what `ServiceSession` and
`ServiceAnswer` raise, and `problems.problem(...)` where a service tells a failure in a way of its
own.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from pentimento.core.geometry import Size
from pentimento.services.own_workflows import OwnWorkflow
from pentimento.services.records import Operation, service

if TYPE_CHECKING:
    from pentimento.services.session import ServiceAnswer, ServiceSession


@dataclass(frozen=True, slots=True)
class ControlMap:
    """A picture that steers. `image` is a PNG of the asked size: light lines on black for a map,
    the plain source where the record says `picture`. `weight` 0..1 (up to 2 if the user says so),
    `start` and `end` are shares 0..1 of the steps."""

    type: str
    image: bytes
    weight: float
    start: float = 0.0
    end: float = 1.0


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One picture to be made. None: the service's own default, and nothing is to be sent.

    `image` is an RGB PNG of `size`, `mask` an 8-bit grey PNG of `size` with white (255) = repaint
    and no other values but 0. They are there for the operations that need them.
    """

    operation: Operation
    prompt: str
    size: Size
    model: str = ""
    negative_prompt: str = ""
    seed: int | None = None  # only for services with seeds
    strength: float | None = None  # above 0, up to 1; only for services with strength
    steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    image: bytes | None = None
    mask: bytes | None = None
    control: ControlMap | None = None
    loras: tuple[tuple[str, float], ...] = ()  # names there and weights
    references: tuple[bytes, ...] = ()  # further RGB PNGs of an edit, each of its own size
    workflow: OwnWorkflow | None = None  # instead of a model

    @property
    def pictures(self) -> tuple[bytes, ...]:
        """The source and the references."""
        return (*((self.image,) if self.image else ()), *self.references)


@dataclass(frozen=True, slots=True)
class ImageResult:
    """A picture as the service sent it: PNG, JPEG or WebP, not yet looked at. `seed` where the
    service tells which one it took; `model` likewise, and `cost` in US dollars (`told_costs`)."""

    image: bytes
    seed: int | None = None
    model: str | None = None
    cost: float | None = None


class Adapter(Protocol):
    """The functions of a module in `adapters/`. They run in a thread of their own and may block in
    calls of `line` only. One more, `observe(line) -> (model, maps)`, is for servers of one's own
    that differ: the model they paint with by themselves, and whether they take maps. And
    `offers(line, names) -> {name: last day}` is for services that tell what they have: those of
    `names` that can be asked for, with the day on which it ends as in 2026-10-23, or nothing.
    """

    def auth(self, key: str) -> dict[str, str]:
        """The headers that carry the key. They go to the service's own address only."""
        ...

    def paint(self, ask: ImageRequest, line: ServiceSession) -> ImageResult:
        """Makes one picture.

        Exactly one `line.order(...)`: the call that costs money. It is never repeated unless it is
        certain that the service did not take it. Queue services then `line.look(...)` with
        `line.pause(...)` between, and `line.fetch(...)` the result at once. When `line.pause`
        raises Cancelled, `line.withdraw(...)` what is still waiting there and let Cancelled
        through.
        """
        ...

    def check(self, line: ServiceSession) -> None:
        """Whether service and key work, by a call that costs nothing; raises as `line` does."""
        ...

    def models(self, line: ServiceSession) -> list[str]:
        """The names that can be chosen, as far as the service lists them; may be empty."""
        ...

    def meaning(self, answer: ServiceAnswer) -> str | None:
        """The code of `problems.PROBLEMS` that a refusal (status 400 and above) stands for, where
        the status alone does not say it; None for the usual meaning. Must bear any body."""
        ...


def load(service_id: str) -> Adapter:
    """The adapter of a service in `services.all_services()`."""
    module = service(service_id).adapter or service_id
    return cast(Adapter, import_module(f"{__package__}.adapters.{module}"))
