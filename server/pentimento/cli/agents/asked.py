"""What an agent says about a job, beyond the words and the picture that each tool asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from pentimento.schema.job import (
    MAX_PROMPT,
    AskedIntent,
    Context,
    Lora,
    MaskOptions,
    Rect,
    Strict,
)


class ImageBlock(BaseModel):
    """A picture as MCP's image content has it: `data` is the base64 of a file."""

    type: Literal["image"] = "image"
    data: str


Picture = Annotated[
    str | ImageBlock,
    Field(
        description=(
            "A file in an allowed folder, `job:ID` or `job:ID/N` for a picture of an earlier job "
            "of yours, or an image content block."
        )
    ),
]
Strength = Annotated[
    float | None,
    Field(ge=0, le=1, description="How much changes: 0 nothing, 0.2 touch up, 0.5, 0.8, 1 all."),
]
Words = Annotated[str, Field(max_length=MAX_PROMPT)]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=2)]


class SteeringPicture(Strict):
    """A map that steers, or with `preprocess` the picture that it is drawn from; without a picture
    the map is drawn from the source."""

    type: str
    picture: Picture | None = None
    weight: Weight = 1.0
    start: Share = 0.0
    end: Share = 1.0
    preprocess: bool = False


class FurtherPicture(Strict):
    """A picture whose look, style or composition is followed; in an edit one to speak of."""

    picture: Picture
    weight: Weight = 1.0
    kind: Literal["reference", "style", "composition"] = "reference"


class OwnWords(Strict):
    """A part of the picture, white in `mask`, with words of its own."""

    mask: Picture
    prompt: Words = ""
    weight: Share = 1.0


class JobSettings(Strict):
    """What is left out is as the model wants it. `backend` is the id of a place that `places`
    lists; without it the job runs on the person's own machine."""

    negative_prompt: Words | None = None
    steps: Annotated[int, Field(ge=1, le=200)] | None = None
    guidance: Annotated[float, Field(ge=0, le=50)] | None = None
    seed: int | None = None
    count: Annotated[int, Field(ge=1, le=16)] | None = None
    model: str | None = None
    vae: str | None = None
    sampler: str | None = None
    style: str | None = None
    loras: list[Lora] = Field(default=[])
    controls: list[SteeringPicture] = Field(default=[])
    references: list[FurtherPicture] = Field(default=[])
    regions: list[OwnWords] = Field(default=[])
    mask_options: MaskOptions | None = None
    context: Context | Rect | None = None
    intent: AskedIntent | None = None
    backend: str | None = None

    def fields(self) -> dict[str, Any]:
        """As a job has them, without the pictures."""
        pictures = {"controls": {"picture"}, "references": {"picture"}, "regions": {"mask"}}
        told = self.model_dump(mode="json", exclude_none=True, exclude=set(pictures))
        for name, hidden in pictures.items():
            entries = getattr(self, name)
            told[name] = [one.model_dump(mode="json", exclude=hidden) for one in entries]
        return {name: value for name, value in told.items() if value != []}

    def pictures(self) -> Iterator[tuple[str, Picture]]:
        """By their places in a job, as `run_options.JobFile` names them."""
        for number, control in enumerate(self.controls):
            if control.picture is not None:
                yield f"controls.{number}", control.picture
        for number, reference in enumerate(self.references):
            yield f"references.{number}", reference.picture
        for number, region in enumerate(self.regions):
            yield f"regions.{number}", region.mask
