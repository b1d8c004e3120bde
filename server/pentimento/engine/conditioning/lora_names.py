"""Which modules of a pipeline the names in LoRA files stand for, whoever trained them.

Modules are known by diffusers' names, by those of the model's authors (several of whose layers are
fused: one name, several modules) and by both with underscores, as kohya's scripts write them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from pentimento.engine.conditioning.lora_math import is_norm

ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")
KOHYA = (  # how a flattened name begins -> the part
    ("lora_unet_", ""),
    ("oft_unet_", ""),
    ("lycoris_", ""),
    ("lora_transformer_", ""),
    ("lora_te_", "text_encoder"),
    ("lora_te1_", "text_encoder"),
    ("lora_te2_", "text_encoder_2"),
    ("lora_te3_", "text_encoder_3"),
)
DOTTED = (
    ("text_encoders.clip_l.transformer.", "text_encoder"),
    ("text_encoders.clip_g.transformer.", "text_encoder_2"),
    *((f"{name}.", name) for name in reversed(ENCODERS)),
    ("unet.", ""),
    ("transformer.", ""),
    ("model.diffusion_model.", ""),
    ("diffusion_model.", ""),
)
WRAPPERS = ("base_model.model.", "model.base_model.model.")
OLD_OUT = re.compile(r"(attn\d?)\.to_out$")  # of diffusers' attention processors

QKV = ("attn.to_q", "attn.to_k", "attn.to_v")
ADDED = ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj")
Fused = tuple[str, ...]
TURNED = "AdaLayerNormContinuous"  # of these the authors have scale and shift the other way round
DOUBLE: dict[str, Fused] = {
    "img_attn.qkv": QKV,
    "txt_attn.qkv": ADDED,
    "img_attn.proj": ("attn.to_out.0",),
    "txt_attn.proj": ("attn.to_add_out",),
}
FEED: dict[str, Fused] = {
    "img_mlp.0": ("ff.net.0.proj",),
    "img_mlp.2": ("ff.net.2",),
    "txt_mlp.0": ("ff_context.net.0.proj",),
    "txt_mlp.2": ("ff_context.net.2",),
}
FINAL: dict[str, Fused] = {
    "img_in": ("x_embedder",),
    "txt_in": ("context_embedder",),
    "final_layer.linear": ("proj_out",),
    "final_layer.adaLN_modulation.1": ("norm_out.linear",),
}
XLABS: dict[str, Fused] = {  # of its attention processors: 1 for the picture, 2 for the words
    "qkv_lora1": QKV,
    "qkv_lora2": ADDED,
    "proj_lora1": ("attn.to_out.0",),
    "proj_lora2": ("attn.to_add_out",),
}
XLABS_SINGLE: dict[str, Fused] = {"qkv": QKV, "proj": ("proj_out",)}
KREA2_ATTENTION = {"wq": "to_q", "wk": "to_k", "wv": "to_v", "wo": "to_out.0", "gate": "to_gate"}
SINGLE: dict[str, Fused] = {"linear1": (*QKV, "proj_mlp"), "linear2": ("proj_out",)}


def _time(prefix: str) -> dict[str, Fused]:
    embedders = {"time_in": "timestep_embedder", "guidance_in": "guidance_embedder"}
    embedders["vector_in"] = "text_embedder"
    return {
        f"{theirs}.{layer}": (f"{prefix}.{ours}.linear_{number}",)
        for theirs, ours in embedders.items()
        for layer, number in (("in_layer", 1), ("out_layer", 2))
    }


KREA2: dict[str, Fused] = {
    **{f"attn.{name}": (f"attn.{ours}",) for name, ours in KREA2_ATTENTION.items()},
    **{f"mlp.{name}": (f"ff.{name}",) for name in ("gate", "up", "down")},
}


# class -> (the authors' blocks, ours, what is in them) and what is outside of blocks
Blocks = tuple[str, str, Mapping[str, Fused]]
AUTHORS: dict[str, tuple[tuple[Blocks, ...], Mapping[str, Fused]]] = {
    "FluxTransformer2DModel": (
        (
            (
                *("double_blocks", "transformer_blocks"),
                DOUBLE
                | XLABS
                | FEED
                | {"img_mod.lin": ("norm1.linear",), "txt_mod.lin": ("norm1_context.linear",)},
            ),
            (
                *("single_blocks", "single_transformer_blocks"),
                SINGLE | XLABS_SINGLE | {"modulation.lin": ("norm.linear",)},
            ),
        ),
        FINAL | _time("time_text_embed"),
    ),
    "ChromaTransformer2DModel": (
        (
            ("double_blocks", "transformer_blocks", DOUBLE | FEED),
            ("single_blocks", "single_transformer_blocks", SINGLE),
            (
                *("distilled_guidance_layer.layers", "distilled_guidance_layer.layers"),
                {"in_layer": ("linear_1",), "out_layer": ("linear_2",)},
            ),
        ),
        {name: FINAL[name] for name in ("img_in", "txt_in", "final_layer.linear")},
    ),
    "Flux2Transformer2DModel": (
        (
            (
                *("double_blocks", "transformer_blocks"),
                DOUBLE
                | {
                    "img_mlp.0": ("ff.linear_in",),
                    "img_mlp.2": ("ff.linear_out",),
                    "txt_mlp.0": ("ff_context.linear_in",),
                    "txt_mlp.2": ("ff_context.linear_out",),
                },
            ),
            (
                *("single_blocks", "single_transformer_blocks"),
                {"linear1": ("attn.to_qkv_mlp_proj",), "linear2": ("attn.to_out",)},
            ),
        ),
        FINAL
        | _time("time_guidance_embed")
        | {
            f"{name}.lin": (f"{name}.linear",)
            for name in (
                *("double_stream_modulation_img", "double_stream_modulation_txt"),
                "single_stream_modulation",
            )
        },
    ),
    "SD3Transformer2DModel": (
        (
            (
                *("joint_blocks", "transformer_blocks"),
                {
                    "x_block.attn.qkv": QKV,
                    "context_block.attn.qkv": ADDED,
                    "x_block.attn.proj": ("attn.to_out.0",),
                    "context_block.attn.proj": ("attn.to_add_out",),
                    "x_block.attn2.qkv": ("attn2.to_q", "attn2.to_k", "attn2.to_v"),
                    "x_block.attn2.proj": ("attn2.to_out.0",),
                    "x_block.mlp.fc1": ("ff.net.0.proj",),
                    "x_block.mlp.fc2": ("ff.net.2",),
                    "context_block.mlp.fc1": ("ff_context.net.0.proj",),
                    "context_block.mlp.fc2": ("ff_context.net.2",),
                    "x_block.adaLN_modulation.1": ("norm1.linear",),
                    "context_block.adaLN_modulation.1": ("norm1_context.linear",),
                },
            ),
        ),
        {
            "x_embedder.proj": ("pos_embed.proj",),
            "t_embedder.mlp.0": ("time_text_embed.timestep_embedder.linear_1",),
            "t_embedder.mlp.2": ("time_text_embed.timestep_embedder.linear_2",),
            "y_embedder.mlp.0": ("time_text_embed.text_embedder.linear_1",),
            "y_embedder.mlp.2": ("time_text_embed.text_embedder.linear_2",),
            "final_layer.linear": ("proj_out",),
            "final_layer.adaLN_modulation.1": ("norm_out.linear",),
        },
    ),
    "ZImageTransformer2DModel": (
        tuple(
            (
                *(name, name),
                {
                    "attention.qkv": ("attention.to_q", "attention.to_k", "attention.to_v"),
                    "attention.out": ("attention.to_out.0",),
                },
            )
            for name in ("layers", "noise_refiner", "context_refiner")
        ),
        {
            "x_embedder": ("all_x_embedder.2-1",),
            **{
                f"final_layer.{name}": (f"all_final_layer.2-1.{name}",)
                for name in ("linear", "adaLN_modulation.1")
            },
        },
    ),
    "Krea2Transformer2DModel": (
        (
            ("blocks", "transformer_blocks", KREA2),
            ("txtfusion.layerwise_blocks", "text_fusion.layerwise_blocks", KREA2),
            ("txtfusion.refiner_blocks", "text_fusion.refiner_blocks", KREA2),
        ),
        {
            "first": ("img_in",),
            "last.linear": ("final_layer.linear",),
            "tmlp.0": ("time_embed.linear_1",),
            "tmlp.2": ("time_embed.linear_2",),
            "tproj.1": ("time_mod_proj",),
            "txtmlp.1": ("txt_in.linear_1",),
            "txtmlp.3": ("txt_in.linear_2",),
            "txtfusion.projector": ("text_fusion.projector",),
        },
    ),
}
LUMINA2: dict[str, Fused] = {
    "attention.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "attention.out": ("attn.to_out.0",),
    "adaLN_modulation.1": ("norm1.linear",),
    **{f"feed_forward.w{number}": (f"feed_forward.linear_{number}",) for number in (1, 2, 3)},
}
AUTHORS["Lumina2Transformer2DModel"] = (
    tuple((name, name, LUMINA2) for name in ("layers", "noise_refiner", "context_refiner")),
    {
        "cap_embedder.1": ("time_caption_embed.caption_embedder.1",),
        "t_embedder.mlp.0": ("time_caption_embed.timestep_embedder.linear_1",),
        "t_embedder.mlp.2": ("time_caption_embed.timestep_embedder.linear_2",),
        "final_layer.adaLN_modulation.1": ("norm_out.linear_1",),
        "final_layer.linear": ("norm_out.linear_2",),
    },
)
RESNET = {  # of UNets, ours -> CompVis'
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
UNET = {
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A module that a name stands for; `rows` and `halves_swapped` as in `lora_math.Change`."""

    name: str
    module: nn.Module
    rows: tuple[int, int] | None = None
    halves_swapped: bool = False


Index = dict[str, list[Target]]


class Names:
    """Of the denoiser and the text encoders of `host`, a pipeline."""

    def __init__(self, host: Any) -> None:
        self.denoiser: Any = getattr(host, "transformer", None) or host.unet
        self.parts: dict[str, nn.Module] = {"": self.denoiser}
        for name in ENCODERS:
            if getattr(host, name, None) is not None:
                self.parts[name] = getattr(host, name)
        self._dotted = {part: _index(module) for part, module in self.parts.items()}
        self._flat: dict[str, Index] = {}
        for part, index in self._dotted.items():
            self._flat[part] = {name.replace(".", "_"): found for name, found in index.items()}

    def find(self, name: str) -> list[Target]:
        """The modules that a layer of a file stands for; none where there are none."""
        for start, part in KOHYA:
            if name.startswith(start):
                return self._flat.get(part, {}).get(name.removeprefix(start), [])
        part, bare = split(name)
        return self._dotted.get(part, {}).get(bare, [])

    def replaces(self, key: str) -> bool:
        """Whether a weight is called as one of the denoiser's own layers has them, or as one has
        that another build of it would have."""
        part, bare = split(key)
        layer, _, parameter = bare.rpartition(".")
        block = layer.rpartition(".")[0]
        inside = {name for name, _ in self.denoiser.named_modules()}
        return part == "" and parameter in ("weight", "bias") and bool({layer, block} & inside)


def split(name: str) -> tuple[str, str]:
    """The part and the name in it, without what programs put before and between."""
    for wrapper in WRAPPERS:
        name = name.removeprefix(wrapper)
    part = ""
    for start, of in DOTTED:
        if name.startswith(start):
            name, part = name.removeprefix(start), of
            break
    for wrapper in WRAPPERS:
        name = name.removeprefix(wrapper)
    name = name.replace(".processor.", ".").replace("._orig_mod.", ".")
    return part, OLD_OUT.sub(r"\1.to_out.0", name)


def _index(module: nn.Module) -> Index:
    own = {
        name: [Target(name, layer)]
        for name, layer in module.named_modules()
        if isinstance(getattr(layer, "weight", None), nn.Parameter)
        and (isinstance(layer, nn.Linear | nn.Conv2d) or is_norm(layer))
    }
    index = dict(own)
    for name, found in own.items():  # transformers wraps CLIP's text model, or does not
        bare = name.removeprefix("text_model.")
        index.setdefault(bare, found)
        index.setdefault(f"text_model.{bare}", found)
    for theirs, ours in _authors(module, own):
        targets = _fused(ours, own, module)
        if targets:
            index.setdefault(theirs, targets)
    return index


def _fused(names: Fused, own: Index, whole: nn.Module) -> list[Target]:
    """Empty where not all are there."""
    targets: list[Target] = []
    at = 0
    for name in names:
        found = own.get(name)
        if not found:
            return []
        swapped = type(whole.get_submodule(name.rpartition(".")[0])).__name__ == TURNED
        layer: Any = found[0].module
        size: int = getattr(layer, "out_features", None) or getattr(layer, "out_channels", 0) or 0
        rows = (at, at + size) if len(names) > 1 else None
        targets.append(Target(found[0].name, layer, rows, swapped))
        at += size
    return targets


def _authors(module: nn.Module, own: Index) -> Iterator[tuple[str, Fused]]:
    """Names that the model's authors gave, and ours for them."""
    kind = type(module).__name__
    if kind == "UNet2DConditionModel":
        yield from ((theirs, (ours,)) for ours in own if (theirs := _unet_name(module, ours)))
    blocks, outside = AUTHORS.get(kind, ((), {}))
    yield from outside.items()
    for theirs, ours, inside in blocks:
        for number in _numbers(own, ours):
            for name, fused in inside.items():
                yield (
                    f"{theirs}.{number}.{name}",
                    tuple(f"{ours}.{number}.{one}" for one in fused),
                )


def _numbers(own: Index, blocks: str) -> list[str]:
    starts = (name.removeprefix(f"{blocks}.") for name in own if name.startswith(f"{blocks}."))
    return sorted({start.split(".", 1)[0] for start in starts})


BLOCK = re.compile(
    r"(?P<side>down|up)_blocks\.(?P<block>\d+)\."
    r"(?P<what>resnets|attentions|downsamplers|upsamplers)\.(?P<layer>\d+)\.(?P<rest>.+)"
)
MIDDLE = re.compile(r"mid_block\.(?P<what>resnets|attentions)\.(?P<layer>\d+)\.(?P<rest>.+)")


def _unet_name(unet: Any, ours: str) -> str:
    """As CompVis' program calls a layer of a UNet; empty where it has no other name."""
    if ours in UNET:
        return UNET[ours]
    if found := MIDDLE.fullmatch(ours):
        place = 2 * int(found["layer"]) + (found["what"] == "attentions")
        return f"middle_block.{place}.{_inside(found['what'], found['rest'])}"
    found = BLOCK.fullmatch(ours)
    if not found:
        return ""
    layers = unet.config.layers_per_block
    layers = layers[0] if isinstance(layers, list | tuple) else layers
    block, layer, what = int(found["block"]), int(found["layer"]), found["what"]
    inside = _inside(what, found["rest"])
    if found["side"] == "down":
        if what == "downsamplers":
            return f"input_blocks.{(block + 1) * (layers + 1)}.0.op"
        return (
            f"input_blocks.{1 + block * (layers + 1) + layer}.{int(what == 'attentions')}.{inside}"
        )
    if what == "upsamplers":
        attends = hasattr(unet.up_blocks[block], "attentions")
        return f"output_blocks.{block * (layers + 1) + layers}.{2 if attends else 1}.conv"
    return f"output_blocks.{block * (layers + 1) + layer}.{int(what == 'attentions')}.{inside}"


def _inside(what: str, rest: str) -> str:
    return RESNET.get(rest, rest) if what == "resnets" else rest
