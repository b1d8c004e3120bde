"""Model families: what differs between architectures, one small adapter each."""

from __future__ import annotations

from pentimento.engine.families.base import Family
from pentimento.engine.families.flux import Chroma, Flux
from pentimento.engine.families.flux2_klein import Flux2Klein
from pentimento.engine.families.qwen_image import QwenImage
from pentimento.engine.families.stable_diffusion import SD15, SDXL
from pentimento.engine.families.stable_diffusion_3 import SD3
from pentimento.engine.families.z_image import ZImage
from pentimento.models import families as rows

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        SD15(rows.SD15),
        SDXL(rows.SDXL),
        SD3(rows.SD3),
        Flux(rows.FLUX),
        Flux2Klein(rows.FLUX2_KLEIN),
        ZImage(rows.Z_IMAGE),
        QwenImage(rows.QWEN_IMAGE),
        Chroma(rows.CHROMA),
    )
}
