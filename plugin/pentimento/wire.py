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
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import choices
import options

if TYPE_CHECKING:
    from answers import Plan, Rect

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
    def from_rect(cls, rect: Mapping[str, Any]) -> Box:
        return cls(rect["x"], rect["y"], rect["width"], rect["height"])

    def rect(self) -> Rect:
        fields: Any = self._asdict()
        return fields

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


def seed_of(values: Dict[str, Any]) -> int:
    return new_seed() if values["random-seed"] else int(values["seed"])


def _given(**fields: Any) -> Dict[str, Any]:
    """Leaves out what is None or empty: the server's default counts there."""
    return {name: value for name, value in fields.items() if value not in (None, "", {}, [])}


def _sampling(values: Dict[str, Any]) -> Dict[str, Any]:
    return _given(
        style=values.get("style", "").strip(),
        steps=options.steps_of(values),
        guidance=values["guidance"] or None,
        sampler=options.sampler_of(values),
        model=values["model"].strip(),
        backend=options.service_of(values),
        count=int(values["count"]),
        width=int(values.get("width", 0)) or None,
        height=int(values.get("height", 0)) or None,
        strength=options.strength_of(values) if "strength" in values else None,
        mask_options=options.mask_options_of(values),
        intent=options.intent_of(values),
    )


def plan_request(
    mode: str,
    values: Dict[str, Any],
    canvas: Optional[Box] = None,
    source: Optional[Box] = None,
    selection: Optional[Box] = None,
    layer: Optional[Box] = None,
) -> Dict[str, Any]:
    """The body of POST /v1/plan: no pixels. `layer` is what can be asked for as context. What
    steers matters to the way through a service; LoRAs, listed or named in the prompt, can bring
    steps and guidance of their own."""
    boxes = {"canvas": canvas, "source": source, "selection": selection}
    rects = {name: box.rect() for name, box in boxes.items() if box is not None}
    if options.service_of(values):
        steering = _given(controls=_controls(values, _planned(values)))
    else:
        steering = _given(prompt=values["prompt"], loras=options.loras_of(values))
    seen = {"context": _context(values, layer)} if "context" in values else {}
    return {"mode": mode, **_sampling(values), **steering, **rects, **seen}


def _context(values: Dict[str, Any], layer: Optional[Box]) -> Any:
    """How much around a selection is read, in the protocol's words."""
    kind = values["context"]
    if kind == choices.LAYER_BOUNDS:
        return layer.rect() if layer else "auto"
    return next(choice.value for choice in choices.CONTEXTS if choice.nick == kind)


def least_size(plan: Plan, values: Dict[str, Any]) -> Dict[str, int]:
    """Values for `width` and `height` where the model by itself would paint a new picture too small
    to be of use (a plan without a size); empty where it would not, or where a size is given."""
    width, height = plan["box"]["width"], plan["box"]["height"]
    if values["width"] or values["height"] or min(width, height) >= LEAST_SIDE:
        return {}
    factor = -(-LEAST_SIDE // min(width, height))
    return {"width": width * factor, "height": height * factor}


def _planned(values: Dict[str, Any]) -> List[Optional[Sent]]:
    """Stands for the control layers' pictures, which are sent with the job only."""
    return [
        Sent("0" * 64, 0, 0) if values[name + "-layer"] is not None else None
        for name in controls_used(values)
    ]


def job_request(
    mode: str,
    values: Dict[str, Any],
    seed: int,
    source: Optional[Sent] = None,
    mask: Optional[Sent] = None,
    controls: Sequence[Optional[Sent]] = (),
    guides: Optional[Dict[str, Any]] = None,
) -> Dict[str, Any]:
    """The body of POST /v1/jobs. `controls` are the pictures that steer, one for each control that
    is used, None where the source itself does; left out they are all None. `guides` are the fields
    `references` and `regions`."""
    request = {
        "mode": mode,
        **_given(prompt=values["prompt"], negative_prompt=values.get("negative-prompt")),
        **_sampling(values),
        **(_appearance(mode, values) if source else {}),
        **_given(loras=options.loras_of(values), controls=_controls(values, controls)),
        **_given(vae=values.get("vae", "").strip()),
        **_given(observe=options.observed(values) or None),
        **(guides or {}),
        "seed": seed,
    }
    return with_pixels(request, source, mask)


def controls_used(values: Dict[str, Any]) -> List[str]:
    """The names of the controls that steer; each has options of its own that begin with it. An
    action without controls has none."""
    nothing = choices.NO_CONTROL
    return [name for name in options.CONTROLS if values.get(name, nothing) != nothing]


def _controls(values: Dict[str, Any], pictures: Sequence[Optional[Sent]]) -> List[Dict[str, Any]]:
    used = controls_used(values)
    return [
        _control(values, name, picture)
        for name, picture in zip(used, [*pictures, *[None] * len(used)])
    ]


def _control(values: Dict[str, Any], name: str, picture: Optional[Sent]) -> Dict[str, Any]:
    """Without a picture of its own a control is drawn from the source."""
    kind = values[name]
    is_map = bool(values[name + "-is-map"]) or kind not in choices.DRAWN_CONTROLS
    found: Dict[str, Any] = {"type": kind, "weight": float(values[name + "-weight"])}
    if picture:
        found["image"] = {"blob": picture.blob_id}
        if not is_map:
            found["preprocess"] = True
    for field in ("start", "end", "low", "high"):
        if name + "-" + field in values and (
            field in ("start", "end") or kind == choices.THRESHOLDS
        ):
            found[field] = float(values[name + "-" + field])
    return found


def map_request(values: Dict[str, Any], source: Sent) -> Dict[str, Any]:
    """The body of POST /v1/jobs for a control map of the source."""
    control = {"type": values["map"], "low": float(values["low"]), "high": float(values["high"])}
    request = {"mode": PREPROCESS, "controls": [control]}
    return with_pixels(request, source, None)


def upscale_plan(values: Dict[str, Any], source: Box) -> Dict[str, Any]:
    """The body of POST /v1/plan for an enlargement."""
    return {"mode": UPSCALE, "source": source.rect(), **_enlargement(values)}


def upscale_request(values: Dict[str, Any], source: Sent) -> Dict[str, Any]:
    """The body of POST /v1/jobs for an enlargement."""
    return with_pixels({"mode": UPSCALE, **_enlargement(values)}, source, None)


def _enlargement(values: Dict[str, Any]) -> Dict[str, Any]:
    found = {"scale": float(values["scale"]), **_given(upscaler=values["upscaler"].strip())}
    if not values["detail"]:
        return found
    numbers = {name: float(values[name]) for name in ("detail", "faithfulness")}
    return {**found, **numbers, **_given(prompt=values["prompt"], model=values["model"].strip())}


def expand_plan(values: Dict[str, Any], canvas: Box, sides: Sides) -> Dict[str, Any]:
    """The body of POST /v1/plan for a canvas that grows."""
    grown = {"expand": sides._asdict()}
    return {"mode": OUTPAINT, "canvas": canvas.rect(), **_sampling(values), **grown}


def expand_request(values: Dict[str, Any], seed: int, source: Sent, sides: Sides) -> Dict[str, Any]:
    """The body of POST /v1/jobs for a canvas that grows."""
    words = _given(prompt=values["prompt"], negative_prompt=values["negative-prompt"])
    grown = {"expand": sides._asdict(), "seed": seed}
    return with_pixels({"mode": OUTPAINT, **words, **_sampling(values), **grown}, source, None)


def select_request(
    hints: Dict[str, Any], source: Sent, cut_out: bool = False, rough: Optional[Sent] = None
) -> Dict[str, Any]:
    """The body of POST /v1/jobs for the mask of an object, and with `cut_out` for the object in its
    own colours as a second picture. `hints` are `points` and `box`, in px of the source; `rough` is
    a selection of the object whose edge is looked for."""
    request = {"mode": SELECT, **_given(**hints, cut_out=cut_out or None)}
    return with_pixels(request, source, rough)


def harmony_request(source: Sent, mask: Sent, target: Optional[Sent] = None) -> Dict[str, Any]:
    """The body of POST /v1/jobs for the layers that fit an object, which `mask` is white on, to the
    rest of the source, as computed or as the target shows it."""
    aimed = {"target": {"blob": target.blob_id}} if target else {}
    return {**with_pixels({"mode": HARMONIZE}, source, mask), **aimed}


def _appearance(mode: str, values: Dict[str, Any]) -> Dict[str, Any]:
    """How the result fits to its source."""
    return _given(
        color_match=bool(values["color-match"]) if mode == INPAINT else None,
        alpha=options.alpha_of(values),
        transparent_fill=values.get("transparent-fill"),
    )


def again_request(
    request: Dict[str, Any],
    seed: int,
    size: Box,
    source: Optional[Sent] = None,
    mask: Optional[Sent] = None,
    controls: Sequence[Optional[Sent]] = (),
    guides: Optional[Dict[str, Any]] = None,
) -> Dict[str, Any]:
    """A recorded request once more, for one picture of that size with another seed. Its mask is the
    one that the layer carries, grown and feathered already. `controls` are the pictures of its
    controls, None for those that stay as they are; `guides` replace its references and regions."""
    dropped = (
        *("source", "mask", "mask_options", "client", "interactive", "composite", "count"),
        *("observe", "observe_steps", "stopped_at"),
    )
    kept = {name: value for name, value in request.items() if name not in dropped}
    for number, picture in enumerate(controls):
        if picture:
            kept["controls"] = list(kept["controls"])
            kept["controls"][number] = {
                **kept["controls"][number],
                "image": {"blob": picture.blob_id},
            }
    if source is None:
        kept.update(width=size.width, height=size.height)
    return with_pixels({**kept, **(guides or {}), "seed": seed}, source, mask)


def changed_request(
    request: Dict[str, Any], values: Dict[str, Any], start: Dict[str, Any]
) -> Dict[str, Any]:
    """The request with the values that differ from those that Change Result began with; all else
    stays as it was recorded."""
    before, now = _changeable(start), _changeable(values)
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    kept = {name: value for name, value in request.items() if name not in names}
    return {**kept, **{name: now[name] for name in names if name in now}}


def _changeable(values: Dict[str, Any]) -> Dict[str, Any]:
    """The fields of a job that Change Result offers; those at "as it was" are left out."""
    strength = values["strength"]
    return _given(
        prompt=values["prompt"],
        negative_prompt=values["negative-prompt"],
        style=values["style"].strip(),
        strength=float(strength) if strength >= 0 else None,
        steps=int(values["steps"]) or None,
        guidance=values["guidance"] or None,
        sampler=options.sampler_of(values),
        model=values["model"].strip(),
        vae=values["vae"].strip(),
        loras=options.loras_of(values),
    )


def changed_seed(values: Dict[str, Any], start: Dict[str, Any], recorded: int) -> int:
    """The seed of a changed result: the recorded one unless another is wanted."""
    if values["random-seed"]:
        return new_seed()
    return recorded if values["seed"] == start["seed"] else int(values["seed"])


def change_plan(
    record: Dict[str, Any], values: Dict[str, Any], start: Dict[str, Any]
) -> Dict[str, Any]:
    """The body of POST /v1/plan for a recorded job with changes, at the size it was made in."""
    request, box = record["record"]["request"], Box.from_rect(record["box"])
    fields = changed_request(request, values, start)
    kept = ("prompt", "strength", "steps", "guidance", "sampler", "model", "backend", "loras")
    whole = Box(0, 0, box.width, box.height).rect()
    plan = {name: fields[name] for name in kept if name in fields}
    if request["mode"] in (OUTPAINT, UPSCALE):
        sized = ("expand", "scale", "upscaler", "detail", "faithfulness")
        plan.update({name: fields[name] for name in sized if name in fields})
        sides = Sides(**{**Sides(0, 0, 0, 0)._asdict(), **request.get("expand", {})})
        times = request.get("scale", 1.0)
        old = Box(
            0,
            0,
            round((box.width - sides.left - sides.right) / times),
            round((box.height - sides.top - sides.bottom) / times),
        ).rect()
        return {"mode": request["mode"], "canvas": old, "source": old, **plan}
    if request["mode"] == TXT2IMG:
        return {"mode": TXT2IMG, "width": box.width, "height": box.height, **plan}
    selected = {"selection": whole} if request.get("mask") else {}
    return {"mode": request["mode"], "canvas": whole, "source": whole, **selected, **plan}


def located(request: Dict[str, Any], image: str, box: Box) -> Dict[str, Any]:
    """With what finds the job again: the name of the image that it is for, and where in it the
    result lies."""
    return {**request, **_given(image=image), "place": box.rect()}


def with_pixels(
    request: Dict[str, Any], source: Optional[Sent], mask: Optional[Sent]
) -> Dict[str, Any]:
    """Adds the pictures, and that this client waits for the result and masks it itself."""
    pictures = {"source": source, "mask": mask}
    refs = {name: {"blob": picture.blob_id} for name, picture in pictures.items() if picture}
    client = {"interactive": True, "client": "gimp", "preview": False}  # nothing here shows one
    return {**request, **refs, **client, **({"composite": False} if mask else {})}
