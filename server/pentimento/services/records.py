"""The records of services: what each can do, takes and costs, read from `adapters/*.toml`."""

from __future__ import annotations

import tomllib
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pentimento.core.errors import NotFound
from pentimento.core.geometry import Size

FOLDER = Path(__file__).resolve().parent / "adapters"


class ServiceData(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class Operation(StrEnum):
    """What a service is asked to do. In its record: what it can do."""

    TXT2IMG = "txt2img"
    IMG2IMG = "img2img"
    INPAINT = "inpaint"
    EDIT = "edit"  # by instruction


class Capabilities(ServiceData):
    """`control`: type of map -> what is sent for it, the `map` or the plain `picture`."""

    txt2img: bool = True
    img2img: bool = False
    inpaint: bool = False
    edit: bool = False
    loras: bool = False  # those that are there, by their names
    references: int = 0  # further pictures that an instruction may speak of
    strength: bool = False  # how much of the source changes can be said
    strength_with: tuple[Operation, ...] = (Operation.IMG2IMG, Operation.INPAINT)  # in which calls
    seed: bool = False
    negative_prompt: bool = False
    steps: bool = False
    guidance: bool = False
    control: dict[str, Literal["map", "picture"]] = {}
    control_as: dict[str, str] = {}  # kinds that it has under a name of its own
    control_weight: bool = True  # how much a map steers can be said
    control_with: tuple[Operation, ...] = (Operation.TXT2IMG,)  # calls that take a map as well


class Sizes(ServiceData):
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


class TokenPrices(ServiceData):
    """US dollars for a million tokens of what an answer's `usage` counts."""

    text_input: float
    image_input: float
    output: float


class Price(ServiceData):
    """`per_picture` in US dollars; None where it cannot be said beforehand. `by_quality`: the same
    where a quality is asked for. `tokens`: what the answer's count of them is priced by."""

    per_picture: Annotated[float, Field(ge=0)] | None = None
    by_quality: dict[str, float] = {}
    tokens: TokenPrices | None = None
    text: str


class Caps(ServiceData):
    """The most that may be spent, in US dollars; None is no limit."""

    per_job: Annotated[float, Field(ge=0, le=10_000)] | None = None
    per_day: Annotated[float, Field(ge=0, le=10_000)] | None = None


class Retired(ServiceData):
    """A model that the service has shut down, or will."""

    model: str
    last_day: date
    successor: str
    source: str  # where that stands


class ServiceModel(ServiceData):
    """One of a service's models, where there is more to say of it than its name."""

    name: str
    operations: tuple[Operation, ...] = (Operation.TXT2IMG,)
    price: Annotated[float, Field(ge=0)] | None = None  # US dollars a picture; None: the service's
    pictures: str = ""  # the input that takes the source, and the references
    several: bool = True  # that input is a list
    size: Literal["", "image_size", "aspect_ratio", "width_height"] = ""  # the input that says it
    seed: bool = True
    steps: str = ""  # the input that takes them
    most_steps: int = 50
    guidance: str = ""  # the input that takes it
    most_guidance: float = 20.0
    fixed: dict[str, str | bool | int] = {}  # inputs that are always the same


class Dialect(ServiceData):
    """How a server that speaks OpenAI's images API says what that has no field for. Empty: not."""

    size: Literal["size", "width_height"] = "size"
    answer: str = ""  # the `response_format` that brings the picture in the answer
    negative_prompt: str = ""  # the field, or what stands between it and the prompt
    negative_in_prompt: bool = False
    seed: str = ""
    seed_in_prompt: str = ""  # what is put behind the prompt, with SEED in its place
    steps: str = ""
    guidance: str = ""


class ServiceExtras(ServiceData):
    """What is different for servers that take more than the service's own API says."""

    capabilities: Capabilities
    sizes: Sizes


class Service(ServiceData):
    """One record. Texts are for people who paint."""

    id: str
    title: str
    adapter: str = ""  # the module that speaks its API, where that is another service's
    dialect: Dialect | None = None
    base_url: str
    own_address: bool = False  # users may point it at a server of their choice
    needs_key: bool = True
    anonymous_key: str = ""  # used where there is no key
    key_page: str = ""  # where a key is to be had
    models: tuple[str, ...] = ()
    default_model: str = ""
    qualities: tuple[str, ...] = ()  # that a picture can be asked for with
    own_workflows: bool = False  # files of the user's can stand for a model
    by_name: bool = False  # what a picture's best size is, its model's name tells
    same_names: bool = False  # at other addresses too, which are proxies then
    model: tuple[ServiceModel, ...] = ()  # the first of an operation is its default
    retired: tuple[Retired, ...] = ()
    origins: tuple[str, ...] = ()  # further addresses of the service that may see the key
    idempotency: bool = False  # it takes an Idempotency-Key
    deadline: Annotated[float, Field(gt=0, le=3600)] = 300.0  # s for one picture
    at_once: Annotated[int, Field(ge=1, le=16)] = 2  # jobs that run there beside each other
    receives: str  # who gets what is sent
    privacy: str
    quality: str
    speed: str
    checked: date  # of what this record says
    source: str  # where that stands
    good_for: Annotated[int, Field(gt=0)] = 6  # months; then the record counts as old
    verified: str  # what it was really run against
    price: Price
    caps: Caps = Caps(per_job=1.0, per_day=5.0)
    capabilities: Capabilities
    sizes: Sizes = Sizes()
    extras: ServiceExtras | None = None

    def models_for(self, operation: Operation) -> list[ServiceModel]:
        return [one for one in self.model if operation in one.operations]

    def record_of(self, name: str) -> ServiceModel | None:
        return next((one for one in self.model if one.name == name), None)


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
    data: dict[str, Any] = tomllib.loads(file.read_text("utf-8-sig"))
    return Service(id=file.stem, **data)
