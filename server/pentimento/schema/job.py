"""The job record: the one schema behind HTTP, the command line, GIMP's parasites and the store.

Defaults are left out when a record is written (`JobRequest.compact`), so records stay readable and
comparable. Nothing here knows HTTP, files or torch.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, field_validator, model_validator

from pentimento.core.settings import MAX_SIDE
from pentimento.schema.vocabulary import SAMPLERS as SAMPLERS
from pentimento.schema.vocabulary import Sampler

MAX_PROMPT = 8000  # characters
MAX_COUNT = 16  # pictures of a job
MAX_LORAS = 16
MAX_POINTS = 256
GRABCUT = "grabcut"  # the model of the mode select that is none: arithmetic
MAX_OBSERVED = 24  # steps shown of a picture
MAX_SCALE = 8.0  # times that a picture is enlarged
AUTO, PLAIN = "auto", "plain"  # upscalers: the best one installed, and arithmetic alone
MAX_SEED = 2**53 - 1  # JSON numbers stay exact up to here
BLOB_ID = r"^[0-9a-f]{64}$"
MODEL_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
REMOTE_MODEL = r"^[A-Za-z0-9][A-Za-z0-9 ._/:@+()\[\]-]{0,199}$"  # as services name theirs
STYLE_NAME = r"^[^\x00-\x1f\x7f/\\\s]([^\x00-\x1f\x7f/\\]{0,62}[^\x00-\x1f\x7f/\\\s])?$"
BACKEND_ID = r"^[a-z0-9][a-z0-9-]{0,31}$"
IMAGE_ID = r"^[A-Za-z0-9._-]{0,64}$"
LOCAL = "local"


MadeOf = Annotated[str, Field(max_length=300)]  # kind and id: `lora/ink`
Fingerprint = Annotated[str, Field(pattern=r"^\d{1,20}-[0-9a-f]{32}$")]


class Mode(StrEnum):
    """What a job does. `edit` follows an instruction about its source; `outpaint` continues it
    beyond its borders, `upscale` enlarges it; `preprocess` draws the map of its one control instead
    of a picture, `select` the soft mask of an object in its source; `harmonize` makes the layers
    that fit a pasted object to what is around it."""

    TXT2IMG = "txt2img"
    IMG2IMG = "img2img"
    INPAINT = "inpaint"
    OUTPAINT = "outpaint"
    UPSCALE = "upscale"
    EDIT = "edit"
    PREPROCESS = "preprocess"
    SELECT = "select"
    HARMONIZE = "harmonize"


OF_A_SOURCE = (Mode.IMG2IMG, Mode.INPAINT, Mode.EDIT, Mode.UPSCALE, Mode.OUTPAINT)
# No picture is made, and no model paints.
OF_A_SOURCE_ALONE = (Mode.PREPROCESS, Mode.SELECT, Mode.HARMONIZE)
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


# A model's own default comes as text, which is as good as the member of its name.
AnySampler = Annotated[Sampler, PlainSerializer(str, return_type=str)]
Scale = Annotated[float, Field(ge=1, le=MAX_SCALE)]
Alpha = Literal["source", "opaque"]
TransparentFill = Literal["surroundings", "white", "black", "gray"]


class Strict(BaseModel):
    """Refuses unknown fields, NaN and infinities: a typing error is an answer, not a surprise."""

    model_config = ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        use_enum_values=False,
        defer_build=True,  # checks are compiled at their first use, not at the start
    )


class BlobRef(Strict):
    """A picture sent before with PUT /v1/blobs."""

    blob: Annotated[str, Field(pattern=BLOB_ID)]


class Lora(Strict):
    """Without a weight it has the one that it was made for, which is set at admission."""

    id: Annotated[str, Field(pattern=MODEL_ID)]
    weight: Annotated[float, Field(ge=-4, le=4)] | None = None

    @property
    def set_weight(self) -> float:
        return 1.0 if self.weight is None else self.weight


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
    """Changes of the mask before it is used, in px of the source. All 0: the mask as sent. `auto`:
    grow and feather are chosen by the selection's size and the strength, whatever they say."""

    grow: Annotated[int, Field(ge=-1024, le=1024)] = 0
    feather: Annotated[int, Field(ge=0, le=1024)] = 0
    blend: Annotated[int, Field(ge=0, le=1024)] = 0
    auto: bool = False


class Context(StrEnum):
    """How much of its surroundings a selection is painted with; `whole` is all of the picture."""

    AUTO = "auto"
    TIGHT = "tight"
    WIDE = "wide"
    WHOLE = "whole"


class Intent(StrEnum):
    """What a job with a selection is for. `expand` continues the picture over its border."""

    FILL = "fill"
    REMOVE = "remove"
    ADD = "add"
    REPLACE_BACKGROUND = "replace_background"
    REFINE = "refine"
    EXPAND = "expand"

    def under(self, *, worded: bool) -> str | None:
        """What a selection that is filled anew begins with, of `imaging.prefill.WAYS`; None: with
        nothing of the picture. Where words say what is to come, only colours go on."""
        return {
            Intent.FILL: "border" if worded else "copied",
            Intent.REMOVE: "copied",
            Intent.EXPAND: "border",
            Intent.REPLACE_BACKGROUND: "ring",
        }.get(self)


NONE = "none"  # in place of the IP-Adapter that would be chosen
AUTOMATIC = "auto"  # the intent is chosen by `jobs.plan` and written into the record
AskedIntent = Intent | Literal["auto"]


class FilledBy(StrEnum):
    """What a selection that goes on as its surroundings do is filled by: a model, or their own
    pixels, which are copied. `auto` is decided at admission."""

    AUTO = "auto"
    MODEL = "model"
    SURROUNDINGS = "surroundings"


def begins_with(
    mode: Mode, strength: float, intent: AskedIntent | None, prompt: str = ""
) -> str | None:
    """What lies under a selection where a job that says what it is for begins; None where it begins
    with the source or with noise alone."""
    new = mode is Mode.INPAINT and strength >= 1
    worded = bool(prompt.strip())
    return intent.under(worded=worded) if new and isinstance(intent, Intent) else None


class Point(Strict):
    """A click at a place of the source, in px: `label` 1 on the object, 0 beside it."""

    x: Annotated[float, Field(ge=0, le=MAX_SIDE)]
    y: Annotated[float, Field(ge=0, le=MAX_SIDE)]
    label: Literal[0, 1] = 1


class Expand(Strict):
    """px of its source that a canvas grows by on each side."""

    left: Annotated[int, Field(ge=0, le=MAX_SIDE)] = 0
    top: Annotated[int, Field(ge=0, le=MAX_SIDE)] = 0
    right: Annotated[int, Field(ge=0, le=MAX_SIDE)] = 0
    bottom: Annotated[int, Field(ge=0, le=MAX_SIDE)] = 0


class Rect(Strict):
    """A rectangle of the canvas in px; x and y may be negative (layers reach off-canvas)."""

    x: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    y: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    width: Annotated[int, Field(ge=1, le=1_000_000)]
    height: Annotated[int, Field(ge=1, le=1_000_000)]


class Asked(Strict):
    """What a job and the plan of one are asked for with, in the same words. Ranges are the
    protocol's (docs/protocol.md)."""

    prompt: Annotated[str, Field(max_length=MAX_PROMPT)] = ""
    strength: Annotated[float, Field(ge=0, le=1)] | None = None
    steps: Annotated[int, Field(ge=1, le=200)] | None = None
    guidance: Annotated[float, Field(ge=0, le=50)] | None = None
    count: Annotated[int, Field(ge=1, le=MAX_COUNT)] = 1
    width: Annotated[int, Field(ge=1, le=MAX_SIDE)] | None = None
    height: Annotated[int, Field(ge=1, le=MAX_SIDE)] | None = None
    model: Annotated[str, Field(pattern=REMOTE_MODEL)] | None = None
    sampler: AnySampler | None = None
    style: Annotated[str, Field(pattern=STYLE_NAME)] | None = None
    loras: Annotated[list[Lora], Field(max_length=MAX_LORAS)] = []
    controls: Annotated[list[Control], Field(max_length=8)] = []
    expand: Expand | None = None
    scale: Scale | None = None
    upscaler: Annotated[str, Field(pattern=MODEL_ID)] = AUTO
    detail: Annotated[float, Field(ge=0, le=1)] = 0.0
    faithfulness: Annotated[float, Field(ge=0, le=1)] = 0.5
    mask_options: MaskOptions = MaskOptions()
    context: Context | Rect = Context.AUTO
    intent: AskedIntent | None = None
    filled_by: FilledBy | None = None
    second_pass: bool = True
    backend: Annotated[str, Field(pattern=BACKEND_ID)] | None = None

    @field_validator("backend")
    @classmethod
    def _local_is_nothing_special(cls, value: str | None) -> str | None:
        """None for this machine, however it is said."""
        return None if value == LOCAL else value


class JobRequest(Asked):
    """One job as a client asks for it."""

    mode: Mode = Mode.TXT2IMG
    negative_prompt: Annotated[str, Field(max_length=MAX_PROMPT)] = ""
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = None
    source: BlobRef | None = None
    mask: BlobRef | None = None
    vae: Annotated[str, Field(pattern=MODEL_ID)] | None = None
    references: Annotated[list[Reference], Field(max_length=4)] = []
    surroundings: Annotated[str, Field(pattern=MODEL_ID)] | None = None  # an IP-Adapter, or NONE
    regions: Annotated[list[Region], Field(max_length=8)] = []
    points: Annotated[list[Point], Field(max_length=MAX_POINTS)] = []
    box: Rect | None = None
    text: Annotated[str, Field(max_length=MAX_PROMPT)] = ""
    cut_out: bool = False
    target: BlobRef | None = None
    only_changes: bool = False
    composite: bool = True
    color_match: bool | None = None
    drift_correction: bool = True
    detail_correction: bool = True
    grain_match: bool = False
    alpha: Alpha | None = None
    transparent_fill: TransparentFill = "surroundings"
    observe: bool = False
    observe_steps: Annotated[
        list[Annotated[int, Field(ge=1, le=200)]], Field(max_length=MAX_OBSERVED)
    ] = []
    preview: bool = True
    stopped_at: Annotated[int, Field(ge=1, le=1_000_000)] | None = None  # of the last picture
    interactive: bool = False
    client: Annotated[str, Field(max_length=64)] = ""
    image: Annotated[str, Field(pattern=IMAGE_ID)] = ""  # the client's own, that the job is for
    place: Rect | None = None  # the client's own: where in its image the result lies
    made_with: Annotated[dict[MadeOf, Fingerprint], Field(max_length=64)] = {}

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
        if self.only_changes and (self.mode is not Mode.EDIT or self.mask):
            raise ValueError("only_changes belongs to the mode edit without a mask")
        if self.mode is Mode.EDIT and not self.prompt.strip():
            raise ValueError("mode edit needs a prompt that says what to change")
        if self.seed is not None and self.seed + self.count - 1 > MAX_SEED:
            raise ValueError(
                f"the seeds of {self.count} pictures, each one more than the one before, would go "
                f"beyond {MAX_SEED}; choose a smaller seed"
            )
        if self.mode is Mode.PREPROCESS:
            _check_preprocess(self)
        _check_select(self)
        _check_harmonize(self)
        _check_upscale(self)
        _check_expand(self)
        check_model(self.model, self.backend)
        return self

    def pictures(self) -> list[BlobRef]:
        """Every picture that the job brings."""
        found = (
            *(self.source, self.mask, self.target),
            *(control.image for control in self.controls),
            *(reference.image for reference in self.references),
            *(region.mask for region in self.regions),
        )
        return [picture for picture in found if picture]

    def compact(self) -> dict[str, Any]:
        """The request as JSON without defaults: what is stored and put into layer metadata."""
        return self.model_dump(mode="json", exclude_defaults=True) | {"mode": self.mode.value}

    def recorded(self) -> dict[str, Any]:
        """The same with everything that decides the picture written out."""
        names = ("strength", "steps", "guidance", "seed", "model", "sampler", "width", "height")
        decided = {name: getattr(self, name) for name in names}
        return self.compact() | {name: v for name, v in decided.items() if v is not None}


def check_model(model: str | None, backend: str | None) -> None:
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


def _check_select(request: JobRequest) -> None:
    hints = bool(request.points or request.box or request.text.strip() or request.cut_out)
    if request.mode is not Mode.SELECT:
        if hints:
            raise ValueError("points, box, text and cut_out belong to the mode select")
        return
    if request.source is None:
        raise ValueError("mode select needs a source picture")
    if request.controls or request.references or request.regions:
        raise ValueError("mode select takes no picture but its source and a rough mask of it")
    if request.mask and request.box:
        raise ValueError("mode select takes a mask or a box, not both")
    if request.count != 1 or request.width or request.height:
        raise ValueError("mode select makes one mask of its source's size")


def _check_harmonize(request: JobRequest) -> None:
    if request.mode is not Mode.HARMONIZE:
        if request.target is not None:
            raise ValueError("target belongs to the mode harmonize")
        return
    if request.source is None or request.mask is None:
        raise ValueError("mode harmonize needs a source picture and the mask of its object")
    if request.controls or request.references or request.regions:
        raise ValueError("mode harmonize takes no picture but its source, mask and target")
    if request.count != 1 or request.width or request.height:
        raise ValueError("mode harmonize makes the layers of one picture at its source's size")


def _check_upscale(request: JobRequest) -> None:
    if request.mode is not Mode.UPSCALE:
        if request.scale is not None or request.detail or request.upscaler != AUTO:
            raise ValueError("scale, upscaler and detail belong to the mode upscale")
        return
    if request.mask:
        raise ValueError("mode upscale takes no mask: it enlarges all of its source")
    if not request.detail and (request.controls or request.references or request.regions):
        raise ValueError("without detail, mode upscale takes no picture but its source")
    if request.count != 1:
        raise ValueError("mode upscale makes one picture")
    if request.observe:
        raise ValueError("mode upscale cannot be observed")


def _check_expand(request: JobRequest) -> None:
    if request.mode is not Mode.OUTPAINT:
        if request.expand is not None:
            raise ValueError("expand belongs to the mode outpaint")
        return
    if request.expand is None or request.expand == Expand():
        raise ValueError("mode outpaint needs expand: how many px a side grows by")
    if request.mask or request.controls or request.regions:
        raise ValueError("mode outpaint takes no mask, controls or regions")
    if request.observe:
        raise ValueError("mode outpaint cannot be observed")
    if request.strength == 0:
        raise ValueError("mode outpaint needs a strength above 0")


class EngineStart(Strict):
    """`model`: whose weights are to be read in advance; none if it is left out."""

    model: Annotated[str, Field(pattern=MODEL_ID)] | None = None


class LentPicture(Strict):
    """Raw pixels that are to come, `width` and `height` px."""

    format: PixelFormat
    width: Annotated[int, Field(ge=1, le=9_999_999)]
    height: Annotated[int, Field(ge=1, le=9_999_999)]
