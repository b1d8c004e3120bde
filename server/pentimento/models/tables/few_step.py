"""Models and LoRAs that were distilled to a few steps: which sampler, steps and guidance they want.

A table of data. What the files themselves say comes first (`of_configs`, `of_sheet`), then the
names that such models are known by. Guidance 1 is the prompt alone. No torch.

Sources of the rows: Luo et al. 2023, "LCM-LoRA", for LCM; the model cards of SDXL-Lightning,
Hyper-SD, DMD2, SDXL-Turbo, Qwen-Image-Lightning, FLUX.1-Turbo-Alpha, ERNIE-Image-Turbo, Krea 2
Turbo, LongCat-Image-Edit-Turbo and Stable Diffusion 3.5 Turbo.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from pentimento.imaging.noise_levels import EVEN, Spacing
from pentimento.models.tables import architectures
from pentimento.models.tables.architectures import Family
from pentimento.models.weights.header import Damaged
from pentimento.schema.answers import Suggestion
from pentimento.schema.job import SAMPLERS
from pentimento.schema.vocabulary import Architecture, Sampler

LEAST_STEPS = 4  # that run at any strength; with fewer, pictures of such models are not clean
MOST_STEPS = 16  # that a name can mean
STEPS = re.compile(r"(?<!\d)(\d{1,2})-?steps?\b")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
UNETS = (Architecture.SD15, "sd2", Architecture.SDXL)
FROM_NAME: Literal["name"] = "name"  # as many levels as the name says steps
Kind = Literal["model", "lora"]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a job gets where it leaves these open; `weight` is a LoRA's own."""

    sampler: str
    steps: int
    guidance: float
    weight: float = 1.0
    spacing: Spacing = EVEN

    def answer(self) -> Suggestion:
        """`suggests` of an entry of `GET /v1/models`."""
        return Suggestion(
            sampler=self.sampler, steps=self.steps, guidance=self.guidance, weight=self.weight
        )


@dataclass(frozen=True, slots=True)
class FewStepRow:
    """`pattern` is looked for in names of small letters whose words are joined with "-". The number
    of steps in a name goes before `steps`."""

    pattern: str
    families: tuple[str, ...]
    sampler: str
    steps: int
    guidance: float
    kinds: tuple[Kind, ...] = ("model", "lora")
    weight: float = 1.0
    grid: int | Literal["name"] | None = None
    shift: float | None = None

    def defaults(self, name: str) -> Defaults:
        told = STEPS.search(name)
        number = int(told[1]) if told else 0
        steps = number if 1 <= number <= MOST_STEPS else self.steps
        grid = steps if self.grid == FROM_NAME else self.grid
        spacing = Spacing(grid, self.shift, min(steps, LEAST_STEPS))
        return Defaults(self.sampler, steps, self.guidance, self.weight, spacing)


KREA2_SHIFT = math.exp(1.15)  # of Turbo, whatever the size (diffusers' Krea2Pipeline)
ROWS = (  # the first that fits counts
    FewStepRow(r"\bdmd2\b", UNETS, Sampler.LCM, 4, 1.0, grid=4),
    FewStepRow(r"\bhyper-sd3\b", (Architecture.SD3,), Sampler.EULER, 8, 5.0, weight=0.125),
    FewStepRow(r"\bhyper-flux\b", (Architecture.FLUX,), Sampler.EULER, 8, 3.5, weight=0.125),
    # DDIM on trailing steps, which is what Euler is for these models
    FewStepRow(r"\bhyper-?(sd|xl).*\bcfg\b", UNETS, Sampler.EULER, 8, 5.0, grid=FROM_NAME),
    FewStepRow(r"\bhyper-?(sd|xl)", UNETS, Sampler.EULER, 8, 1.0, grid=FROM_NAME),
    FewStepRow(
        r"\blightning", (Architecture.SDXL,), Sampler.EULER, 4, 1.0, ("model",), grid=FROM_NAME
    ),
    # of LoRAs the word alone may be what they paint
    FewStepRow(
        r"\b(sdxl|sd-xl)-lightning\b|\blightning-?\d+-?steps?\b|\b\d+-?steps?-lightning\b",
        *(UNETS, Sampler.EULER, 4, 1.0, ("lora",)),
        grid=FROM_NAME,
    ),
    FewStepRow(
        r"\blightning", (Architecture.QWEN_IMAGE,), Sampler.EULER, 8, 1.0, grid=FROM_NAME, shift=3.0
    ),
    FewStepRow(r"\b(sd|sdxl|sd-xl)-turbo\b", UNETS, Sampler.EULER_A, 4, 1.0, ("model",), grid=4),
    FewStepRow(
        r"\bturbo", (Architecture.SDXL,), Sampler.EULER_A, 6, 2.0, ("model",)
    ),  # merged with others
    FewStepRow(r"\bturbo\b", (Architecture.SD3,), Sampler.EULER, 4, 1.0, ("model",), grid=4),
    FewStepRow(r"\bturbo\b", (Architecture.FLUX,), Sampler.EULER, 8, 3.5, ("lora",)),
    FewStepRow(
        r"\bturbo\b",
        (Architecture.ERNIE_IMAGE, Architecture.LONGCAT_IMAGE),
        *(Sampler.EULER, 8, 1.0, ("model",)),
    ),
    FewStepRow(
        r"\bturbo\b", (Architecture.KREA2,), Sampler.EULER, 8, 1.0, ("model",), shift=KREA2_SHIFT
    ),
    FewStepRow(r"\blcm\b", UNETS, Sampler.LCM, 6, 1.5),
)
FLOW_OF_FOUR = Defaults(Sampler.EULER, 4, 1.0, spacing=Spacing(grid=4, least=3))
KREA2_TURBO = Defaults(Sampler.EULER, 8, 1.0, spacing=Spacing(shift=KREA2_SHIFT, least=4))
LCM = Defaults(Sampler.LCM, 6, 1.5)
LCM_WITH_GUIDANCE = Defaults(Sampler.LCM, 6, 8.0)  # read as a number, in one pass
UNKNOWN = Defaults(Sampler.EULER, 8, 1.0)  # where a data sheet says only a part of it

SHEET: dict[str, tuple[tuple[type, ...], Callable[[Any], bool]]] = {  # of a LoRA's data sheet
    "default_sampler": ((str,), lambda value: value in SAMPLERS),
    "default_steps": ((int,), lambda value: 1 <= value <= 200),
    "default_guidance": ((int, float), lambda value: 0 <= value <= 50),
    "default_weight": ((int, float), lambda value: -4 <= value <= 4),
}


def named(kind: Kind, known: Iterable[str], names: Iterable[str]) -> Defaults | None:
    """By any of its names; `known` are the families it may be of, none where that is not known."""
    plain = [_plain(name) for name in names if name]
    known = set(known)
    for row in ROWS:
        if kind not in row.kinds or (known and not known & set(row.families)):
            continue
        if any(re.search(row.pattern, name) for name in plain):
            return row.defaults(" ".join(plain))
    return None


def of_configs(
    family: Family, index: dict[str, Any], denoiser: dict[str, Any], scheduler: dict[str, Any]
) -> Defaults | None:
    """Of a diffusers folder whose files tell."""
    if family is architectures.FLUX:
        return FLOW_OF_FOUR if denoiser.get("guidance_embeds") is False else None
    if family is architectures.FLUX2_KLEIN:
        return FLOW_OF_FOUR if index.get("is_distilled") is True else None
    if family is architectures.KREA2:
        return KREA2_TURBO if index.get("is_distilled") is True else None
    if family.flow:
        return None
    if denoiser.get("time_cond_proj_dim") is not None:
        return LCM_WITH_GUIDANCE
    return LCM if str(scheduler.get("_class_name", "")).startswith("LCM") else None


def of_sheet(sheet: dict[str, Any], otherwise: Defaults | None) -> Defaults | None:
    """What a LoRA's data sheet says, the rest as its name tells. Raises Damaged."""
    said = {key: sheet[key] for key in SHEET if key in sheet}
    for key, value in said.items():
        kinds, fits = SHEET[key]
        if not isinstance(value, kinds) or isinstance(value, bool) or not fits(value):
            raise Damaged(f"Its data sheet has a wrong value for {key}")
    if not said:
        return otherwise
    plain = {key.removeprefix("default_"): value for key, value in said.items()}
    return replace(otherwise or UNKNOWN, **plain)


def _plain(name: str) -> str:
    return re.sub(r"[\s_./+()\[\]-]+", "-", CAMEL.sub("-", name)).strip("-").lower()
