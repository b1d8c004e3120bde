"""What OpenAI's clients send, and ours beyond it: `seed`, `negative_prompt`, `strength`,
`num_inference_steps`, `guidance_scale`, which the `openai` package passes on in `extra_body`.

Unknown fields are refused, as OpenAI does. Fields about money, safety and style are taken and have
no effect here: `quality`, `style`, `moderation`, `user`, `safety_identifier`, `input_fidelity`,
`complexity`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pentimento.core.errors import BadInput, field_error
from pentimento.core.geometry import Size
from pentimento.core.settings import MAX_SIDE
from pentimento.schema.job import MAX_PROMPT, MAX_SEED, MODEL_ID

SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")


class Generate(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    prompt: Annotated[str, Field(max_length=MAX_PROMPT)]
    model: Annotated[str, Field(pattern=MODEL_ID)] | None = None
    n: Annotated[int, Field(ge=1, le=10)] | None = 1
    size: str | None = "auto"
    background: Literal["transparent", "opaque", "auto"] | None = "auto"
    output_format: Literal["png", "jpeg", "webp"] | None = "png"
    output_compression: Annotated[int, Field(ge=0, le=100)] | None = 100
    response_format: Literal["b64_json"] | None = None
    stream: bool | None = False
    partial_images: Annotated[int, Field(ge=0, le=3)] | None = 0
    quality: str | None = "auto"
    style: str | None = None
    moderation: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    complexity: str | None = None
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = None
    negative_prompt: Annotated[str, Field(max_length=MAX_PROMPT)] | None = None
    num_inference_steps: Annotated[int, Field(ge=1, le=200)] | None = None
    guidance_scale: Annotated[float, Field(ge=0, le=50)] | None = None

    @field_validator("size")
    @classmethod
    def _is_size(cls, value: str | None) -> str | None:
        if value not in (None, "auto"):
            sides = SIZE.fullmatch(str(value))
            if not sides or max(int(side) for side in sides.groups()) > MAX_SIDE:
                raise ValueError("must be auto, or WIDTHxHEIGHT in px")
        return value

    @property
    def pixels(self) -> Size | None:
        """The size asked for; None for auto."""
        sides = SIZE.fullmatch(self.size or "")
        return Size(int(sides[1]), int(sides[2])) if sides else None

    @property
    def kind(self) -> str:
        return (self.output_format or "png").upper()

    @property
    def compression(self) -> int:
        return 100 if self.output_compression is None else self.output_compression


class Edit(Generate):
    """The text fields of the form; the pictures are its files."""

    strength: Annotated[float, Field(ge=0, le=1)] | None = None
    input_fidelity: str | None = None


def refuse_unsupported_options(wanted: Generate, *, edits: bool) -> None:
    if wanted.background == "transparent" and (not edits or wanted.kind == "JPEG"):
        raise _bad("background", "Pictures with a transparent background cannot be made here")
    if wanted.stream and (wanted.n or 1) > 1:
        raise _bad("n", "One picture at a time can be streamed")
    if wanted.partial_images and not wanted.stream:
        raise _bad("partial_images", "Partial pictures need “stream”")


def bad_picture(field: str, message: str, hint: str) -> BadInput:
    details: dict[str, Any] = field_error(field, message)
    return BadInput("bad_image", message, hint, details=details)


def _bad(field: str, sentence: str) -> BadInput:
    return BadInput(
        "unsupported",
        f"{sentence}; nothing was generated.",
        f"Leave “{field}” out.",
        details=field_error(field, "cannot be followed"),
    )
