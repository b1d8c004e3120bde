"""The plan of a job: what it is asked with, and its box, sizes, steps and route as the answer."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from pentimento.schema.job import Asked, FilledBy, Intent, Lora, Mode, Rect, Strict, check_model


class PlanRequest(Asked):
    """Geometry only, no pixels: what would be sent and computed for a job. The words count as far
    as they name LoRAs."""

    mode: Mode
    canvas: Rect | None = None
    source: Rect | None = None
    selection: Rect | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> PlanRequest:
        check_model(self.model, self.backend)
        return self


class SizeOut(Strict):
    width: int
    height: int


class Notice(Strict):
    """Something worth knowing that is no error. `code` is stable and `params` are what the English
    `message` is made of, so that a client can say it in another language."""

    code: str
    message: str
    params: dict[str, str | int] = Field(default={})


class RouteKind(StrEnum):
    """How a service makes a picture of a source: itself, steered by a map of it, or without it."""

    NATIVE = "native"
    CONTROL = "control"
    TEXT = "text"


class Sends(Strict):
    """What leaves for a service for one picture. `bytes` is an upper bound."""

    width: int
    height: int
    bytes: int


class Route(Strict):
    """The way a job takes through a service, and what the user should know of it beforehand."""

    kind: RouteKind
    control: str | None = None  # the type of the map that steers
    code: str  # of the sentence, for clients that say it in another language
    params: dict[str, str]  # what fills it in
    sentence: str
    strength_maps_to: str | None = None  # in words; None where strength has no effect
    sends: Sends
    price: str
    receives: str  # who gets what


class Pass(Strict):
    """One way of the model over a picture: at which size, in how many steps, and in how many tiles,
    1 where it sees all of it at once."""

    width: int
    height: int
    steps: int
    tiles: int = 1


class Button(Strict):
    """What a button that starts the job says: a code, for clients say it in their languages, and
    what fills it in."""

    code: str
    params: dict[str, int] = Field(default={})


class Tokens(Strict):
    """How a model reads a prompt: `tokens` in all. It takes `limit` of them, or so many at a time
    in `chunks`; what it does not read is `unread`."""

    tokens: int
    limit: int
    chunks: int = 1
    unread: str = ""


class Plan(Strict):
    """The answer to a PlanRequest."""

    mode: Mode
    sentence: str  # the job in words, for the button or the status line
    box: Rect  # what to read from the image and send, in canvas px
    generation: SizeOut  # size at which the model works, in its first pass
    passes: list[Pass] = Field(default=[])  # none where nothing is to do, or a service does it
    reach: int = 0  # px beyond the selection that the result changes
    intent: Intent | None = None  # of a job with a selection, as asked or by itself
    filled_by: FilledBy | None = None  # where the surroundings of a selection are to go on
    button: Button
    model: str
    sampler: str
    strength: float
    steps: int  # as asked (or the model's default)
    steps_run: int  # denoising steps that really run at this strength
    guidance: float
    start_noise: float  # noise share 0..1 at the first step: sqrt(1 - alpha_bar), 0 = nothing to do
    seconds: float | None  # estimate; None before the first measured job
    memory_mb: int | None  # estimate of the engine's peak
    loras: list[Lora] = Field(default=[])  # listed and named in the prompt
    warnings: list[str] = Field(default=[])  # the messages of the notices
    notices: list[Notice] = Field(default=[])
    route: Route | None = None  # of a service
    tokens: Tokens | None = None  # of the prompt; None where nobody can tell, or nothing limits it
