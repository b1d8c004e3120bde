"""Networks that steer, by the class in their config.json, and which maps they take. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pentimento.models.library.sidecar import DATA_SHEET, read_json
from pentimento.models.weights.header import Damaged
from pentimento.schema.vocabulary import (
    CONTROL_TYPES,
    FROM_SELECTION,
    Architecture,
    ControlType,
)

CONTROL_NET, UNION, T2I_ADAPTER = "ControlNetModel", "ControlNetUnionModel", "T2IAdapter"
SD3, FLUX = "SD3ControlNetModel", "FluxControlNetModel"
QWEN_IMAGE, Z_IMAGE = "QwenImageControlNetModel", "ZImageControlNetModel"
TRANSFORMER_FAMILIES = {
    SD3: Architecture.SD3,
    FLUX: Architecture.FLUX,
    QWEN_IMAGE: Architecture.QWEN_IMAGE,
    Z_IMAGE: Architecture.Z_IMAGE,
}
CLASSES = (CONTROL_NET, UNION, T2I_ADAPTER, *TRANSFORMER_FAMILIES)
TYPES = CONTROL_TYPES
SDXL_CONTEXT = 2048  # width of its prompts; its nets of one kind do not agree on what a hole is
# As the union ControlNets for SDXL number their kinds (xinsir's, diffusers' control_mode).
UNION_MODES: dict[str, int] = {
    ControlType.OPENPOSE: 0,
    ControlType.DEPTH: 1,
    ControlType.SCRIBBLE: 2,
    ControlType.SOFTEDGE: 2,
    ControlType.CANNY: 3,
    ControlType.LINEART: 3,
    ControlType.NORMAL: 4,
    ControlType.SEG: 5,
    ControlType.TILE: 6,
    FROM_SELECTION: 7,
}
# As union ControlNets for FLUX.1 number theirs (InstantX', Shakker Labs'). Blurred (3), gray (5)
# and low quality pictures (6) are no maps of ours.
FLUX_UNION_MODES: dict[str, int] = {
    ControlType.CANNY: 0,
    ControlType.TILE: 1,
    ControlType.DEPTH: 2,
    ControlType.OPENPOSE: 4,
}
# What nets of several kinds take that need not be told which one: by the "union" in their names.
UNTOLD_UNIONS: dict[str, tuple[ControlType, ...]] = dict.fromkeys(
    (Architecture.FLUX, Architecture.QWEN_IMAGE, Architecture.Z_IMAGE),
    (ControlType.CANNY, ControlType.SOFTEDGE, ControlType.DEPTH, ControlType.OPENPOSE),
)
# Of nets that read the mask beside the picture's latents, the channels that are there for it:
# alimama's for SD 3, InstantX' for Qwen-Image, where four latents are one token.
MASK_CHANNELS = {
    SD3: ("extra_conditioning_channels", 1),
    QWEN_IMAGE: ("extra_condition_channels", 4),
}
EXTRA = ("extra_condition_channels", "extra_conditioning_channels")
Z_IMAGE_FILLS = 33  # channels: a map's latents, the mask, latents of the picture around it
# What a hole is in the picture that a net reads, from 0 (black) to 1. ControlNet 1.1 says -1.
HOLES = {CONTROL_NET: -1.0, Z_IMAGE: 0.5}
BLACK = 0.0
# How much a net counts that comes by itself, where it is told that all of it is too much
# (krita-ai-diffusion's settings for the same nets).
OWN_WEIGHTS: dict[str, float] = {Architecture.Z_IMAGE: 0.5}
ADAPTER_FAMILIES = {  # T2I-Adapters don't say which UNet they are for, but their kinds do
    "full_adapter": Architecture.SD15,
    "light_adapter": Architecture.SD15,
    "full_adapter_xl": Architecture.SDXL,
}


def class_of(folder: Path) -> str:
    """Raises Damaged for a folder that holds something else."""
    name = str(read_json(folder / "config.json").get("_class_name"))
    if name not in CLASSES:
        raise Damaged(f"config.json is of a {name}, not of a {', '.join(CLASSES)}")
    return name


def types_of(folder: Path, config: dict[str, Any], sheet: dict[str, Any]) -> tuple[str, ...]:
    """The types of maps a network takes: as its own data sheet says, else all of a union, else by
    the folder's name; empty where nothing tells."""
    said, modes = sheet.get("control"), modes_of(config)
    if _needs_mask(config):
        return (FROM_SELECTION,)
    fills = _may_fill(config)
    if said is not None:
        known = modes if modes is not None else (*TYPES, FROM_SELECTION) if fills else TYPES
        found = (said,) if isinstance(said, str) else tuple(said) if isinstance(said, list) else ()
        if not found or not set(found) <= set(known):
            raise Damaged(
                f"{DATA_SHEET} has a wrong value for control; known are {', '.join(known)}"
            )
        return found
    if modes is not None:
        return tuple(modes)
    if fills and FROM_SELECTION in folder.name.lower():
        return (FROM_SELECTION,)
    named = types_named(folder.name, TRANSFORMER_FAMILIES.get(config["_class_name"], ""))
    return (*named, FROM_SELECTION) if fills and config["_class_name"] == Z_IMAGE else named


def _needs_mask(config: Mapping[str, Any]) -> bool:
    """Whether it was made to fill, and for nothing else."""
    name, channels = MASK_CHANNELS.get(str(config["_class_name"]), ("", 0))
    return bool(name) and config.get(name) == channels


def hole_of(folder: Path) -> float:
    """What is to be in the place of what is selected, in the picture that this net reads."""
    name = CONTROL_NET
    if folder.is_dir():
        name = class_of(folder)
    return HOLES.get(name, BLACK)


def _may_fill(config: Mapping[str, Any]) -> bool:
    """Whether nothing speaks against one that reads the picture with -1 in the hole, as those of SD
    1.5 do (Zhang, "ControlNet 1.1", control_v11p_sd15_inpaint); or has room for the mask."""
    if config["_class_name"] == Z_IMAGE:
        return bool(config.get("control_in_dim") == Z_IMAGE_FILLS)
    of_unet = config["_class_name"] == CONTROL_NET
    return of_unet and config.get("cross_attention_dim") != SDXL_CONTEXT


def modes_of(config: Mapping[str, Any]) -> dict[str, int] | None:
    """The numbers by which a network of several kinds is told which one a map is; None for one that
    is not told."""
    table, count = {
        UNION: (UNION_MODES, config.get("num_control_type") or 0),
        FLUX: (FLUX_UNION_MODES, config.get("num_mode")),
    }.get(str(config["_class_name"]), ({}, None))
    if count is None:
        return None
    return {kind: mode for kind, mode in table.items() if mode < count}


def types_named(name: str, family: str = "") -> tuple[str, ...]:
    """The type of maps that a name tells, if any; several for the unions of some families."""
    plain = name.lower().replace("_", "").replace("-", "")
    if "union" in plain and family in UNTOLD_UNIONS:
        return UNTOLD_UNIONS[family]
    return next(((kind,) for kind in TYPES if kind in plain), ())


def families_of(config: dict[str, Any], sheet: dict[str, Any]) -> frozenset[str]:
    """The families it was made for, where the width of their prompts does not tell; else empty."""
    name, said = str(config["_class_name"]), sheet.get("family")
    if name in TRANSFORMER_FAMILIES:
        return frozenset({TRANSFORMER_FAMILIES[name]})
    if said is not None:
        if not isinstance(said, str):
            raise Damaged(f"{DATA_SHEET} has a wrong value for family")
        return frozenset({said})
    if name != T2I_ADAPTER:
        return frozenset()
    kind = str(config.get("adapter_type"))
    if kind not in ADAPTER_FAMILIES:
        raise Damaged(f"config.json has the adapter_type {kind}, which is not known")
    return frozenset({ADAPTER_FAMILIES[kind]})


def check_inputs(config: Mapping[str, Any]) -> None:
    """Raises Damaged for a network that reads what nobody here can give it."""
    if any(config.get(name) for name in EXTRA) and not _needs_mask(config):
        raise Damaged(
            "It is a ControlNet for inpainting, which reads the selection too, and cannot be used "
            "yet; selections are filled without one"
        )
