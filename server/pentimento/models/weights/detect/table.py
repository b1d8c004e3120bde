"""How weight files are told apart by the names and shapes in them: a table with a function a row.

Names are those of the files that Stability, Black Forest Labs, ComfyUI and diffusers write. The
prefix under which a part lies in a larger file is taken off before a row is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from pentimento.models.weights.detect.addons import ADDONS
from pentimento.models.weights.detect.base import Found, Weights
from pentimento.models.weights.detect.denoisers import DENOISERS
from pentimento.models.weights.detect.encoders import ENCODERS, TEXT_ARCHITECTURES
from pentimento.models.weights.detect.vaes import VAES
from pentimento.schema.vocabulary import ModelRole

Row = Callable[[Weights], Found | None]
DENOISER_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "transformer.", "unet.")
VAE_PREFIXES = ("first_stage_model.", "vae.")
TEXT_PREFIXES = ("cond_stage_model.", "conditioner.embedders.", "text_encoders.", "text_encoder")
TABLE: tuple[tuple[tuple[Row, ...], tuple[str, ...]], ...] = (  # rows, and where such parts lie
    (ADDONS, ()),
    (DENOISERS, DENOISER_PREFIXES),
    (VAES, VAE_PREFIXES),
    (ENCODERS, ()),
)


def match(weights: Weights, metadata: Mapping[str, str]) -> Found | None:
    """None for what no row describes."""
    if not len(weights):
        architecture = metadata.get("general.architecture", "")
        known = architecture in TEXT_ARCHITECTURES
        return Found(ModelRole.TEXT_ENCODER, variant=architecture, layout="gguf") if known else None
    for rows, prefixes in TABLE:
        for part in weights.under(prefixes):
            for row in rows:
                if found := row(part):
                    return _whole(found, weights) if rows is DENOISERS else found
    return None


def _whole(found: Found, weights: Weights) -> Found:
    """A checkpoint rather than a denoiser where the file has more parts."""
    parts = [
        name
        for name, prefixes in (("vae", VAE_PREFIXES), ("text_encoder", TEXT_PREFIXES))
        if any(weights.starts(prefix) for prefix in prefixes)
    ]
    return replace(found, role=ModelRole.CHECKPOINT, parts=tuple(parts)) if parts else found
