"""Closed sets of names, defined here and nowhere else. The plug-in has them as plain data, written
by `tools/vocabulary.py`."""

from __future__ import annotations

from enum import StrEnum


class Sampler(StrEnum):
    """How the noise is taken away, step by step; `models/tables/architectures.py` says by which of
    them for flow models."""

    EULER = "Euler"
    EULER_A = "Euler a"
    DPM_2M_KARRAS = "DPM++ 2M Karras"
    DDIM = "DDIM"
    UNIPC = "UniPC"
    LCM = "LCM"
    EULER_KARRAS = "Euler Karras"
    EULER_BETA = "Euler Beta"
    DPM_2M_SIMPLE = "DPM++ 2M Simple"
    DPM_2M_EXPONENTIAL = "DPM++ 2M Exponential"
    DPM_2M_BETA = "DPM++ 2M Beta"
    DPM_2M_SDE_KARRAS = "DPM++ 2M SDE Karras"
    DPM_2M_SDE_EXPONENTIAL = "DPM++ 2M SDE Exponential"
    EULER_SGM_UNIFORM = "Euler SGM Uniform"
    EULER_EXPONENTIAL = "Euler Exponential"
    EULER_CFG_FREE = "Euler CFG-free"
    DPM_2M_SGM_UNIFORM = "DPM++ 2M SGM Uniform"
    DPM_2M_SDE_SIMPLE = "DPM++ 2M SDE Simple"
    DPM_SDE = "DPM++ SDE"
    DPM_SDE_KARRAS = "DPM++ SDE Karras"
    HEUN = "Heun"
    HEUN_KARRAS = "Heun Karras"
    DPM2 = "DPM2"
    DPM2_KARRAS = "DPM2 Karras"


class ControlType(StrEnum):
    """What kind of map steers a picture."""

    CANNY = "canny"
    SCRIBBLE = "scribble"
    LINEART = "lineart"
    SOFTEDGE = "softedge"
    DEPTH = "depth"
    NORMAL = "normal"
    OPENPOSE = "openpose"
    SEG = "seg"
    TILE = "tile"


class ModelRole(StrEnum):
    """What a file of weights is."""

    CHECKPOINT = "checkpoint"
    DENOISER = "denoiser"
    VAE = "vae"
    TINY_VAE = "tiny_vae"
    LORA = "lora"
    CONTROLNET = "controlnet"
    T2I_ADAPTER = "t2i_adapter"
    EMBEDDING = "embedding"
    IP_ADAPTER = "ip_adapter"
    UPSCALER = "upscaler"
    TEXT_ENCODER = "text_encoder"
    IMAGE_ENCODER = "image_encoder"
    UNKNOWN = "unknown"


class Architecture(StrEnum):
    """Families of models that can paint."""

    SD15 = "sd15"
    SDXL = "sdxl"
    SD3 = "sd3"
    FLUX = "flux"
    FLUX2_KLEIN = "flux2-klein"
    FLUX2_DEV = "flux2-dev"
    Z_IMAGE = "z-image"
    QWEN_IMAGE = "qwen-image"
    CHROMA = "chroma"
    ERNIE_IMAGE = "ernie-image"
    KREA2 = "krea2"
    LONGCAT_IMAGE = "longcat-image"
    OVIS_IMAGE = "ovis-image"
    LUMINA2 = "lumina2"


SAMPLERS = tuple(Sampler)
TWO_CALLS = frozenset(  # samplers that ask the model twice in a step, and take twice as long
    {
        Sampler.DPM_SDE,
        Sampler.DPM_SDE_KARRAS,
        Sampler.HEUN,
        Sampler.HEUN_KARRAS,
        Sampler.DPM2,
        Sampler.DPM2_KARRAS,
    }
)
CONTROL_TYPES = tuple(ControlType)
MODEL_ROLES = tuple(ModelRole)
ARCHITECTURES = tuple(Architecture)
FROM_SELECTION = "inpaint"  # a control that reads the source without what is selected, and no map
DRAWN_BY_ARITHMETIC = (
    ControlType.CANNY,
    ControlType.SCRIBBLE,
    ControlType.LINEART,
    ControlType.SOFTEDGE,
    ControlType.TILE,
)


def calls_of(sampler: str | None) -> int:
    """How often a sampler asks the model in a step."""
    return 2 if sampler in TWO_CALLS else 1
