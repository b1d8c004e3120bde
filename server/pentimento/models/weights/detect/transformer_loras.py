"""Which transformers a LoRA was made for, from the names and shapes in its header.

Names differ between the programs that trained it; a few words in them tell the families apart, and
the width of its attention layers tells the sizes of one family apart. What stays open here shows
when the file is loaded: `engine/conditioning/lora.py` compares every layer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pentimento.models.tables import architectures
from pentimento.models.weights.detect import lora_layout
from pentimento.models.weights.detect.lora_layout import Layer
from pentimento.models.weights.header import Shape

FLUX2 = (architectures.FLUX2_KLEIN, architectures.FLUX2_DEV)
NAMES = (  # the first that is found in any name decides; the names are those of image layers
    (r"down_blocks|up_blocks|mid_block|(input|output|middle)_block", ()),  # of a UNet
    (r"to_qkv_mlp_proj|_stream_modulation", FLUX2),
    (r"attn[._]to_gate|ff[._](gate|up|down)$|text_fusion", (architectures.KREA2,)),
    (r"blocks[._]\d+[._](attn[._](w[qkvo]|gate)|mlp[._](gate|up|down))", (architectures.KREA2,)),
    (r"txtfusion", (architectures.KREA2,)),
    (r"layers[._]\d+[._](self_attention|mlp[._]linear_fc2)", (architectures.ERNIE_IMAGE,)),
    (r"(layers|refiner)[._]\d+[._](attn[._]to_|feed_forward[._]linear_)", (architectures.LUMINA2,)),
    (r"(layers|refiner)[._]\d+[._](attention|feed_forward)", (architectures.Z_IMAGE,)),
    # HunyuanVideo and AuraFlow, whose other names are those of FLUX.1
    (r"(img|txt)_mlp[._]fc\d|(img|txt)_mod[._]linear|individual_token_refiner", ()),
    (r"blocks\.\d+\.(img|txt)_attn_(qkv|proj)|modulation[._]linear|joint_transformer_blocks", ()),
    (r"(single|double)_blocks\.\d+\.processor\.", (architectures.FLUX,)),  # XLabs
    (r"(img|txt)_mod[._]lin(_|\b)|single_blocks[._]\d+[._]modulation", (architectures.FLUX,)),
    (r"joint_blocks", (architectures.SD3,)),
    (r"transformer_blocks[._]\d+[._](img|txt)_(mlp|mod)\b", (architectures.QWEN_IMAGE,)),
    (r"transformer_blocks[._]\d+[._](img|txt)_(mlp|mod)_", (architectures.QWEN_IMAGE,)),
    (
        r"single_transformer_blocks[._]\d+[._](attn[._]to_[qkv]\b|proj_mlp|proj_out|norm)",
        (
            architectures.FLUX,
            architectures.CHROMA,
            architectures.LONGCAT_IMAGE,
            architectures.OVIS_IMAGE,
        ),
    ),
    (
        r"single_transformer_blocks|(single|double)_blocks",
        (architectures.FLUX, architectures.CHROMA, *FLUX2),
    ),
    (
        r"transformer_blocks[._]\d+[._]attn[._]",
        (
            architectures.SD3,
            architectures.FLUX,
            architectures.CHROMA,
            architectures.QWEN_IMAGE,
            *FLUX2,
            architectures.KREA2,
            architectures.LONGCAT_IMAGE,
            architectures.OVIS_IMAGE,
        ),
    ),
)
LUMINA2_WIDE = 2304  # channels of its tokens; Z-Image, whose layers are called alike, has 3840
TAKES_TOKENS = re.compile(r"[._](attention[._](qkv|out)|feed_forward[._]w[13])$")
QUERY = re.compile(r"(attn|attention)[._](to_q|to_k|qkv|to_qkv)$")


def made_for(layers: Iterable[str]) -> frozenset[str]:
    """Names of the families whose transformers have such layers; empty for a UNet's LoRA and for
    what is not known."""
    told = "\n".join(layers)
    for pattern, found in NAMES:
        if re.search(pattern, told, re.MULTILINE):
            return frozenset(family.name for family in found)
    return frozenset()


def lumina2_or_z_image(layers: Iterable[Layer], shapes: Mapping[str, Shape]) -> str:
    """The family's name, of a LoRA whose layers are called as the authors of both call theirs."""
    seen = {
        lora_layout.inputs(layer, shapes) for layer in layers if TAKES_TOKENS.search(layer.name)
    }
    family = architectures.LUMINA2 if LUMINA2_WIDE in seen else architectures.Z_IMAGE
    return str(family.name)


def width(layers: Iterable[Layer], shapes: Mapping[str, Shape]) -> int | None:
    """Channels of the transformer's tokens, where the file tells."""
    queries = (layer for layer in layers if QUERY.search(layer.name))
    widths = {lora_layout.inputs(layer, shapes) for layer in queries} - {None}
    return widths.pop() if len(widths) == 1 else None
