"""Model families: what differs between architectures, one small adapter each."""

from __future__ import annotations

from pentimento.engine.architectures import longcat_image, piped
from pentimento.engine.architectures.base import FamilyAdapter
from pentimento.engine.architectures.flux import Chroma, Flux
from pentimento.engine.architectures.flux2 import Flux2Dev, Flux2Klein
from pentimento.engine.architectures.longcat_image import LongCatImage
from pentimento.engine.architectures.piped import Piped
from pentimento.engine.architectures.qwen_image import QwenImage
from pentimento.engine.architectures.sd3 import SD3
from pentimento.engine.architectures.stable_diffusion import SD15, SDXL
from pentimento.engine.architectures.z_image import ZImage
from pentimento.models.tables import architectures as rows

FAMILIES: dict[str, FamilyAdapter] = {
    family.name: family
    for family in (
        SD15(rows.SD15),
        SDXL(rows.SDXL),
        SD3(rows.SD3),
        Flux(rows.FLUX),
        Flux2Klein(rows.FLUX2_KLEIN),
        Flux2Dev(rows.FLUX2_DEV),
        ZImage(rows.Z_IMAGE),
        QwenImage(rows.QWEN_IMAGE),
        Chroma(rows.CHROMA),
        Piped(rows.ERNIE_IMAGE, piped.ERNIE_IMAGE),
        Piped(rows.KREA2, piped.KREA2),
        LongCatImage(rows.LONGCAT_IMAGE, longcat_image.FORM),
        Piped(rows.OVIS_IMAGE, piped.OVIS_IMAGE),
        Piped(rows.LUMINA2, piped.LUMINA2),
    )
}
