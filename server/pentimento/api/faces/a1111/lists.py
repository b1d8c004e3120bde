"""The calls that tell what there is: models, samplers, schedulers, and honest empty lists."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pentimento.api import services
from pentimento.api.faces.a1111 import state
from pentimento.api.faces.a1111.fields import SCHEDULERS
from pentimento.jobs.record import SAMPLERS
from pentimento.models import Registry

EMPTY = (
    *("hypernetworks", "face-restorers", "realesrgan-models"),
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


async def vaes(request: Request) -> Response:
    found = await asyncio.to_thread(services.of(request).registry.vaes.list)
    return JSONResponse([{"model_name": vae.id, "filename": vae.id} for vae in found if vae.ok])


async def styles(request: Request) -> Response:
    found = await asyncio.to_thread(services.of(request).styles.list)
    return JSONResponse(
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
    """Those that fit the chosen model are told as loaded."""
    server = services.of(request)
    chosen = state.of(request).options.model
    return JSONResponse(await asyncio.to_thread(_embeddings, server.registry, chosen))


def _embeddings(registry: Registry, chosen: str | None) -> dict[str, dict[str, Any]]:
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
