"""The protocol (docs/protocol.md) as plain data: pixels, boxes, plan and job bodies. Standard
library only; tests/contract holds it together with the server's models."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import choices
import options

TXT2IMG, IMG2IMG, INPAINT, EDIT = "txt2img", "img2img", "inpaint", "edit"
PREPROCESS = "preprocess"
SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"
FINAL = (SUCCEEDED, FAILED, CANCELLED)

BYTES_PER_PIXEL = {"rgba-u8": 4, "rgb-u8": 3, "rgba-u16": 8, "rgba-f32": 16, "y-u8": 1}
RAW_TYPE = "application/x-pixels"
MAX_COUNT = 16


class Box(NamedTuple):
    """A rectangle of the canvas in px; x and y may be negative."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def from_rect(cls, rect: Dict[str, int]) -> Box:
        return cls(rect["x"], rect["y"], rect["width"], rect["height"])

    def rect(self) -> Dict[str, int]:
        return self._asdict()

    def joined(self, other: Box) -> Box:
        """The smallest box that holds both."""
        left, top = min(self.x, other.x), min(self.y, other.y)
        right = max(self.x + self.width, other.x + other.width)
        bottom = max(self.y + self.height, other.y + other.height)
        return Box(left, top, right - left, bottom - top)


@dataclass(frozen=True)
class Sent:
    """A picture that the server has; its bytes need not be kept here."""

    blob_id: str
    width: int
    height: int


@dataclass(frozen=True)
class Pixels:
    """Raw pixels in one of the protocol's formats, row by row, no padding."""

    format: str
    width: int
    height: int
    data: bytes

    @property
    def content_type(self) -> str:
        return f"{RAW_TYPE}; format={self.format}; width={self.width}; height={self.height}"

    @property
    def blob_id(self) -> str:
        digest = hashlib.sha256(f"{self.format};{self.width};{self.height};".encode())
        digest.update(self.data)
        return digest.hexdigest()

    @property
    def sent(self) -> Sent:
        """What is left to know of it when the server has it."""
        return Sent(self.blob_id, self.width, self.height)

    @classmethod
    def from_answer(cls, content_type: str, data: bytes) -> Pixels:
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
    data: bytes


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
    )


def plan_request(
    mode: str,
    values: Dict[str, Any],
    canvas: Optional[Box] = None,
    source: Optional[Box] = None,
    selection: Optional[Box] = None,
) -> Dict[str, Any]:
    """The body of POST /v1/plan: no pixels. What steers matters to the way through a service;
    LoRAs, listed or named in the prompt, can bring steps and guidance of their own."""
    boxes = {"canvas": canvas, "source": source, "selection": selection}
    rects = {name: box.rect() for name, box in boxes.items() if box is not None}
    if options.service_of(values):
        steering = _given(controls=_controls(values, _planned(values)))
    else:
        steering = _given(prompt=values["prompt"], loras=options.loras_of(values))
    return {"mode": mode, **_sampling(values), **steering, **rects}


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
    source: Optional[Sent] = None,
    mask: Optional[Sent] = None,
    controls: Sequence[Optional[Sent]] = (),
    guides: Optional[Dict[str, Any]] = None,
) -> Dict[str, Any]:
    """A recorded request once more, for one picture with another seed. Its mask is the one that the
    layer carries, grown and feathered already. `controls` are the pictures of its controls, None
    for those that stay as they are; `guides` replace its references and regions."""
    dropped = ("source", "mask", "mask_options", "client", "interactive", "composite", "count")
    dropped += ("observe", "observe_steps")
    kept = {name: value for name, value in request.items() if name not in dropped}
    for number, picture in enumerate(controls):
        if picture:
            kept["controls"] = list(kept["controls"])
            kept["controls"][number] = {
                **kept["controls"][number],
                "image": {"blob": picture.blob_id},
            }
    return with_pixels({**kept, **(guides or {}), "seed": seed}, source, mask)


def with_pixels(
    request: Dict[str, Any], source: Optional[Sent], mask: Optional[Sent]
) -> Dict[str, Any]:
    """Adds the pictures, and that this client waits for the result and masks it itself."""
    pictures = {"source": source, "mask": mask}
    refs = {name: {"blob": picture.blob_id} for name, picture in pictures.items() if picture}
    client = {"interactive": True, "client": "gimp"}
    return {**request, **refs, **client, **({"composite": False} if mask else {})}
