"""The ControlNet extension's own calls: what there is, and its detectors where they need no
network. The units of a job are in `units`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import AliasChoices, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pentimento.api import services
from pentimento.api.faces import pictures
from pentimento.api.faces.a1111.fields import Lenient
from pentimento.api.faces.a1111.units import MODULES
from pentimento.api.faces.running import read_body
from pentimento.errors import BadInput

if TYPE_CHECKING:
    import numpy as np

API_VERSION = 3
MOST_UNITS = 8  # controls of one job
DEFAULT_SIDE = 512  # px of the shorter side, when a detector's resolution is not given
INPUTS = AliasChoices("controlnet_input_images", "controlnet_images")


class Detect(Lenient):
    controlnet_module: str = "none"
    controlnet_input_images: list[str] = Field(validation_alias=INPUTS)
    controlnet_processor_res: int = Field(default=-1, ge=-1, le=8192)
    controlnet_threshold_a: float = -1
    controlnet_threshold_b: float = -1


async def version(request: Request) -> Response:
    return JSONResponse({"version": API_VERSION})


async def models(request: Request) -> Response:
    return JSONResponse({"model_list": await asyncio.to_thread(_names, services.of(request))})


def _names(server: services.Services) -> list[str]:
    found = server.registry.addons.list()
    return [addon.id for addon in found if addon.kind == "controlnet" and addon.ok]


async def modules(request: Request) -> Response:
    sliders = {
        "canny": [
            {"name": "Preprocessor Resolution", "value": DEFAULT_SIDE, "min": 64, "max": 2048},
            {"name": "Low Threshold", "value": 100, "min": 1, "max": 255},
            {"name": "High Threshold", "value": 200, "min": 1, "max": 255},
        ]
    }
    detail = {name: {"model_free": True, "sliders": sliders.get(name, [])} for name in MODULES}
    return JSONResponse({"module_list": list(MODULES), "module_detail": detail})


async def types(request: Request) -> Response:
    names = await asyncio.to_thread(_names, services.of(request))
    found = {"All": MODULES, "Canny": ("none", "canny")}
    return JSONResponse(
        {
            "control_types": {
                name: {
                    "module_list": list(listed),
                    "model_list": ["None", *names],
                    "default_option": listed[-1] if name != "All" else "none",
                    "default_model": "None",
                }
                for name, listed in found.items()
            }
        }
    )


async def settings(request: Request) -> Response:
    return JSONResponse({"control_net_unit_count": MOST_UNITS})


async def detect(request: Request) -> Response:
    server = services.of(request)
    wanted = Detect.model_validate_json(await read_body(request, server))
    if wanted.controlnet_module not in MODULES:
        raise BadInput(
            "unsupported",
            f"The module “{wanted.controlnet_module[:64]}” is not available.",
            f"Use one of {', '.join(MODULES)}.",
        )
    found = []
    for text in wanted.controlnet_input_images:
        blob = await pictures.receive(server, pictures.unpack(text))
        picture = await pictures.load(server, blob)
        png = await asyncio.to_thread(_detected, picture, wanted)
        found.append(pictures.base64_of(png))
    return JSONResponse({"images": found, "info": "Success", "poses": []})


def _detected(picture: np.ndarray, wanted: Detect) -> bytes:
    import numpy as np

    from pentimento.imaging import edges, pixels
    from pentimento.imaging.fit import fit
    from pentimento.imaging.geometry import Size

    if wanted.controlnet_module == "none":
        return pixels.encode_png(pixels.to_depth(picture, np.uint8)[..., :3])
    size = Size(picture.shape[1], picture.shape[0])
    side = wanted.controlnet_processor_res
    factor = (DEFAULT_SIDE if side <= 0 else side) / size.shortest
    rgb = fit(pixels.to_depth(picture, np.uint8), size.scaled(factor), "stretch")[..., :3]
    if wanted.controlnet_module == "invert":
        return pixels.encode_png(255 - rgb)
    low, high = wanted.controlnet_threshold_a, wanted.controlnet_threshold_b
    found = edges.canny(rgb, edges.LOW if low < 0 else low, edges.HIGH if high < 0 else high)
    return pixels.encode_png(found[..., None])
