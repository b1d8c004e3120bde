"""How a denoiser is built, as its weights' names and shapes tell it and as a configuration does: a
file by itself fits a folder whose denoiser is built the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pentimento.models.weights.detect.table import DENOISER_PREFIXES
from pentimento.models.weights.header import Shape

Build = dict[str, int]  # measure -> number; one that is not told is not there


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the first weight whose name ends with any of `names`; `times` is what it is over
    the configuration's number."""

    names: tuple[str, ...]
    place: int
    times: int = 1


@dataclass(frozen=True, slots=True)
class LayoutRow:
    """`blocks`: a configuration's entry, and how such blocks are called in the authors' and in
    diffusers' layout. `taken` and `context` are the channels of the picture and of the prompt."""

    blocks: Mapping[str, tuple[str, ...]]
    taken: Side
    context: Side
    context_key: str
    guided: tuple[str, ...] = ()  # weights that only a model with guidance as an input has
    marks: Mapping[str, str] = field(default_factory=dict)  # a weight that only models with this
    # entry of the configuration set have; a file without it may be of both


ZERO_TIMESTEP = "__index_timestep_zero__"  # of Qwen-Image-Edit 2511: no weight, but a mark
DOUBLE = {"num_layers": ("double_blocks.", "transformer_blocks.")}
SINGLE = {"num_single_layers": ("single_blocks.", "single_transformer_blocks.")}
TOKENS = Side(("img_in.weight", "x_embedder.weight"), 1)
WORDS = Side(("txt_in.weight", "context_embedder.weight"), 1)
UNET = LayoutRow(
    {},
    Side(("input_blocks.0.0.weight", "conv_in.weight"), 1),
    Side(("attn2.to_k.weight",), 1),
    "cross_attention_dim",
)
ROWS = {
    "sd15": UNET,
    "sdxl": UNET,
    "flux": LayoutRow(
        DOUBLE | SINGLE,
        TOKENS,
        WORDS,
        "joint_attention_dim",
        ("guidance_in.in_layer.weight", "time_text_embed.guidance_embedder.linear_1.weight"),
    ),
    "chroma": LayoutRow(DOUBLE | SINGLE, TOKENS, WORDS, "joint_attention_dim"),
    "flux2-klein": LayoutRow(DOUBLE | SINGLE, TOKENS, WORDS, "joint_attention_dim"),
    "flux2-dev": LayoutRow(DOUBLE | SINGLE, TOKENS, WORDS, "joint_attention_dim"),
    "qwen-image": LayoutRow(
        {"num_layers": ("transformer_blocks.",)},
        TOKENS,
        WORDS,
        "joint_attention_dim",
        marks={
            ZERO_TIMESTEP: "zero_cond_t",
            "time_text_embed.addition_t_embedding.weight": "use_additional_t_cond",
        },
    ),
    "z-image": LayoutRow(
        {"n_layers": ("layers.",)},
        Side(("x_embedder.weight", "all_x_embedder.2-1.weight"), 1, times=4),  # 2 x 2 px patches
        Side(("cap_embedder.1.weight",), 1),
        "cap_feat_dim",
    ),
    "ernie-image": LayoutRow(
        {"num_layers": ("layers.",)},
        Side(("x_embedder.proj.weight",), 1),
        Side(("text_proj.weight",), 1),
        "text_in_dim",
    ),
    "krea2": LayoutRow(
        {"num_layers": ("blocks.", "transformer_blocks.")},
        Side(("first.weight", "img_in.weight"), 1),
        Side(("txtmlp.1.weight", "txt_in.linear_1.weight"), 1),
        "text_hidden_dim",
    ),
    "longcat-image": LayoutRow(DOUBLE | SINGLE, TOKENS, WORDS, "joint_attention_dim"),
    "ovis-image": LayoutRow(DOUBLE | SINGLE, TOKENS, WORDS, "joint_attention_dim"),
    "lumina2": LayoutRow(
        {"num_layers": ("layers.",)},
        Side(("x_embedder.weight",), 1, times=4),  # 2 x 2 px patches
        Side(("cap_embedder.1.weight", "time_caption_embed.caption_embedder.1.weight"), 1),
        "cap_feat_dim",
    ),
    "sd3": LayoutRow(
        {"num_layers": ("joint_blocks.", "transformer_blocks.")},
        Side(("x_embedder.proj.weight", "pos_embed.proj.weight"), 1),
        Side(("context_embedder.weight",), 1),
        "joint_attention_dim",
    ),
}


def prefix_of(names: Iterable[str]) -> str:
    """Under which the denoiser lies in a file that may hold more."""
    names = list(names)
    found = (p for p in DENOISER_PREFIXES if any(name.startswith(p) for name in names))
    return next(found, "")


def of_shapes(family: str, shapes: Mapping[str, Shape]) -> Build:
    """By a file's header."""
    row = ROWS[family]
    prefix = prefix_of(shapes)
    bare = {n.removeprefix(prefix): shape for n, shape in shapes.items() if n.startswith(prefix)}
    counts = {key: _blocks(bare, starts) for key, starts in row.blocks.items()}
    build = {key: count for key, count in counts.items() if count}
    build |= _side("in_channels", row.taken, bare) | _side(row.context_key, row.context, bare)
    if row.guided:
        build["guidance_embeds"] = int(any(name in bare for name in row.guided))
    return build | {key: 1 for mark, key in row.marks.items() if mark in bare or mark in shapes}


def of_config(family: str, config: Mapping[str, Any]) -> Build:
    row = ROWS[family]
    keys = [*row.blocks, "in_channels", row.context_key]
    keys += ["guidance_embeds"] if row.guided else []
    known = {key: int(config[key]) for key in keys if isinstance(config.get(key), int)}
    return known | {key: int(bool(config.get(key))) for key in row.marks.values()}


def differences(file: Build, base: Build) -> list[str]:
    """What both tell and do not agree in, as words; empty where the file fits."""
    return [
        f"{key} is {file[key]} instead of {base[key]}"
        for key in file
        if key in base and file[key] != base[key]
    ]


def _blocks(names: Iterable[str], starts: tuple[str, ...]) -> int:
    """How many blocks there are, by their numbers."""
    numbers = {
        name[len(start) :].split(".", 1)[0]
        for name in names
        for start in starts
        if name.startswith(start)
    }
    return len(numbers)


def _side(key: str, side: Side, shapes: Mapping[str, Shape]) -> Build:
    for name, shape in shapes.items():
        if any(name == wanted or name.endswith("." + wanted) for wanted in side.names):
            return {key: shape[side.place] // side.times} if len(shape) > side.place else {}
    return {}
