"""What A1111's clients send. They send every field they know, so unknown ones are passed over; the
ones that would change the picture and cannot be followed here are refused by
`refuse_unsupported_options`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pentimento.core.errors import BadInput, field_error
from pentimento.core.settings import MAX_SIDE
from pentimento.schema.job import MAX_PROMPT, MAX_SEED, SAMPLERS

Prompt = Annotated[str, Field(max_length=MAX_PROMPT)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]
Blur = Annotated[float, Field(ge=0, le=256)]
DEFAULT_BLUR = 4
MOST_PICTURES = 16
MOST_SENT = 64  # pictures in one call
MOST_STYLES = 16
KARRAS = "Karras"
SCHEDULERS = ("automatic", "karras")  # those that are listed, for they have an effect
ACCEPTED_SCHEDULERS = frozenset(  # A1111 1.10's, and Forge's; by name or label
    (
        *SCHEDULERS,
        *("uniform", "exponential", "polyexponential", "sgm_uniform", "sgmuniform", "kl_optimal"),
        *("align_your_steps", "align_your_steps_gits", "align_your_steps_11"),
        *("align_your_steps_32", "simple", "normal", "ddim", "beta", "turbo"),
        "karras_exponential",
    )
)


class Lenient(BaseModel):
    """What clients send: fields that are not known are passed over, and null is as good as
    nothing."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, sent: Any) -> Any:
        if not isinstance(sent, dict):
            return sent
        return {name: value for name, value in sent.items() if value is not None}


class GenerationFields(Lenient):
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


class Txt2Img(GenerationFields):
    enable_hr: bool | None = False


class Img2Img(GenerationFields):
    init_images: Annotated[list[str], Field(max_length=MOST_SENT)] | None = None
    mask: str | None = None
    mask_blur: Blur | None = None  # both ways at once; else each way has its own
    mask_blur_x: Blur | None = DEFAULT_BLUR
    mask_blur_y: Blur | None = DEFAULT_BLUR
    resize_mode: Annotated[int, Field(ge=0, le=3)] = 0
    inpainting_fill: Annotated[int, Field(ge=0, le=3)] | None = 0
    inpaint_full_res: bool | None = True
    inpaint_full_res_padding: Annotated[int, Field(ge=0, le=4096)] | None = 0
    inpainting_mask_invert: int | None = 0
    include_init_images: bool = False

    @property
    def blur(self) -> tuple[float, float]:
        """Sigma in px across and down."""
        if self.mask_blur is not None:
            return self.mask_blur, self.mask_blur
        return self.mask_blur_x or 0, self.mask_blur_y or 0


NO_EFFECT = "Each sampler has its own spacing of noise levels here; the scheduler"
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


def refuse_unsupported_options(wanted: GenerationFields) -> None:
    """Raises BadInput for whatever would be ignored and make another picture than was asked for."""
    for field, asks, sentence in REFUSED:
        if asks(getattr(wanted, field, None)):
            raise unsupported(field, sentence)
    if wanted.count > MOST_PICTURES:
        raise unsupported("n_iter", f"At most {MOST_PICTURES} pictures can be made at once")


def sampler(wanted: GenerationFields) -> str | None:
    """The protocol's name of a sampler and its scheduler; None leaves it to the model."""
    name = (wanted.sampler_name or wanted.sampler_index or "").strip()
    if _schedule(wanted) not in ACCEPTED_SCHEDULERS:
        raise unsupported("scheduler", f"There is no scheduler “{str(wanted.scheduler)[:64]}”")
    if not name:
        return None
    names = {known.lower(): known for known in SAMPLERS}
    names |= {alias(known): known for known in SAMPLERS}
    found = names.get(name.lower()) or names.get(f"{name} {KARRAS}".lower())
    if found:
        return found
    raise BadInput(
        "bad_request",
        "Sampler not found.",
        f"Use one of {', '.join(SAMPLERS)}.",
        details=field_error("sampler_name", "is not known here"),
    )


def alias(sampler: str) -> str:
    return f"k_{sampler.lower().replace(' ', '_')}"


def remarks(wanted: GenerationFields) -> list[str]:
    """What was taken and could not be followed to the letter."""
    schedule, found = _schedule(wanted), sampler(wanted)
    followed = schedule == "automatic" or (schedule == "karras" and (found or "").endswith(KARRAS))
    return [] if followed else [f"{NO_EFFECT} “{schedule}” had none."]


def _schedule(wanted: GenerationFields) -> str:
    return (wanted.scheduler or SCHEDULERS[0]).strip().lower().replace(" ", "_")


def unsupported(field: str, sentence: str) -> BadInput:
    return BadInput(
        "unsupported",
        f"{sentence}; nothing was generated.",
        f"Leave “{field}” out, or at its default.",
        details=field_error(field, "cannot be followed"),
    )
