"""The calls that tell what there is: models, samplers, schedulers, and honest empty lists."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pentimento.api import services
from pentimento.api.faces.a1111.fields import SCHEDULERS
from pentimento.jobs.record import SAMPLERS

EMPTY = (
    *("hypernetworks", "sd-vae", "prompt-styles", "face-restorers", "realesrgan-models"),
    *("script-info", "latent-upscale-modes", "extensions"),
)


async def ping(request: Request) -> Response:
    return JSONResponse({})


async def models(request: Request) -> Response:
    """Titles are the ids; there are no paths and no hashes to give."""
    found = await asyncio.to_thread(services.of(request).registry.list)
    return JSONResponse(
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


async def refresh(request: Request) -> Response:
    """The list is read from the disk each time."""
    return JSONResponse(None)


async def samplers(request: Request) -> Response:
    return JSONResponse(
        [
            {
                "name": name,
                "aliases": [f"k_{name.lower().replace(' ', '_')}"],
                "options": {"scheduler": "karras"} if name.endswith("Karras") else {},
            }
            for name in SAMPLERS
        ]
    )


async def schedulers(request: Request) -> Response:
    return JSONResponse(
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
    return JSONResponse({"api": True, "listen": False, "share": False, "nowebui": True})


async def scripts(request: Request) -> Response:
    return JSONResponse({"txt2img": [], "img2img": []})


async def embeddings(request: Request) -> Response:
    return JSONResponse({"loaded": {}, "skipped": {}})


async def loras(request: Request) -> Response:
    """Names are the ids, as `<lora:name:weight>` takes them."""
    found = await asyncio.to_thread(services.of(request).registry.addons.list)
    return JSONResponse(
        [
            {"name": addon.id, "alias": addon.title, "path": "", "metadata": {}}
            for addon in found
            if addon.kind == "lora" and addon.ok
        ]
    )


async def nothing(request: Request) -> Response:
    return JSONResponse([])


async def memory(request: Request) -> Response:
    """Of the engine, in bytes; A1111 tells of the card, which is the engine's to know."""
    status = await services.of(request).backend.status()
    used = (status["memory_mb"] or 0) * 2**20
    return JSONResponse({"ram": {"used": used}, "cuda": {"error": "not told"}})
