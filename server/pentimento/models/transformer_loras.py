"""Which transformers a LoRA was made for, from the names and shapes in its header.

Names differ between the programs that trained it; a few words in them tell the families apart, and
the width of its attention layers tells the sizes of one family apart. What stays open here shows
when the file is loaded: `engine/lora_layers.py` compares every layer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pentimento.models import families

NAMES = (  # the first that is found in any name decides; the names are those of image layers
    (r"down_blocks|up_blocks|mid_block|(input|output|middle)_block", ()),  # of a UNet
    (r"to_qkv_mlp_proj|_stream_modulation", (families.FLUX2_KLEIN,)),
    (r"(layers|refiner)[._]\d+[._](attention|feed_forward)", (families.Z_IMAGE,)),
    (r"joint_blocks", (families.SD3,)),
    (r"img_mlp|txt_mlp|img_mod\b|txt_mod\b", (families.QWEN_IMAGE,)),
    (
        r"single_transformer_blocks|(single|double)_blocks",
        (families.FLUX, families.CHROMA, families.FLUX2_KLEIN),
    ),
    (
        r"transformer_blocks[._]\d+[._]attn[._]",
        (families.SD3, families.FLUX, families.CHROMA, families.QWEN_IMAGE, families.FLUX2_KLEIN),
    ),
)
QUERY = re.compile(r"(attn|attention)[._](to_q|to_k|qkv|to_qkv)\b.*(lora_A|lora_down|lora\.down)")


def made_for(shapes: Mapping[str, tuple[int, ...]]) -> frozenset[str]:
    """Names of the families whose transformers have such layers; empty for a UNet's LoRA and for
    what is not known."""
    told = "\n".join(shapes)
    for pattern, found in NAMES:
        if re.search(pattern, told):
            return frozenset(family.name for family in found)
    return frozenset()


def width(shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    """Channels of the transformer's tokens, where the file tells."""
    widths = {shape[1] for name, shape in shapes.items() if QUERY.search(name)}
    return widths.pop() if len(widths) == 1 else None
