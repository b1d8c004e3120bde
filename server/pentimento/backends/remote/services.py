"""The records of services: what each can do, takes and costs, read from `adapters/*.toml`."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pentimento.errors import NotFound
from pentimento.imaging.geometry import Size

FOLDER = Path(__file__).resolve().parent / "adapters"


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Operation(StrEnum):
    """What a service is asked to do. In its record: what it can do."""

    TXT2IMG = "txt2img"
    IMG2IMG = "img2img"
    INPAINT = "inpaint"


class Capabilities(Record):
    """`control`: type of map -> what is sent for it, the `map` or the plain `picture`."""

    txt2img: bool = True
    img2img: bool = False
    inpaint: bool = False
    strength: bool = False  # how much of the source changes can be said
    strength_with: tuple[Operation, ...] = (Operation.IMG2IMG, Operation.INPAINT)  # in which calls
    seed: bool = False
    negative_prompt: bool = False
    steps: bool = False
    guidance: bool = False
    control: dict[str, Literal["map", "picture"]] = {}
    control_weight: bool = True  # how much a map steers can be said
    control_with: tuple[Operation, ...] = (Operation.TXT2IMG,)  # calls that take a map as well


class Sizes(Record):
    """Which sizes a service takes, in px: a list, or the rule that `imaging.sizing` follows."""

    choices: tuple[str, ...] = ()  # "WIDTHxHEIGHT"
    native_size: int = 1024
    multiple: int = 8
    min_size: int = 256
    max_pixels: int = 1024 * 1024
    max_aspect: float = 4.0  # longer side by shorter side

    @property
    def allowed(self) -> tuple[Size, ...]:
        return tuple(Size(*(int(side) for side in text.split("x"))) for text in self.choices)


class Price(Record):
    """`per_picture` in US dollars; None where it cannot be said beforehand."""

    per_picture: Annotated[float, Field(ge=0)] | None = None
    text: str


class Caps(Record):
    """The most that may be spent, in US dollars; None is no limit."""

    per_job: Annotated[float, Field(ge=0, le=10_000)] | None = None
    per_day: Annotated[float, Field(ge=0, le=10_000)] | None = None


class Extras(Record):
    """What is different for servers that take more than the service's own API says."""

    capabilities: Capabilities
    sizes: Sizes


class Service(Record):
    """One record. Texts are for people who paint."""

    id: str
    title: str
    base_url: str
    own_address: bool = False  # users may point it at a server of their choice
    needs_key: bool = True
    anonymous_key: str = ""  # used where there is no key
    key_page: str = ""  # where a key is to be had
    models: tuple[str, ...] = ()
    default_model: str = ""
    idempotency: bool = False  # it takes an Idempotency-Key
    deadline: Annotated[float, Field(gt=0, le=3600)] = 300.0  # s for one picture
    receives: str  # who gets what is sent
    privacy: str
    quality: str
    speed: str
    checked: str  # date of what this record says
    verified: str  # what it was really run against
    price: Price
    caps: Caps = Caps(per_job=1.0, per_day=5.0)
    capabilities: Capabilities
    sizes: Sizes = Sizes()
    extras: Extras | None = None


@cache
def all_services() -> dict[str, Service]:
    """By id, in alphabetical order."""
    return {file.stem: _read(file) for file in sorted(FOLDER.glob("*.toml"))}


def service(service_id: str) -> Service:
    """Raises NotFound("backend_not_found")."""
    found = all_services().get(service_id)
    if found is None:
        raise NotFound(
            "backend_not_found",
            f"There is no service called “{service_id}”.",
            f"There are {', '.join(['local', *all_services()])}.",
        )
    return found


def _read(file: Path) -> Service:
    data: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
    return Service(id=file.stem, **data)
