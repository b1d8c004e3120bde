"""The job record: the one schema behind HTTP, the command line, GIMP's parasites and the store.

Defaults are left out when a record is written (`JobRequest.compact`), so records stay readable and
comparable. Nothing here knows HTTP, files or torch.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

SAMPLERS = ("Euler", "Euler a", "DPM++ 2M Karras", "DDIM", "UniPC", "LCM")
MAX_PROMPT = 8000  # characters
MAX_LORAS = 16
MAX_SIDE = 65_535  # px
MAX_OBSERVED = 24  # steps shown of a picture
MAX_SEED = 2**53 - 1  # JSON numbers stay exact up to here
BLOB_ID = r"^[0-9a-f]{64}$"
MODEL_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
REMOTE_MODEL = r"^[A-Za-z0-9][A-Za-z0-9 ._/:@+()\[\]-]{0,199}$"  # as services name theirs
STYLE_NAME = r"^[^\x00-\x1f\x7f/\\\s]([^\x00-\x1f\x7f/\\]{0,62}[^\x00-\x1f\x7f/\\\s])?$"
BACKEND_ID = r"^[a-z0-9][a-z0-9-]{0,31}$"
LOCAL = "local"


class Mode(StrEnum):
    """What a job does. `edit` follows an instruction about its source; `outpaint` and `upscale` are
    reserved names of the protocol; `preprocess` draws the map of its one control instead of a
    picture."""

    TXT2IMG = "txt2img"
    IMG2IMG = "img2img"
    INPAINT = "inpaint"
    OUTPAINT = "outpaint"
    UPSCALE = "upscale"
    EDIT = "edit"
    PREPROCESS = "preprocess"


OF_A_SOURCE = (Mode.IMG2IMG, Mode.INPAINT, Mode.EDIT)
FROM_NOISE = (Mode.TXT2IMG, Mode.EDIT)  # always at full strength


class JobStatus(StrEnum):
    """States of a job; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED)


class PixelFormat(StrEnum):
    """Raw pixels, row by row, no padding, little endian; colour is sRGB-encoded, alpha straight."""

    RGBA_U8 = "rgba-u8"
    RGB_U8 = "rgb-u8"
    RGBA_U16 = "rgba-u16"
    RGBA_F32 = "rgba-f32"
    Y_U8 = "y-u8"

    @property
    def bytes_per_pixel(self) -> int:
        return {"rgba-u8": 4, "rgb-u8": 3, "rgba-u16": 8, "rgba-f32": 16, "y-u8": 1}[self.value]


Sampler = Literal["Euler", "Euler a", "DPM++ 2M Karras", "DDIM", "UniPC", "LCM"]
Alpha = Literal["source", "opaque"]
TransparentFill = Literal["surroundings", "white", "black", "gray"]


class Strict(BaseModel):
    """Refuses unknown fields, NaN and infinities: a typing error is an answer, not a surprise."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, use_enum_values=False)


class BlobRef(Strict):
    """A picture sent before with PUT /v1/blobs."""

    blob: Annotated[str, Field(pattern=BLOB_ID)]


class Lora(Strict):
    id: Annotated[str, Field(pattern=MODEL_ID)]
    weight: Annotated[float, Field(ge=-4, le=4)] = 1.0


class Control(Strict):
    type: Annotated[str, Field(min_length=1, max_length=64)]
    image: BlobRef | None = None
    weight: Annotated[float, Field(ge=0, le=2)] = 1.0
    start: Annotated[float, Field(ge=0, le=1)] = 0.0
    end: Annotated[float, Field(ge=0, le=1)] = 1.0
    preprocess: bool = False
    low: Annotated[float, Field(ge=0, le=1000)] = 100.0
    high: Annotated[float, Field(ge=0, le=1000)] = 200.0
    model: Annotated[str, Field(pattern=MODEL_ID)] | None = None


class Reference(Strict):
    """A picture that is read like a part of the prompt, whole or for its style or composition; in
    an edit a further picture that the instruction may speak of."""

    image: BlobRef
    weight: Annotated[float, Field(ge=0, le=2)] = 1.0
    kind: Literal["reference", "style", "composition"] = "reference"
    start: Annotated[float, Field(ge=0, le=1)] = 0.0
    end: Annotated[float, Field(ge=0, le=1)] = 1.0
    model: Annotated[str, Field(pattern=MODEL_ID)] | None = None


class Region(Strict):
    """An area with a prompt of its own. The mask is white there and as large as the job."""

    mask: BlobRef
    prompt: Annotated[str, Field(max_length=MAX_PROMPT)] = ""
    weight: Annotated[float, Field(ge=0, le=1)] = 1.0


class MaskOptions(Strict):
    """Changes of the mask before it is used, in px of the source. All 0: the mask as sent."""

    grow: Annotated[int, Field(ge=-1024, le=1024)] = 0
    feather: Annotated[int, Field(ge=0, le=1024)] = 0
    blend: Annotated[int, Field(ge=0, le=1024)] = 0


class JobRequest(Strict):
    """One job as a client asks for it. Ranges are the protocol's (docs/protocol.md)."""

    mode: Mode = Mode.TXT2IMG
    prompt: Annotated[str, Field(max_length=MAX_PROMPT)] = ""
    negative_prompt: Annotated[str, Field(max_length=MAX_PROMPT)] = ""
    strength: Annotated[float, Field(ge=0, le=1)] | None = None
    steps: Annotated[int, Field(ge=1, le=200)] | None = None
    guidance: Annotated[float, Field(ge=0, le=50)] | None = None
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = None
    count: Annotated[int, Field(ge=1, le=16)] = 1
    width: Annotated[int, Field(ge=1, le=MAX_SIDE)] | None = None
    height: Annotated[int, Field(ge=1, le=MAX_SIDE)] | None = None
    source: BlobRef | None = None
    mask: BlobRef | None = None
    model: Annotated[str, Field(pattern=REMOTE_MODEL)] | None = None
    vae: Annotated[str, Field(pattern=MODEL_ID)] | None = None
    sampler: Sampler | None = None
    style: Annotated[str, Field(pattern=STYLE_NAME)] | None = None
    loras: Annotated[list[Lora], Field(max_length=MAX_LORAS)] = []
    controls: Annotated[list[Control], Field(max_length=8)] = []
    references: Annotated[list[Reference], Field(max_length=4)] = []
    regions: Annotated[list[Region], Field(max_length=8)] = []
    mask_options: MaskOptions = MaskOptions()
    composite: bool = True
    color_match: bool | None = None
    drift_correction: bool = True
    alpha: Alpha | None = None
    transparent_fill: TransparentFill = "surroundings"
    observe: bool = False
    observe_steps: Annotated[
        list[Annotated[int, Field(ge=1, le=200)]], Field(max_length=MAX_OBSERVED)
    ] = []
    preview: bool = True
    backend: Annotated[str, Field(pattern=BACKEND_ID)] | None = None
    interactive: bool = False
    client: Annotated[str, Field(max_length=64)] = ""

    @field_validator("backend")
    @classmethod
    def _local_is_nothing_special(cls, value: str | None) -> str | None:
        return _service(value)

    @field_validator("prompt", "negative_prompt", "client")
    @classmethod
    def _no_control_characters(cls, value: str) -> str:
        if "\x00" in value:
            raise ValueError("must not contain NUL characters")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> JobRequest:
        if self.mode in OF_A_SOURCE and self.source is None:
            raise ValueError(f"mode {self.mode} needs a source picture")
        if self.mode is Mode.INPAINT and self.mask is None:
            raise ValueError("mode inpaint needs a mask")
        if self.mode is Mode.TXT2IMG and (self.source or self.mask):
            raise ValueError("mode txt2img takes neither source nor mask; use img2img or inpaint")
        if self.mode is Mode.IMG2IMG and self.mask:
            raise ValueError("mode img2img takes no mask; use inpaint")
        if self.mode in OF_A_SOURCE and (self.width or self.height):
            raise ValueError(f"mode {self.mode} has its source's size; leave out width and height")
        if self.mode is Mode.EDIT and not self.prompt.strip():
            raise ValueError("mode edit needs a prompt that says what to change")
        if self.mode is Mode.PREPROCESS:
            _check_preprocess(self)
        _check_model(self.model, self.backend)
        return self

    def pictures(self) -> list[BlobRef]:
        """Every picture that the job brings."""
        found = (
            *(self.source, self.mask),
            *(control.image for control in self.controls),
            *(reference.image for reference in self.references),
            *(region.mask for region in self.regions),
        )
        return [picture for picture in found if picture]

    def compact(self) -> dict[str, Any]:
        """The request as JSON without defaults: what is stored and put into layer metadata."""
        return self.model_dump(mode="json", exclude_defaults=True) | {"mode": self.mode.value}


def _service(backend: str | None) -> str | None:
    """None for this machine, however it is said."""
    return None if backend == LOCAL else backend


def _check_model(model: str | None, backend: str | None) -> None:
    """The names of services' models are theirs; those of models on this machine are ids."""
    if model and backend is None and not re.fullmatch(MODEL_ID, model):
        raise ValueError("model is not the id of a model on this machine")


def _check_preprocess(request: JobRequest) -> None:
    if request.source is None or len(request.controls) != 1:
        raise ValueError("mode preprocess takes a source and one control")
    if request.mask or request.controls[0].image:
        raise ValueError("mode preprocess takes no picture but its source")
    if request.count != 1 or request.width or request.height:
        raise ValueError("mode preprocess makes one map of its source's size")


class Rect(Strict):
    """A rectangle of the canvas in px; x and y may be negative (layers reach off-canvas)."""

    x: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    y: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    width: Annotated[int, Field(ge=1, le=1_000_000)]
    height: Annotated[int, Field(ge=1, le=1_000_000)]


class PlanRequest(Strict):
    """Geometry only, no pixels: what would be sent and computed for a job. The words count as far
    as they name LoRAs."""

    mode: Mode
    prompt: Annotated[str, Field(max_length=MAX_PROMPT)] = ""
    canvas: Rect | None = None
    source: Rect | None = None
    selection: Rect | None = None
    strength: Annotated[float, Field(ge=0, le=1)] | None = None
    steps: Annotated[int, Field(ge=1, le=200)] | None = None
    guidance: Annotated[float, Field(ge=0, le=50)] | None = None
    sampler: Sampler | None = None
    model: Annotated[str, Field(pattern=REMOTE_MODEL)] | None = None
    width: Annotated[int, Field(ge=1, le=MAX_SIDE)] | None = None
    height: Annotated[int, Field(ge=1, le=MAX_SIDE)] | None = None
    count: Annotated[int, Field(ge=1, le=16)] = 1
    mask_options: MaskOptions = MaskOptions()
    style: Annotated[str, Field(pattern=STYLE_NAME)] | None = None
    loras: Annotated[list[Lora], Field(max_length=MAX_LORAS)] = []
    controls: Annotated[list[Control], Field(max_length=8)] = []
    backend: Annotated[str, Field(pattern=BACKEND_ID)] | None = None

    @field_validator("backend")
    @classmethod
    def _local_is_nothing_special(cls, value: str | None) -> str | None:
        return _service(value)

    @model_validator(mode="after")
    def _fits_together(self) -> PlanRequest:
        _check_model(self.model, self.backend)
        return self


class SizeOut(Strict):
    width: int
    height: int


class Notice(Strict):
    """Something worth knowing that is no error. `code` is stable and `params` are what the English
    `message` is made of, so that a client can say it in another language."""

    code: str
    message: str
    params: dict[str, str | int] = {}


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


class Plan(Strict):
    """The answer to a PlanRequest."""

    mode: Mode
    sentence: str  # the job in words, for the button or the status line
    box: Rect  # what to read from the image and send, in canvas px
    generation: SizeOut  # size at which the model works
    model: str
    sampler: str
    strength: float
    steps: int  # as asked (or the model's default)
    steps_run: int  # denoising steps that really run at this strength
    guidance: float
    start_noise: float  # noise share 0..1 at the first step: sqrt(1 - alpha_bar), 0 = nothing to do
    seconds: float | None  # estimate; None before the first measured job
    memory_mb: int | None  # estimate of the engine's peak
    loras: list[Lora] = []  # listed and named in the prompt
    warnings: list[str] = []  # the messages of the notices
    notices: list[Notice] = []
    route: Route | None = None  # of a service
