"""How LoRAs are told apart: the layers they change, whatever program trained them.

Names of layers are brought to one form first: without the program's prefix, with underscores.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pentimento.models import transformer_loras
from pentimento.models.signatures.base import CONTEXT_FAMILIES, Found
from pentimento.models.tensors import Entry, Shape

LAYER = re.compile(
    r"^(?P<layer>.+?)[._](?P<matrix>lora_A|lora_B|lora_down|lora_up|lora\.down|lora\.up|"
    r"hada_w[12]_[ab]|lokr_w[12](?:_[ab])?)(?:\.default)?(?:\.weight)?$"
)
MARK = re.compile(r"lora[_.]|hada_|lokr_")  # quicker to look for than a whole layer
ATTENTION = re.compile(r"(_attn2_to_k|\.attn2\.to_k|\.attn2\.processor\.to_k)$")
TEXT = re.compile(r"^(lora_te\d?_|text_encoder)")
SECOND_TEXT = re.compile(r"^(lora_te2_|text_encoder_2\.)")
TEXT_QUERY = re.compile(r"^(lora_te_|text_encoder\.).*self_attn[._]q_proj$")
FLUX_MODULATION = re.compile(
    r"(img_mod_lin|txt_mod_lin|modulation_lin|img_mod\.lin|norm1\.linear)$"
)
DOWN = ("lora_A", "lora_down", "lora.down")
KOHYA = ("lora_unet_", "lora_te", "lora_transformer_")
# what the first layer of an MLP or a single block makes out of a token: BFL's own names
WIDENED = re.compile(r"(single_blocks[._]\d+[._]linear1|double_blocks[._]\d+[._]img_mlp[._]0)$")
TEXT_FAMILIES = {1024: ("sd2",), 768: ("sd15", "sdxl", "sd3", "flux")}
UP = ("lora_B", "lora_up", "lora.up")
WIDENINGS = {  # channels in and out -> families
    (3072, 21504): ("flux", "chroma"),
    (3072, 12288): ("flux", "chroma"),
    (3072, 27648): ("flux2-klein",),
    (3072, 18432): ("flux2-klein",),
    (4096, 36864): ("flux2-klein",),
    (4096, 24576): ("flux2-klein",),
}


def match(tensors: Mapping[str, Entry]) -> Found | None:
    """None where the file is no LoRA."""
    if "lora_controlnet" in tensors:
        return None
    layers = _layers(tensors)
    if not layers:
        return None
    layout = _layout(tensors, layers)
    context = _context(layers)
    if context or _is_unet(layers):
        families = _of_unet(context, layers)
        return Found("lora", families, "", layout, context_dim=context)
    if all(TEXT.match(layer) for layer in layers):
        return Found("lora", _of_text(layers), "text encoder", layout)
    return Found("lora", _of_transformer(tensors, layers), "", layout)


def _layers(tensors: Mapping[str, Entry]) -> dict[str, dict[str, Shape]]:
    """Shapes of each layer's matrices."""
    found: dict[str, dict[str, Shape]] = {}
    for name, entry in tensors.items():
        if MARK.search(name) and (told := LAYER.match(name)):
            found.setdefault(told["layer"], {})[told["matrix"]] = entry.shape
    return found


def _layout(tensors: Mapping[str, Entry], layers: Iterable[str]) -> str:
    if any(".lokr_" in name or ".hada_" in name for name in tensors):
        return "lycoris"
    if any(layer.startswith(KOHYA) for layer in layers):
        return "kohya"
    return "peft" if any(".lora_A" in name for name in tensors) else "diffusers"


def _into(matrices: Mapping[str, Shape]) -> int | None:
    """Channels that a layer takes."""
    shape = next((matrices[name] for name in DOWN if name in matrices), ())
    return shape[1] if len(shape) > 1 else None


def _out_of(matrices: Mapping[str, Shape]) -> int | None:
    shape = next((matrices[name] for name in UP if name in matrices), ())
    return shape[0] if len(shape) > 1 else None


def _context(layers: Mapping[str, Mapping[str, Shape]]) -> int | None:
    widths = {_into(layers[layer]) for layer in layers if ATTENTION.search(layer)} - {None}
    return widths.pop() if len(widths) == 1 else None


def _is_unet(layers: Iterable[str]) -> bool:
    return any(re.search(r"(down|up|mid|input|output|middle)_block", layer) for layer in layers)


def _of_unet(context: int | None, layers: Iterable[str]) -> tuple[str, ...]:
    if context is not None:
        family = CONTEXT_FAMILIES.get(context)
        return (family,) if family else ()
    return ("sdxl",) if any(SECOND_TEXT.match(layer) for layer in layers) else ()


def _of_text(layers: Mapping[str, Mapping[str, Shape]]) -> tuple[str, ...]:
    if any(SECOND_TEXT.match(layer) for layer in layers):
        return ("sdxl",)
    widths = {_into(layers[layer]) for layer in layers if TEXT_QUERY.match(layer)} - {None}
    # the first encoder of SDXL, SD 3 and Flux is SD 1.5's: only the wider one of SD 2 differs
    wide = widths.pop() if len(widths) == 1 else None
    return TEXT_FAMILIES.get(wide or 0, ())


def _of_transformer(
    tensors: Mapping[str, Entry], layers: Mapping[str, Mapping[str, Shape]]
) -> tuple[str, ...]:
    shapes = {name: entry.shape for name, entry in tensors.items()}
    families = transformer_loras.made_for(shapes)
    for layer, matrices in layers.items():
        into, out = _into(matrices), _out_of(matrices)
        if WIDENED.search(layer) and into and out:
            families &= frozenset(WIDENINGS.get((into, out), families))
    if families == {"flux", "chroma"} and any(FLUX_MODULATION.search(layer) for layer in layers):
        return ("flux",)  # Chroma has no such layers
    return tuple(sorted(families))
