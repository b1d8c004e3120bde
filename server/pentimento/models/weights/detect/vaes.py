"""VAEs, whole and tiny ones."""

from __future__ import annotations

from pentimento.models.weights.detect.base import FOUR_CHANNELS, SIXTEEN_CHANNELS, Found, Weights
from pentimento.schema.vocabulary import ModelRole

FLUX2 = ("flux2-klein", "flux2-dev")
ASYMMETRIC = "decoder.condition_encoder."  # of a VAE that wants the picture at its decoder


def _vae(weights: Weights) -> Found | None:
    first = weights.shape("decoder.conv_in.weight")
    original = "decoder.mid.block_1.norm1.weight" in weights
    if not original and "decoder.mid_block.resnets.0.norm1.weight" not in weights:
        return None
    if len(first) != 4 or "quantize.embedding.weight" in weights:  # a codebook: no such VAE
        return None
    channels = first[1]
    families = {4: FOUR_CHANNELS, 16: SIXTEEN_CHANNELS, 32: FLUX2}.get(channels, ())
    if (channels == 32 and "bn.running_mean" not in weights) or weights.starts(ASYMMETRIC):
        families = ()
    layout = "original" if original else "diffusers"
    return Found(ModelRole.VAE, families, "", layout, latent_channels=channels)


def _video_vae(weights: Weights) -> Found | None:
    """Qwen-Image's has the names and shapes of the VAE of Wan 2.1, a family that is not known."""
    original = "decoder.middle.0.residual.0.gamma" in weights
    if not original and "decoder.mid_block.resnets.0.norm1.gamma" not in weights:
        return None
    channels = weights.side("decoder.conv1.weight" if original else "decoder.conv_in.weight", 1)
    families = ("qwen-image", "wan") if channels == 16 else ()
    layout = "original" if original else "diffusers"
    return Found(ModelRole.VAE, families, "", layout, latent_channels=channels)


TINY_FIRSTS = (  # first kernel of a tiny decoder -> a weight of a later block
    ("decoder.layers.0.weight", "decoder.layers.2.conv.0.weight"),
    ("decoder.1.weight", "decoder.3.conv.0.weight"),
    ("taesd_decoder.1.weight", "taesd_decoder.3.conv.0.weight"),
    ("1.weight", "3.conv.0.weight"),
)
TINY_FAMILIES = {4: FOUR_CHANNELS, 16: SIXTEEN_CHANNELS, 32: FLUX2}


def _tiny_vae(weights: Weights) -> Found | None:
    for first, later in TINY_FIRSTS:
        shape = weights.shape(first)
        if len(shape) == 4 and later in weights:
            layout = "diffusers" if ".layers." in first else "original"
            families = TINY_FAMILIES.get(shape[1], ())
            return Found(ModelRole.TINY_VAE, families, "", layout, latent_channels=shape[1])
    return None


def _tiny_encoder(weights: Weights) -> Found | None:
    if weights.shape("0.weight")[1:] != (3, 3, 3) or "1.conv.0.weight" not in weights:
        return None
    return Found(ModelRole.TINY_VAE, variant="encoder", layout="original")


VAES = (_vae, _video_vae, _tiny_vae, _tiny_encoder)
