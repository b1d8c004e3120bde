"""The ControlNet extension's units as controls of a job.

A unit's picture is brought to the size of the job, its detector is run at that size, and the map
goes along with the job. Units that cannot be followed are refused in words; nothing is generated.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AliasChoices, Field

from pentimento.api.compat import common
from pentimento.api.compat.a1111.fields import Lenient, unsupported
from pentimento.api.services import Services
from pentimento.core.errors import BadInput, field_error
from pentimento.core.geometry import Box, Size
from pentimento.schema.job import Control

if TYPE_CHECKING:
    import numpy as np

MODULES = ("none", "canny", "invert")
SCRIPT = "controlnet"
WAYS = {
    "just resize": "stretch",
    "crop and resize": "crop",
    "resize and fill": "pad",
    "inner fit (scale to fit)": "crop",  # as the extension named them at first
    "scale to fit (inner fit)": "crop",
    "outer fit (shrink to fit)": "pad",
    "envelope (outer fit)": "pad",
    "0": "stretch",
    "1": "crop",
    "2": "pad",
    "3": "stretch",
}
NO_EFFECT = (  # scripts about memory and windows: the picture is the same without them
    "never oom integrated",
    "never oom",
    "extra options",
    "comments",
)
BALANCED = ("balanced", "0")
HASH = re.compile(r"\s*\[[0-9a-f]*\]$")  # after a model's name, as A1111 shows it


class Switch(Lenient):
    enabled: bool = True


class Unit(Switch):
    module: str = "none"
    model: str | None = None
    weight: Annotated[float, Field(ge=0, le=2)] = 1.0
    image: Any = Field(default=None, validation_alias=AliasChoices("image", "input_image"))
    resize_mode: int | str = 1
    control_mode: int | str = 0
    guidance_start: Annotated[float, Field(ge=0, le=1)] = 0.0
    guidance_end: Annotated[float, Field(ge=0, le=1)] = Field(
        default=1.0, validation_alias=AliasChoices("guidance_end", "guidance")
    )
    threshold_a: float = -1
    threshold_b: float = -1


@dataclass(frozen=True, slots=True)
class UnitPlace:
    """The job as a unit's picture sees it: the whole picture's `size`, of which `box` is made."""

    size: Size
    box: Box
    picture: str | None = None  # base64, for units that have none of their own


def read(scripts: dict[str, Any] | None) -> list[Unit]:
    """The units that have an effect. Raises BadInput for one that cannot be followed, and for any
    other script that is switched on."""
    found = []
    for name, script in (scripts or {}).items():
        args = script.get("args") if isinstance(script, dict) else script
        listed = args if isinstance(args, list) else [args]
        if name.lower() == SCRIPT:
            found += list(_units(listed))
        elif name.lower() not in NO_EFFECT and any(_is_on(arg) for arg in listed):
            raise unsupported("alwayson_scripts", f"The script “{name[:64]}” does not exist here")
    return found


async def controls(server: Services, units: list[Unit], place: UnitPlace) -> list[Control]:
    return [await _control(server, unit, place) for unit in units]


def _units(listed: list[Any]) -> Iterator[Unit]:
    """A unit is off when it says so or weighs nothing."""
    for number, fields in enumerate(listed):
        if not isinstance(fields, dict):
            if fields:
                raise _refused(number, "it is a list of values; send fields with names")
            continue
        if not Switch.model_validate(fields).enabled:
            continue  # whatever else it says
        unit = Unit.model_validate(fields)
        if unit.weight == 0:
            continue
        if unit.module.lower() not in MODULES:
            raise _refused(number, f"the module “{unit.module[:64]}” is not available")
        if str(unit.control_mode).lower() not in BALANCED:
            raise _refused(number, "only the control mode “Balanced” exists here")
        if str(unit.resize_mode).lower() not in WAYS:
            raise _refused(number, f"there is no resize mode “{str(unit.resize_mode)[:64]}”")
        yield unit


async def _control(server: Services, unit: Unit, place: UnitPlace) -> Control:
    sent = _picture_of(unit) or place.picture
    if not sent:
        raise BadInput(
            "bad_image", "A ControlNet unit has no picture.", "Send one in its field “image”."
        )
    blob = await common.receive(server, await common.unpack(sent))
    whole = await common.load(server, blob)
    way: Any = WAYS[str(unit.resize_mode).lower()]
    fitted = await common.fit(whole, place.size, way)
    box = place.box
    drawn = await asyncio.to_thread(_map, fitted[box.y : box.bottom, box.x : box.right], unit)
    name = HASH.sub("", unit.model or "").strip()
    model = None if name.lower() in ("", "none") else name
    kind = "canny" if model is None else await asyncio.to_thread(_type_of, server, model)
    return Control(
        type=kind,
        image=await common.keep(server, drawn),
        weight=unit.weight,
        start=unit.guidance_start,
        end=unit.guidance_end,
        model=model,
    )


def _type_of(server: Services, model: str) -> str:
    return server.registry.addons.get("controlnet", model).control or "canny"


def _picture_of(unit: Unit) -> str | None:
    """Old clients send `{"image": ..., "mask": ...}`."""
    picture = unit.image.get("image") if isinstance(unit.image, dict) else unit.image
    return picture if isinstance(picture, str) and picture else None


def _map(picture: np.ndarray, unit: Unit) -> np.ndarray:
    """`(h, w, 4)` u8, what the ControlNet gets."""
    import numpy as np

    from pentimento.imaging import control_maps, pixels

    rgba = pixels.to_depth(np.ascontiguousarray(picture), np.uint8).copy()
    if unit.module == "invert":
        rgba[..., :3] = 255 - rgba[..., :3]
    elif unit.module == "canny":
        low, high = unit.threshold_a, unit.threshold_b
        found = control_maps.canny(
            rgba, control_maps.LOW if low < 0 else low, control_maps.HIGH if high < 0 else high
        )
        rgba[..., :3], rgba[..., 3] = found[..., None], 255
    return rgba


def _refused(number: int, why: str) -> BadInput:
    return BadInput(
        "unsupported",
        f"ControlNet unit {number} cannot be used: {why}. Nothing was generated.",
        "Switch the unit off, or use the module canny or none.",
        details=field_error(f"alwayson_scripts.{SCRIPT}", why),
    )


def _is_on(arg: Any) -> bool:
    """Whether a script's argument switches it on; extensions send False or {} for off."""
    return bool(arg) if isinstance(arg, bool | dict) else False
