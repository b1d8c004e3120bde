"""What A1111's clients send. They send every field they know, so unknown ones are passed over; the
ones that would change the picture and cannot be followed here are refused by `refuse_unknown_arts`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from pentimento.errors import BadInput
from pentimento.jobs.record import MAX_PROMPT, MAX_SEED, MAX_SIDE, SAMPLERS

Prompt = Annotated[str, Field(max_length=MAX_PROMPT)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]
MOST_PICTURES = 16
MOST_STYLES = 16
KARRAS = "Karras"
SCHEDULERS = ("automatic", "karras")


class Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class Generation(Lenient):
    """Both calls. What is left out has the model's default, where A1111 has a fixed one."""

    prompt: Prompt = ""
    negative_prompt: Prompt | None = ""
    styles: Annotated[list[str], Field(max_length=MOST_STYLES)] | None = None
    seed: Annotated[int, Field(ge=-1, le=MAX_SEED)] | None = -1
    subseed_strength: float | None = 0
    sampler_name: str | None = None
    sampler_index: str | None = None
    scheduler: str | None = None
    batch_size: Annotated[int, Field(ge=1, le=MOST_PICTURES)] = 1
    n_iter: Annotated[int, Field(ge=1, le=MOST_PICTURES)] = 1
    steps: Annotated[int, Field(ge=1, le=200)] | None = None
    cfg_scale: Annotated[float, Field(ge=0, le=50)] | None = None
    width: Side | None = None
    height: Side | None = None
    denoising_strength: Annotated[float, Field(ge=0, le=1)] | None = None
    restore_faces: bool | None = False
    tiling: bool | None = False
    override_settings: dict[str, Any] | None = None
    refiner_checkpoint: str | None = None
    script_name: str | None = None
    alwayson_scripts: dict[str, Any] | None = None
    send_images: bool = True
    force_task_id: Annotated[str, Field(max_length=128)] | None = None

    @property
    def count(self) -> int:
        return self.batch_size * self.n_iter


class Txt2Img(Generation):
    enable_hr: bool | None = False


class Img2Img(Generation):
    init_images: list[str] | None = None
    mask: str | None = None
    mask_blur: Annotated[int, Field(ge=0, le=256)] | None = 4
    resize_mode: Annotated[int, Field(ge=0, le=3)] = 0
    inpainting_fill: Annotated[int, Field(ge=0, le=3)] | None = 0
    inpaint_full_res: bool | None = True
    inpaint_full_res_padding: Annotated[int, Field(ge=0, le=4096)] | None = 0
    inpainting_mask_invert: int | None = 0
    include_init_images: bool = False


Test = Callable[[Any], bool]
REFUSED: tuple[tuple[str, Test, str], ...] = (
    ("subseed_strength", bool, "Variation seeds do not exist here"),
    ("restore_faces", bool, "Faces cannot be restored here"),
    ("tiling", bool, "Tiling pictures cannot be made here"),
    ("enable_hr", bool, "There is no second pass at a higher size here"),
    ("refiner_checkpoint", bool, "There is no refiner here"),
    ("script_name", bool, "There are no scripts here"),
    ("resize_mode", lambda mode: mode == 3, "The latent upscale cannot be done here"),
)


def refuse_unknown_arts(wanted: Generation) -> None:
    """Raises BadInput for whatever would be ignored and make another picture than was asked for."""
    for field, asks, sentence in REFUSED:
        if asks(getattr(wanted, field, None)):
            raise unsupported(field, sentence)
    if wanted.count > MOST_PICTURES:
        raise unsupported("n_iter", f"At most {MOST_PICTURES} pictures can be made at once")


def sampler(wanted: Generation) -> str | None:
    """The protocol's name of a sampler and its scheduler; None leaves it to the model."""
    name = (wanted.sampler_name or wanted.sampler_index or "").strip()
    schedule = (wanted.scheduler or SCHEDULERS[0]).strip().lower()
    names = {known.lower(): known for known in SAMPLERS}
    found = names.get(name.lower())
    with_karras = names.get(f"{name} {KARRAS}".lower())
    if schedule not in SCHEDULERS or (schedule == "karras" and not _is_karras(found, with_karras)):
        raise unsupported("scheduler", f"The scheduler “{wanted.scheduler}” cannot be used here")
    if not name:
        return None
    if found or with_karras:
        return found or with_karras
    raise BadInput(
        "bad_request",
        "Sampler not found.",
        f"Use one of {', '.join(SAMPLERS)}.",
        details={"fields": [{"field": "sampler_name", "message": "is not known here"}]},
    )


def _is_karras(found: str | None, with_karras: str | None) -> bool:
    return with_karras is not None or (found is not None and found.endswith(KARRAS))


def unsupported(field: str, sentence: str) -> BadInput:
    return BadInput(
        "unsupported",
        f"{sentence}; nothing was generated.",
        f"Leave “{field}” out, or at its default.",
        details={"fields": [{"field": field, "message": "cannot be followed"}]},
    )
