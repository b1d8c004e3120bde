"""A style as its file and `PUT /v1/styles/{name}` have it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pentimento.schema.job import (
    MAX_LORAS,
    MAX_PROMPT,
    MODEL_ID,
    STYLE_NAME,
    AnySampler,
    Lora,
    Strict,
)

Words = Annotated[str, Field(max_length=MAX_PROMPT, pattern=r"^[^\x00]*$")]


class StyleFields(Strict):
    """A style without its name: the body of `PUT /v1/styles/{name}`."""

    prompt: Words = ""
    negative_prompt: Words = ""
    model: Annotated[str, Field(pattern=MODEL_ID)] | None = None
    vae: Annotated[str, Field(pattern=MODEL_ID)] | None = None
    loras: list[Lora] = Field(default_factory=list, max_length=MAX_LORAS)
    sampler: AnySampler | None = None
    steps: Annotated[int, Field(ge=1, le=200)] | None = None
    guidance: Annotated[float, Field(ge=0, le=50)] | None = None


class Style(StyleFields):
    """As its file has it."""

    name: Annotated[str, Field(pattern=STYLE_NAME)]
