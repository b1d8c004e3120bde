"""The calls that list what there is: models, samplers, schedulers, honest empty lists, and those of
the ControlNet extension with its detectors where they need no network. The units of a job are in
`units`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pydantic import AliasChoices, Field
from starlette.requests import Request
from starlette.responses import Response

from pentimento.api import jsontext, services
from pentimento.api.compat import common
from pentimento.api.compat.a1111 import options
from pentimento.api.compat.a1111.fields import MOST_SENT, SCHEDULERS, Lenient, alias
from pentimento.api.compat.a1111.units import MODULES
from pentimento.api.compat.common import read_json
from pentimento.api.jsontext import JSONAnswer
from pentimento.api.services import Services
from pentimento.core.errors import BadInput
from pentimento.jobs.store import Blob
from pentimento.models.library.registry import Registry
from pentimento.schema.job import SAMPLERS

if TYPE_CHECKING:
    import numpy as np


EMPTY = (
    *("hypernetworks", "face-restorers", "realesrgan-models"),
    *("script-info", "latent-upscale-modes", "extensions"),
)


async def ping(request: Request) -> Response:
    return JSONAnswer({})


async def models(request: Request) -> Response:
    """Titles are the ids; there are no paths and no hashes to give."""
    found = await asyncio.to_thread(services.of(request).registry.list)
    return JSONAnswer(
        [
            {
                "title": info.id,
                "model_name": info.id,
                "hash": None,
                "sha256": None,
                "filename": info.id,
                "config": None,
            }
            for info in found
            if info.ok
        ]
    )


async def vaes(request: Request) -> Response:
    found = await asyncio.to_thread(services.of(request).registry.vaes.list)
    return JSONAnswer([{"model_name": vae.id, "filename": vae.id} for vae in found if vae.ok])


async def styles(request: Request) -> Response:
    found = await asyncio.to_thread(services.of(request).styles.list)
    return JSONAnswer(
        [
            {
                "name": entry.name,
                "prompt": entry.style.prompt,
                "negative_prompt": entry.style.negative_prompt,
            }
            for entry in found
            if not entry.problem
        ]
    )


async def refresh(request: Request) -> Response:
    """The list is read from the disk each time."""
    return JSONAnswer(None)


async def samplers(request: Request) -> Response:
    return JSONAnswer(
        [
            {
                "name": name,
                "aliases": [alias(name)],
                "options": {"scheduler": "karras"} if name.endswith("Karras") else {},
            }
            for name in SAMPLERS
        ]
    )


async def schedulers(request: Request) -> Response:
    return JSONAnswer(
        [
            {
                "name": name,
                "label": name.capitalize(),
                "aliases": None,
                "default_rho": -1.0,
                "need_inner_model": False,
            }
            for name in SCHEDULERS
        ]
    )


async def flags(request: Request) -> Response:
    return JSONAnswer({"api": True, "listen": False, "share": False, "nowebui": True})


async def scripts(request: Request) -> Response:
    return JSONAnswer({"txt2img": [], "img2img": []})


async def embeddings(request: Request) -> Response:
    """Those that fit the chosen model are told as loaded."""
    server = services.of(request)
    chosen = options.state_of(request).options.model
    return JSONAnswer(await asyncio.to_thread(_embeddings, server.registry, chosen))


def _embeddings(registry: Registry, chosen: str | None) -> dict[str, dict[str, Any]]:
    registry = registry.snapshot(whole=True)
    model = registry.get(chosen or registry.default_id)
    told: dict[str, dict[str, Any]] = {"loaded": {}, "skipped": {}}
    for embedding in registry.embeddings.list():
        where = told["loaded" if embedding.fits(model) else "skipped"]
        where[embedding.item.place.path.stem] = {
            "step": None,
            "sd_checkpoint": None,
            "sd_checkpoint_name": None,
            "shape": sum(embedding.widths),
            "vectors": embedding.vectors,
        }
    return told


async def loras(request: Request) -> Response:
    """Names are the ids, as `<lora:name:weight>` takes them."""
    found = await asyncio.to_thread(services.of(request).registry.addons.of, "lora")
    return JSONAnswer(
        [
            {"name": addon.id, "alias": addon.title, "path": "", "metadata": {}}
            for addon in found
            if addon.ok
        ]
    )


async def nothing(request: Request) -> Response:
    return JSONAnswer([])


async def memory(request: Request) -> Response:
    """Of the engine, in bytes; A1111 tells of the card, which is the engine's to know."""
    status = await services.of(request).backend.status()
    used = (status.memory_mb or 0) * 2**20
    return JSONAnswer({"ram": {"used": used}, "cuda": {"error": "not told"}})


API_VERSION = 3
MOST_UNITS = 8  # controls of one job
DEFAULT_SIDE = 512  # px of the shorter side, when a detector's resolution is not given
INPUTS = AliasChoices("controlnet_input_images", "controlnet_images")


class Detect(Lenient):
    controlnet_module: str = "none"
    controlnet_input_images: list[str] = Field(validation_alias=INPUTS, max_length=MOST_SENT)
    controlnet_processor_res: int = Field(default=-1, ge=-1, le=8192)
    controlnet_threshold_a: float = -1
    controlnet_threshold_b: float = -1


async def version(request: Request) -> Response:
    return JSONAnswer({"version": API_VERSION})


async def controlnet_models(request: Request) -> Response:
    return JSONAnswer({"model_list": await asyncio.to_thread(_names, services.of(request))})


def _names(server: services.Services) -> list[str]:
    return [addon.id for addon in server.registry.addons.of("controlnet") if addon.ok]


async def modules(request: Request) -> Response:
    sliders = {
        "canny": [
            {"name": "Preprocessor Resolution", "value": DEFAULT_SIDE, "min": 64, "max": 2048},
            {"name": "Low Threshold", "value": 100, "min": 1, "max": 255},
            {"name": "High Threshold", "value": 200, "min": 1, "max": 255},
        ]
    }
    detail = {name: {"model_free": True, "sliders": sliders.get(name, [])} for name in MODULES}
    return JSONAnswer({"module_list": list(MODULES), "module_detail": detail})


async def types(request: Request) -> Response:
    names = await asyncio.to_thread(_names, services.of(request))
    found = {"All": MODULES, "Canny": ("none", "canny")}
    return JSONAnswer(
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
    return JSONAnswer({"control_net_unit_count": MOST_UNITS})


async def detect(request: Request) -> Response:
    server = services.of(request)
    wanted = await read_json(request, Detect, server)
    if wanted.controlnet_module not in MODULES:
        raise BadInput(
            "unsupported",
            f"The module “{wanted.controlnet_module[:64]}” is not available.",
            f"Use one of {', '.join(MODULES)}.",
        )
    found = []
    for text in wanted.controlnet_input_images:
        blob = await common.receive(server, await common.unpack(text))
        async with server.pixel_turn():
            found.append(await asyncio.to_thread(_detected, server, blob, wanted))
    return jsontext.with_pictures({"images": found, "info": "Success", "poses": []})


def _detected(server: Services, blob: Blob, wanted: Detect) -> jsontext.Base64:
    from pentimento.imaging import bands, decode

    picture = bands.load_u8(bands.of(server.blobs.file(blob)), 3, srgb=True)
    made = picture if wanted.controlnet_module == "none" else _map(picture, wanted)
    return common.encode(server, bands.of_values(decode.Decoded(made)), None)


def _map(picture: np.ndarray, wanted: Detect) -> np.ndarray:
    from pentimento.core.geometry import Size
    from pentimento.imaging import control_maps
    from pentimento.imaging.resize import fit

    size = Size(picture.shape[1], picture.shape[0])
    side = wanted.controlnet_processor_res
    factor = (DEFAULT_SIDE if side <= 0 else side) / size.shortest
    rgb = fit(picture, size.scaled(factor), "stretch")
    if wanted.controlnet_module == "invert":
        return 255 - rgb
    low, high = wanted.controlnet_threshold_a, wanted.controlnet_threshold_b
    found = control_maps.canny(
        rgb, control_maps.LOW if low < 0 else low, control_maps.HIGH if high < 0 else high
    )
    return found[..., None]
