"""Networks that steer, by the class in their config.json, and which maps they take. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pentimento.models.inspect import read_json
from pentimento.models.weights import Damaged

CONTROL_NET, UNION, T2I_ADAPTER = "ControlNetModel", "ControlNetUnionModel", "T2IAdapter"
CLASSES = (CONTROL_NET, UNION, T2I_ADAPTER)
TYPES = ("canny", "scribble", "lineart", "softedge", "depth", "normal", "openpose", "seg", "tile")
# As the union ControlNets for SDXL number their kinds (xinsir's, diffusers' control_mode).
UNION_MODES = {
    "openpose": 0,
    "depth": 1,
    "scribble": 2,
    "softedge": 2,
    "canny": 3,
    "lineart": 3,
    "normal": 4,
    "seg": 5,
    "tile": 6,
}
ADAPTER_FAMILIES = {  # T2I-Adapters don't say which UNet they are for, but their kinds do
    "full_adapter": "sd15",
    "light_adapter": "sd15",
    "full_adapter_xl": "sdxl",
}
SHEET = "pentimento.json"


def class_of(folder: Path) -> str:
    """Raises Damaged for a folder that holds something else."""
    name = str(read_json(folder / "config.json").get("_class_name"))
    if name not in CLASSES:
        raise Damaged(f"config.json is of a {name}, not of a {', '.join(CLASSES)}")
    return name


def types_of(folder: Path, config: dict[str, Any], sheet: dict[str, Any]) -> tuple[str, ...]:
    """The types of maps a network takes: as its own data sheet says, else all of a union, else by
    the folder's name; empty where nothing tells."""
    said = sheet.get("control")
    if said is not None:
        found = (said,) if isinstance(said, str) else tuple(said) if isinstance(said, list) else ()
        if not found or not set(found) <= set(TYPES):
            raise Damaged(f"{SHEET} has a wrong value for control; known are {', '.join(TYPES)}")
        return found
    if config["_class_name"] == UNION:
        kinds = config.get("num_control_type") or 0
        return tuple(kind for kind, mode in UNION_MODES.items() if mode < kinds)
    return types_named(folder.name)


def types_named(name: str) -> tuple[str, ...]:
    """The type of maps that a name tells, if any."""
    plain = name.lower().replace("_", "").replace("-", "")
    return next(((kind,) for kind in TYPES if kind in plain), ())


def families_of(config: dict[str, Any], sheet: dict[str, Any]) -> frozenset[str]:
    """The families it was made for, where the width of their prompts does not tell; else empty."""
    said = sheet.get("family")
    if said is not None:
        if not isinstance(said, str):
            raise Damaged(f"{SHEET} has a wrong value for family")
        return frozenset({said})
    if config["_class_name"] != T2I_ADAPTER:
        return frozenset()
    kind = str(config.get("adapter_type"))
    if kind not in ADAPTER_FAMILIES:
        raise Damaged(f"config.json has the adapter_type {kind}, which is not known")
    return frozenset({ADAPTER_FAMILIES[kind]})


def sheet_of(folder: Path) -> dict[str, Any]:
    """The folder's own pentimento.json, empty where there is none."""
    file = folder / SHEET
    return read_json(file) if file.is_file() else {}
