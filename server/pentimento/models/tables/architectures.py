"""Model families as data: how a folder is told apart, what it must hold, and what suits it.

What the engine does with a family is in `engine/architectures/`, one adapter each. Default
steps and guidance are those of the models' own cards. No torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pentimento.core.geometry import Size, Work
from pentimento.imaging import edit_sizes, sizing
from pentimento.schema.job import Mode
from pentimento.schema.vocabulary import SAMPLERS, Architecture, Sampler

DIFFUSION_SAMPLERS = SAMPLERS
FLOW_SAMPLERS = (
    Sampler.EULER,
    Sampler.EULER_BETA,
    Sampler.DPM_2M_SIMPLE,
    Sampler.DPM_2M_BETA,
    Sampler.HEUN,
)
QWEN_EDITORS = (
    "QwenImageEditPipeline",
    "QwenImageEditInpaintPipeline",
    "QwenImageEditPlusPipeline",
)
INPAINT = "inpaint"  # the variant of models that were trained to fill holes


@dataclass(frozen=True, slots=True)
class Inpainting:
    """What those models of a family that were trained to fill holes see besides the noisy latents:
    the latents of the picture with a hole in it, and where the hole is, for each latent or for
    each of its pixels. Steps and guidance are the family's own where they are None."""

    each_pixel: bool = False
    steps: int | None = None
    guidance: float | None = None

    def channels(self, latents: int, scale: int) -> int:
        """How many more they take than the others; `scale` is px per latent."""
        return latents + (scale**2 if self.each_pixel else 1)


@dataclass(frozen=True, slots=True)
class Editing:
    """How models of these pipelines follow an instruction about pictures that they are shown."""

    name: str
    pipelines: tuple[str, ...]  # as those of a family
    encoded: Callable[[Size], Size]  # px of a picture -> px at which the VAE reads it
    aligned: bool = False  # the source is read at the size that the result is generated at
    looked_at: Callable[[Size], Size] | None = None  # px at which the text encoder sees a picture
    references: int = 0  # further pictures, besides the source
    parts: tuple[str, ...] = ()  # folders that a model has besides those of its family
    guidance: float = 0.0  # 0: as its family's


@dataclass(frozen=True, slots=True)
class Family:
    """One row. `pipelines` are class names in model_index.json; a trailing * stands for any
    ending. Sizes in px."""

    name: str
    pipelines: tuple[str, ...]
    encoders: tuple[str, ...]
    tokenizers: tuple[str, ...]
    steps: int
    guidance: float
    denoiser: str = "transformer"
    native_size: int = 0  # 0: as its denoiser's sample_size says
    largest_share: float = 1.75  # max_pixels over the native area
    patch: int = 1  # latent channels are stacked patch² times before the denoiser sees them
    shift: str = ""  # flow: how mu grows with the picture, "linear" or "empirical"
    sampler: str = Sampler.EULER
    samplers: tuple[str, ...] = FLOW_SAMPLERS
    edits: tuple[Editing, ...] = ()  # those of its pipelines that edit by instruction
    inpainting: Inpainting | None = None
    readers: tuple[str, ...] = ()  # tokenizers whose limit is the prompt's; empty: all of them
    reads_in_chunks: bool = False  # prompts of any length; else what is beyond the limit is cut
    multilingual: bool = False  # its encoder is a language model that was trained in many languages

    @property
    def flow(self) -> bool:
        """Rectified flow instead of a diffusion process."""
        return bool(self.shift)

    def defaults(self, variant: str) -> tuple[int, float]:
        """Steps and guidance."""
        own = self.inpainting if variant == INPAINT else None
        steps = own.steps if own else None
        guidance = own.guidance if own else None
        return steps or self.steps, self.guidance if guidance is None else guidance


SD15 = Family(
    Architecture.SD15,
    ("StableDiffusion*",),
    ("text_encoder",),
    ("tokenizer",),
    20,
    7.0,
    denoiser="unet",
    largest_share=2.25,
    sampler=Sampler.DPM_2M_KARRAS,
    samplers=DIFFUSION_SAMPLERS,
    inpainting=Inpainting(),
    reads_in_chunks=True,
)
SDXL = Family(
    Architecture.SDXL,
    ("StableDiffusionXL*",),
    ("text_encoder", "text_encoder_2"),
    ("tokenizer", "tokenizer_2"),
    20,
    6.0,
    denoiser="unet",
    sampler=Sampler.DPM_2M_KARRAS,
    samplers=DIFFUSION_SAMPLERS,
    inpainting=Inpainting(),
    reads_in_chunks=True,
)
SD3 = Family(
    Architecture.SD3,
    ("StableDiffusion3*",),
    ("text_encoder", "text_encoder_2", "text_encoder_3"),
    ("tokenizer", "tokenizer_2", "tokenizer_3"),
    28,
    4.5,
    readers=("tokenizer_3",),
    native_size=1024,
    shift="linear",
)
FLUX = Family(
    Architecture.FLUX,
    (
        *("FluxPipeline", "FluxImg2ImgPipeline", "FluxInpaintPipeline"),
        *("FluxFillPipeline", "FluxKontext*"),
    ),
    ("text_encoder", "text_encoder_2"),
    ("tokenizer", "tokenizer_2"),
    28,
    3.5,
    readers=("tokenizer_2",),
    native_size=1024,
    patch=2,
    shift="linear",
    inpainting=Inpainting(each_pixel=True, steps=50, guidance=30.0),
    edits=(Editing("kontext", ("FluxKontext*",), edit_sizes.kontext, guidance=2.5),),
)
FLUX2_KLEIN = Family(
    Architecture.FLUX2_KLEIN,
    ("Flux2Klein*",),
    ("text_encoder",),
    ("tokenizer",),
    28,
    4.0,
    native_size=1024,
    patch=2,
    shift="empirical",
    multilingual=True,
    edits=(
        Editing(
            "klein", ("Flux2Klein*",), edit_sizes.at_most_one_megapixel, aligned=True, references=4
        ),
    ),
)
FLUX2_DEV = Family(
    Architecture.FLUX2_DEV,
    ("Flux2Pipeline",),
    ("text_encoder",),
    ("tokenizer",),
    50,
    4.0,
    native_size=1024,
    patch=2,
    shift="empirical",
    multilingual=True,
    edits=(
        Editing(
            "flux2-dev",
            ("Flux2Pipeline",),
            edit_sizes.at_most_one_megapixel,
            aligned=True,
            references=4,
        ),
    ),
)
Z_IMAGE = Family(
    Architecture.Z_IMAGE,
    ("ZImagePipeline", "ZImageImg2ImgPipeline", "ZImageInpaintPipeline"),
    ("text_encoder",),
    ("tokenizer",),
    8,
    0.0,
    native_size=1024,
    shift="linear",
    multilingual=True,
)
QWEN_IMAGE = Family(
    Architecture.QWEN_IMAGE,
    ("QwenImagePipeline", "QwenImageImg2ImgPipeline", "QwenImageInpaintPipeline", *QWEN_EDITORS),
    ("text_encoder",),
    ("tokenizer",),
    30,
    4.0,
    native_size=1024,
    patch=2,
    shift="linear",
    multilingual=True,
    edits=(
        Editing(
            "qwen-edit",
            QWEN_EDITORS[:2],
            edit_sizes.about_one_megapixel,
            looked_at=edit_sizes.about_one_megapixel,
            parts=("processor",),
        ),
        Editing(
            "qwen-edit-plus",
            QWEN_EDITORS[2:],
            edit_sizes.about_one_megapixel,
            looked_at=edit_sizes.looked_at,
            references=4,
            parts=("processor",),
        ),
    ),
)
CHROMA = Family(
    Architecture.CHROMA,
    ("ChromaPipeline", "ChromaImg2ImgPipeline", "ChromaInpaintPipeline"),
    ("text_encoder",),
    ("tokenizer",),
    30,
    4.0,
    native_size=1024,
    patch=2,
    shift="linear",
)
ERNIE_IMAGE = Family(
    Architecture.ERNIE_IMAGE,
    ("ErnieImagePipeline",),
    ("text_encoder",),
    ("tokenizer",),
    50,
    4.0,
    native_size=1024,
    patch=2,
    shift="linear",
    multilingual=True,
)
KREA2 = Family(
    Architecture.KREA2,
    ("Krea2Pipeline",),
    ("text_encoder",),
    ("tokenizer",),
    28,
    5.5,  # 4.5 by its makers' count, which begins at 0
    native_size=1024,
    patch=2,
    shift="linear",
    multilingual=True,
)
LONGCAT_IMAGE = Family(
    Architecture.LONGCAT_IMAGE,
    ("LongCatImagePipeline", "LongCatImageEditPipeline"),
    ("text_encoder",),
    ("tokenizer",),
    50,
    4.5,
    native_size=1024,
    patch=2,
    shift="linear",
    multilingual=True,
    edits=(
        Editing(
            "longcat-edit",
            ("LongCatImageEditPipeline",),
            edit_sizes.whole_megapixel,
            aligned=True,
            looked_at=edit_sizes.half_as_wide,
            parts=("text_processor",),
        ),
    ),
)
OVIS_IMAGE = Family(
    Architecture.OVIS_IMAGE,
    ("OvisImagePipeline",),
    ("text_encoder",),
    ("tokenizer",),
    50,
    5.0,
    native_size=1024,
    patch=2,
    shift="linear",
    multilingual=True,
)
LUMINA2 = Family(
    Architecture.LUMINA2,
    ("Lumina2Pipeline", "Lumina2Text2ImgPipeline"),
    ("text_encoder",),
    ("tokenizer",),
    50,
    4.0,
    native_size=1024,
    shift="linear",
    multilingual=True,
)

FAMILIES = {
    family.name: family
    for family in (
        *(SD15, SDXL, SD3, FLUX, FLUX2_KLEIN, FLUX2_DEV, Z_IMAGE, QWEN_IMAGE, CHROMA),
        *(ERNIE_IMAGE, KREA2, LONGCAT_IMAGE, OVIS_IMAGE, LUMINA2),
    )
}


EDITS = {editing.name: editing for family in FAMILIES.values() for editing in family.edits}


def of_pipeline(class_name: str) -> Family | None:
    """The family whose pipelines include this class, by the longest name that fits; None for a
    class that is not known."""
    fitting = {
        name: family
        for family in FAMILIES.values()
        for name in family.pipelines
        if _is_one_of(class_name, name)
    }
    return fitting[max(fitting, key=len)] if fitting else None


def editing_of(class_name: str) -> Editing | None:
    """How models of a pipeline edit by instruction; None for those that do not."""
    fitting = (e for e in EDITS.values() if any(_is_one_of(class_name, n) for n in e.pipelines))
    return next(fitting, None)


def limits_in(mode: Mode, editing: str, limits: sizing.SizeLimits) -> sizing.SizeLimits:
    """A model's sizes for a job. In an edit whose source is read at a size of its own, the result
    has about as many pixels, or the two would not lie over one another."""
    if mode is not Mode.EDIT or not editing or EDITS[editing].aligned:
        return limits
    return sizing.at_native_area(limits)


def refines(mode: Mode, strength: float) -> bool:
    """Whether something of a source shines through, so that its detail is worth keeping."""
    return mode in (Mode.IMG2IMG, Mode.INPAINT) and strength < 1


def work_in(
    mode: Mode, strength: float, editing: str, size: Size, limits: sizing.WorkLimits
) -> Work:
    """How the (first) pass of a job works on a picture of `size` px."""
    if refines(mode, strength):
        return sizing.own_size(size, limits)
    return Work.whole(sizing.generation_size(size, limits_in(mode, editing, limits)))


def second_pass(mode: Mode, strength: float, size: Size, first: Work) -> bool:
    """Whether new content is painted over again at full size. Instructions about a picture would
    be followed twice, so edits never are."""
    new = mode in (Mode.TXT2IMG, Mode.IMG2IMG, Mode.INPAINT) and strength >= 1
    return new and sizing.needs_second_pass(size, first)


def _is_one_of(class_name: str, name: str) -> bool:
    return class_name == name or (name.endswith("*") and class_name.startswith(name[:-1]))
