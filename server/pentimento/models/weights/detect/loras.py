"""How LoRAs are told apart: the layers they change, whatever program trained them.

Names of layers are brought to one form first: without the program's prefix, with underscores.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pentimento.models.weights.detect import lora_layout, transformer_loras
from pentimento.models.weights.detect.base import CONTEXT_FAMILIES, Found
from pentimento.models.weights.detect.lora_layout import Layer, Layout, LoraKind
from pentimento.models.weights.header import Shape, TensorEntry
from pentimento.schema.vocabulary import ModelRole

PACKED = (".qweight", ".wscales", ".smooth_factor")  # SVDQuant has low-rank parts, and is no LoRA
FACE = "image_proj."  # IP-Adapter FaceID has low-rank parts beside what reads the face
ATTENTION = re.compile(r"(_attn2_to_k|\.attn2\.to_k|\.attn2\.processor\.to_k)$")
UNET_BLOCK = re.compile(r"(down|up|mid|input|output|middle)_block")
UNETS = tuple(CONTEXT_FAMILIES.values())
DEEP = re.compile(r"transformer_blocks[._][1-9]")  # two or more in one place: only SDXL has that
FOURTH = re.compile(r"(down|up)_blocks[._]3|(input|output)_blocks[._](9|10|11)[._]")  # not of SDXL
TEXT = re.compile(r"^(lora_te\d?_|text_encoder)")
SECOND_TEXT = re.compile(r"^(lora_te2_|text_encoder_2\.)")
TEXT_QUERY = re.compile(r"^(lora_te_|text_encoder\.).*self_attn[._]q_proj$")
FLUX_MODULATION = re.compile(
    r"(img_mod_lin|txt_mod_lin|modulation_lin|img_mod\.lin|norm1\.linear)$"
)
CONTROL_LORA = "control-lora"  # variant: FLUX.1 Canny and Depth, which are given a map as well
FIRST_LAYER = (
    *("img_in.lora_A.weight", "diffusion_model.img_in.lora_A.weight"),
    "transformer.x_embedder.lora_A.weight",
)
KOHYA = ("lora_unet_", "lora_te", "lora_transformer_", "oft_unet_", "lycoris_")
# what the first layer of an MLP or a single block makes out of a token: BFL's own names
WIDENED = re.compile(r"(single_blocks[._]\d+[._]linear1|double_blocks[._]\d+[._]img_mlp[._]0)$")
TEXT_FAMILIES = {1024: ("sd2",), 768: ("sd15", "sdxl", "sd3", "flux")}
WIDENINGS = {  # channels in and out -> families
    (3072, 21504): ("flux", "chroma"),
    (3072, 12288): ("flux", "chroma"),
    (3072, 27648): ("flux2-klein",),
    (3072, 18432): ("flux2-klein",),
    (4096, 36864): ("flux2-klein",),
    (4096, 24576): ("flux2-klein",),
    (6144, 55296): ("flux2-dev",),
    (6144, 36864): ("flux2-dev",),
}


def match(tensors: Mapping[str, TensorEntry]) -> Found | None:
    """None where the file is no LoRA."""
    if "lora_controlnet" in tensors or any(name.endswith(PACKED) for name in tensors):
        return None
    if any(name.startswith(FACE) for name in tensors):
        return None
    layout = lora_layout.of(tensors)
    if not _is_lora(layout, len(tensors)):
        return None
    shapes = {name: entry.shape for name, entry in tensors.items()}
    layers = {layer.name: layer for layer in layout.layers}
    kinds = layout.not_computed
    lora = Found(ModelRole.LORA, layout=_layout(layout), not_computed=kinds)
    if any(UNET_BLOCK.search(layer) for layer in layers):
        context = _context(layers, shapes)
        return replace(lora, families=_of_unet(context, layers), context_dim=context)
    if all(TEXT.match(layer) for layer in layers):
        return replace(lora, families=_of_text(layers, shapes), variant="text encoder")
    families = _of_transformer(layers, shapes)
    if set(families) <= {"flux", "chroma"} and any(
        shapes.get(name, ())[1:] == (128,) for name in FIRST_LAYER
    ):
        lora = replace(lora, variant=CONTROL_LORA)
    width = transformer_loras.width(layout.layers, shapes)
    return replace(lora, families=families, token_width=width)


def _is_lora(layout: Layout, total: int) -> bool:
    """Most of its weights are of layers that it changes; whole models have norms, which are called
    alike."""
    known = sum(len(layer.keys) for layer in layout.layers)
    plain = any(layer.kind is not LoraKind.NORM for layer in layout.layers)
    return plain and known * 2 > total


def _layout(layout: Layout) -> str:
    kinds = {layer.kind for layer in layout.layers} - {LoraKind.LORA}
    if kinds:
        return "lycoris"
    if any(layer.name.startswith(KOHYA) for layer in layout.layers):
        return "kohya"
    peft = any(".lora_A" in key for layer in layout.layers for key in layer.keys.values())
    return "peft" if peft else "diffusers"


def _context(layers: Mapping[str, Layer], shapes: Mapping[str, Shape]) -> int | None:
    crossing = (layer for name, layer in layers.items() if ATTENTION.search(name))
    widths = {lora_layout.inputs(layer, shapes) for layer in crossing} - {None}
    return widths.pop() if len(widths) == 1 else None


def _of_unet(context: int | None, layers: Iterable[str]) -> tuple[str, ...]:
    """All that it may be of: what a file changes need not tell."""
    if context is not None:
        family = CONTEXT_FAMILIES.get(context)
        return (family,) if family else ()
    if any(SECOND_TEXT.match(layer) or DEEP.search(layer) for layer in layers):
        return ("sdxl",)
    return ("sd15", "sd2") if any(FOURTH.search(layer) for layer in layers) else UNETS


def _of_text(layers: Mapping[str, Layer], shapes: Mapping[str, Shape]) -> tuple[str, ...]:
    if any(SECOND_TEXT.match(layer) for layer in layers):
        return ("sdxl",)
    queries = (layer for name, layer in layers.items() if TEXT_QUERY.match(name))
    widths = {lora_layout.inputs(layer, shapes) for layer in queries} - {None}
    # the first encoder of SDXL, SD 3 and Flux is SD 1.5's: only the wider one of SD 2 differs
    wide = widths.pop() if len(widths) == 1 else None
    found = TEXT_FAMILIES.get(wide or 0, ())
    kohya = all(layer.startswith("lora_te_") for layer in layers)
    return ("sd15",) if kohya and "sd15" in found else found  # others are numbered by kohya


def _of_transformer(layers: Mapping[str, Layer], shapes: Mapping[str, Shape]) -> tuple[str, ...]:
    families = transformer_loras.made_for(layers)
    if families == {"z-image"}:
        families = frozenset({transformer_loras.lumina2_or_z_image(layers.values(), shapes)})
    for name, layer in layers.items():
        into, out = lora_layout.inputs(layer, shapes), lora_layout.outputs(layer, shapes)
        if WIDENED.search(name) and into and out:
            families &= frozenset(WIDENINGS.get((into, out), families))
    if families == {"flux", "chroma"} and any(FLUX_MODULATION.search(layer) for layer in layers):
        return ("flux",)  # Chroma has no such layers
    return tuple(sorted(families))
