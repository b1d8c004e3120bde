"""The protocol (docs/protocol.md) as plain data: pixels, boxes, plan and job bodies. Standard
library only; tests/contract holds it together with the server's models."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from functools import cached_property
from typing import (
    TYPE_CHECKING,
    Any,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
)

import choices
import options

if TYPE_CHECKING:
    from answers import Asked, Control, Expand, JobRequest, Plan, PlanRequest, Rect
    from option_values import Values
    from options import ControlValues
    from records import Guides, NewSize

TXT2IMG, IMG2IMG, INPAINT, EDIT = "txt2img", "img2img", "inpaint", "edit"
PREPROCESS, OUTPAINT, UPSCALE = "preprocess", "outpaint", "upscale"
SELECT, HARMONIZE = "select", "harmonize"
PLAIN = "plain"  # the upscaler that is arithmetic alone
SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"
FINAL = (SUCCEEDED, FAILED, CANCELLED)

BYTES_PER_PIXEL = {"rgba-u8": 4, "rgb-u8": 3, "rgba-u16": 8, "rgba-f32": 16, "y-u8": 1}
RAW_TYPE = "application/x-pixels"
MAX_COUNT = 16
LEAST_SIDE = 512  # px of a new picture for which nobody has said a size


class Box(NamedTuple):
    """A rectangle of the canvas in px; x and y may be negative."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def from_rect(cls, rect: Rect) -> Box:
        return cls(rect["x"], rect["y"], rect["width"], rect["height"])

    def rect(self) -> Rect:
        return {"x": self.x, "y": self.y, "width": self.width, "height": self.height}

    def meets(self, other: Box) -> bool:
        """Whether the two have a pixel in common."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )

    def joined(self, other: Box) -> Box:
        """The smallest box that holds both."""
        left, top = min(self.x, other.x), min(self.y, other.y)
        right = max(self.x + self.width, other.x + other.width)
        bottom = max(self.y + self.height, other.y + other.height)
        return Box(left, top, right - left, bottom - top)


class Sides(NamedTuple):
    """px that a canvas grows by."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def of(cls, grown: Optional[Expand]) -> Sides:
        """Of a recorded request, which leaves out sides that stay."""
        told: Expand = grown or {}
        return cls(
            told.get("left", 0), told.get("top", 0), told.get("right", 0), told.get("bottom", 0)
        )

    def expand(self) -> Expand:
        return {"left": self.left, "top": self.top, "right": self.right, "bottom": self.bottom}

    def around(self, box: Box) -> Tuple[int, int]:
        """Width and height of a canvas of the size of `box` then."""
        return box.width + self.left + self.right, box.height + self.top + self.bottom


@dataclass(frozen=True)
class Sent:
    """A picture that the server has; its bytes need not be kept here."""

    blob_id: str
    width: int
    height: int


Raw = Union[bytes, bytearray]
Body = TypeVar("Body", bound=Mapping[str, Any])


@dataclass(frozen=True)
class Pixels:
    """Raw pixels in one of the protocol's formats, row by row, no padding."""

    format: str
    width: int
    height: int
    data: Raw

    @property
    def content_type(self) -> str:
        return f"{RAW_TYPE}; format={self.format}; width={self.width}; height={self.height}"

    @cached_property
    def blob_id(self) -> str:
        digest = hashlib.sha256(f"{self.format};{self.width};{self.height};".encode())
        digest.update(self.data)
        return digest.hexdigest()

    @property
    def sent(self) -> Sent:
        """What is left to know of it when the server has it."""
        return Sent(self.blob_id, self.width, self.height)

    @classmethod
    def from_answer(cls, content_type: str, data: Raw) -> Pixels:
        """Raises ValueError where the answer is not what its header says."""
        kind, *parameters = [part.strip() for part in content_type.split(";")]
        fields = dict(part.split("=", 1) for part in parameters if "=" in part)
        pixels_format = fields.get("format", "")
        if kind != RAW_TYPE or pixels_format not in BYTES_PER_PIXEL:
            raise ValueError(f"unknown kind of picture: {content_type}")
        width, height = int(fields.get("width", "0")), int(fields.get("height", "0"))
        expected = width * height * BYTES_PER_PIXEL[pixels_format]
        if expected == 0 or len(data) != expected:
            raise ValueError(f"{len(data)} bytes instead of {expected} for {content_type}")
        return cls(pixels_format, width, height, data)


@dataclass(frozen=True)
class Stored:
    """A drawable's own numbers, converted in no way; `encoding` is GEGL's name for their layout."""

    encoding: str
    width: int
    height: int
    data: Raw


def new_seed() -> int:
    """A random seed small enough for the seed option, also for the last of several pictures."""
    return random.SystemRandom().randrange(2**32 - MAX_COUNT)


def seed_of(values: Values) -> int:
    return new_seed() if values["random-seed"] else int(values["seed"])


def given(body: Body) -> Body:
    """Leaves out what is None or empty: the server's default counts there."""
    given: Any = {name: value for name, value in body.items() if value not in (None, "", {}, [])}
    return given


def _sampling(values: Values) -> Asked:
    return {
        "style": values.get("style", "").strip(),
        "steps": options.steps_of(values),
        "guidance": values["guidance"] or None,
        "sampler": options.sampler_of(values),
        "model": values["model"].strip(),
        "backend": options.service_of(values),
        "count": int(values["count"]),
        "width": int(values.get("width", 0)) or None,
        "height": int(values.get("height", 0)) or None,
        "strength": options.strength_of(values) if "strength" in values else None,
        "mask_options": options.mask_options_of(values),
        "intent": options.intent_of(values),
        "filled_by": options.filled_by_of(values),
    }


def plan_request(
    mode: str,
    values: Values,
    canvas: Optional[Box] = None,
    source: Optional[Box] = None,
    selection: Optional[Box] = None,
    layer: Optional[Box] = None,
) -> PlanRequest:
    """The body of POST /v1/plan: no pixels. `layer` is what can be asked for as context. What
    steers matters to the way through a service; LoRAs, listed or named in the prompt, can bring
    steps and guidance of their own."""
    request: PlanRequest = {
        "mode": mode,
        **_sampling(values),
        "canvas": canvas.rect() if canvas else None,
        "source": source.rect() if source else None,
        "selection": selection.rect() if selection else None,
    }
    if options.service_of(values):
        request["controls"] = _controls(values, _planned(values))
    else:
        request["prompt"], request["loras"] = values["prompt"], options.loras_of(values)
    if "context" in values:
        request["context"] = _context(values, layer)
    return given(request)


def _context(values: Values, layer: Optional[Box]) -> Union[str, Rect]:
    """How much around a selection is read, in the protocol's words."""
    kind = values["context"]
    if kind == choices.LAYER_BOUNDS:
        return layer.rect() if layer else "auto"
    return str(next(choice.value for choice in choices.CONTEXTS if choice.nick == kind))


def least_size(plan: Plan, asked_width: int, asked_height: int) -> NewSize:
    """`width` and `height` where the model by itself would paint a new picture too small
    to be of use (a plan without a size); empty where it would not, or where a size is given."""
    width, height = plan["box"]["width"], plan["box"]["height"]
    if asked_width or asked_height or min(width, height) >= LEAST_SIDE:
        return {}
    factor = -(-LEAST_SIDE // min(width, height))
    return {"width": width * factor, "height": height * factor}


def _planned(values: Values) -> List[Optional[Sent]]:
    """Stands for the control layers' pictures, which are sent with the job only."""
    return [
        Sent("0" * 64, 0, 0) if control.layer is not None else None
        for control in options.controls_of(values)
    ]


def job_request(
    mode: str,
    values: Values,
    seed: int,
    source: Optional[Sent] = None,
    mask: Optional[Sent] = None,
    controls: Sequence[Optional[Sent]] = (),
    guides: Optional[Guides] = None,
) -> JobRequest:
    """The body of POST /v1/jobs. `controls` are the pictures that steer, one for each control that
    is used, None where the source itself does; left out they are all None. `guides` are the fields
    `references` and `regions`."""
    request: JobRequest = {
        "mode": mode,
        **_sampling(values),
        "prompt": values["prompt"],
        "negative_prompt": values.get("negative-prompt", ""),
        "loras": options.loras_of(values),
        "controls": _controls(values, controls),
        "vae": values.get("vae", "").strip(),
        "seed": seed,
    }
    if options.observed(values):
        request["observe"] = True
    if source:
        request.update(_appearance(mode, values))
    if guides:
        request.update(guides)
    return with_pixels(request, source, mask)


def _controls(values: Values, pictures: Sequence[Optional[Sent]]) -> List[Control]:
    used = options.controls_of(values)
    return [
        _control(control, picture)
        for control, picture in zip(used, [*pictures, *[None] * len(used)])
    ]


def _control(control: ControlValues, picture: Optional[Sent]) -> Control:
    """Without a picture of its own a control is drawn from the source."""
    is_map = control.is_map or control.kind not in choices.DRAWN_CONTROLS
    found: Control = {"type": control.kind, "weight": control.weight}
    if picture:
        found["image"] = {"blob": picture.blob_id}
        if not is_map:
            found["preprocess"] = True
    if control.start is not None and control.end is not None:
        found["start"], found["end"] = control.start, control.end
    if control.kind == choices.THRESHOLDS and control.low is not None and control.high is not None:
        found["low"], found["high"] = control.low, control.high
    return found


def map_request(values: Values, source: Sent) -> JobRequest:
    """The body of POST /v1/jobs for a control map of the source."""
    control: Control = {
        "type": values["map"],
        "low": float(values["low"]),
        "high": float(values["high"]),
    }
    return with_pixels({"mode": PREPROCESS, "controls": [control]}, source, None)


def upscale_plan(values: Values, source: Box) -> PlanRequest:
    """The body of POST /v1/plan for an enlargement."""
    request: PlanRequest = {"mode": UPSCALE, "source": source.rect(), **_enlargement(values)}
    return given(request)


def upscale_request(values: Values, source: Sent) -> JobRequest:
    """The body of POST /v1/jobs for an enlargement."""
    return with_pixels({"mode": UPSCALE, **_enlargement(values)}, source, None)


def _enlargement(values: Values) -> Asked:
    asked: Asked = {"scale": float(values["scale"]), "upscaler": values["upscaler"].strip()}
    if values["detail"]:
        asked["detail"] = float(values["detail"])
        asked["faithfulness"] = float(values["faithfulness"])
        asked["prompt"], asked["model"] = values["prompt"], values["model"].strip()
    return asked


def expand_plan(values: Values, canvas: Box, sides: Sides) -> PlanRequest:
    """The body of POST /v1/plan for a canvas that grows."""
    request: PlanRequest = {
        "mode": OUTPAINT,
        **_sampling(values),
        "canvas": canvas.rect(),
        "expand": sides.expand(),
    }
    if not options.service_of(values):
        request["prompt"] = values["prompt"]
    return given(request)


def expand_request(values: Values, seed: int, source: Sent, sides: Sides) -> JobRequest:
    """The body of POST /v1/jobs for a canvas that grows."""
    request: JobRequest = {
        "mode": OUTPAINT,
        **_sampling(values),
        "prompt": values["prompt"],
        "negative_prompt": values["negative-prompt"],
        "expand": sides.expand(),
        "seed": seed,
    }
    return with_pixels(request, source, None)


def select_request(
    hints: JobRequest, source: Sent, cut_out: bool = False, rough: Optional[Sent] = None
) -> JobRequest:
    """The body of POST /v1/jobs for the mask of an object, and with `cut_out` for the object in its
    own colours as a second picture. `hints` are `points` and `box`, in px of the source; `rough` is
    a selection of the object whose edge is looked for."""
    request: JobRequest = {**hints, "mode": SELECT}
    if cut_out:
        request["cut_out"] = True
    return with_pixels(request, source, rough)


def harmony_request(source: Sent, mask: Sent, target: Optional[Sent] = None) -> JobRequest:
    """The body of POST /v1/jobs for the layers that fit an object, which `mask` is white on, to the
    rest of the source, as computed or as the target shows it."""
    request: JobRequest = {"mode": HARMONIZE}
    if target:
        request["target"] = {"blob": target.blob_id}
    return with_pixels(request, source, mask)


def _appearance(mode: str, values: Values) -> JobRequest:
    """How the result fits to its source."""
    return {
        "color_match": bool(values["color-match"]) if mode == INPAINT else None,
        "alpha": options.alpha_of(values),
        "transparent_fill": values.get("transparent-fill", ""),
    }


def located(request: JobRequest, image: str, box: Box) -> JobRequest:
    """With what finds the job again: the name of the image that it is for, and where in it the
    result lies."""
    placed: JobRequest = {**request, "image": image, "place": box.rect()}
    return given(placed)


def with_pixels(request: JobRequest, source: Optional[Sent], mask: Optional[Sent]) -> JobRequest:
    """Adds the pictures, and that this client waits for the result and masks it itself."""
    found = given(request)
    if source:
        found["source"] = {"blob": source.blob_id}
    if mask:
        found["mask"], found["composite"] = {"blob": mask.blob_id}, False
    found["interactive"], found["client"] = True, "gimp"
    found["preview"] = False  # nothing here shows one
    return found
