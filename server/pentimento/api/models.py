"""GET /v1/models and /v1/capabilities."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pentimento.api import services
from pentimento.jobs.blobs import FILE_TYPES, RAW_TYPE
from pentimento.jobs.plan import DEFAULT_STRENGTH
from pentimento.jobs.record import MAX_PROMPT, SAMPLERS, Mode, PixelFormat
from pentimento.models import ModelInfo, Registry
from pentimento.models.addons import CONTROL_TYPES

LATER = "This version of the server cannot do it yet."
MISSING = ("outpaint", "upscale")
NO_EDITOR = (
    "No installed model follows instructions; FLUX.2 klein, FLUX.1 Kontext and Qwen-Image-Edit do."
)
TOLD_LIMITS = ("json_body", "file_body", "pixels", "side", "queued", "result_age", "blob_age")


async def models(request: Request) -> Response:
    registry = services.of(request).registry
    return JSONResponse(await asyncio.to_thread(_everything, registry))


def _everything(registry: Registry) -> dict[str, list[Any]]:
    found, addons = registry.list(), registry.addons.list()
    told: dict[str, list[Any]] = {"models": [info.as_json() for info in found]}
    for name, kind in (("controlnets", "controlnet"), ("loras", "lora")):
        told[name] = [addon.as_json(found) for addon in addons if addon.kind == kind]
    told["embeddings"] = [embedding.as_json(found) for embedding in registry.embeddings.list()]
    told["upscalers"] = [item.as_json(found) for item in registry.inventory.of("upscaler")]
    told["ip_adapters"] = [adapter.as_json(found) for adapter in registry.ip_adapters.list()]
    told["vaes"] = [vae.as_json(found) for vae in registry.vaes.list()]
    told["wildcards"] = registry.wildcards.names()
    return told


async def capabilities(request: Request) -> Response:
    server = services.of(request)
    found = await asyncio.to_thread(server.registry.list)
    annotators = server.registry.annotators
    drawable = list(await asyncio.to_thread(annotators.drawable))
    undrawn = await asyncio.to_thread(annotators.missing)
    limits = asdict(server.settings.limits)
    return JSONResponse(
        {
            "modes": [*(mode.value for mode in DEFAULT_STRENGTH), Mode.PREPROCESS.value],
            "samplers": list(SAMPLERS),
            "controls": {"types": list(CONTROL_TYPES), "preprocess": drawable},
            "formats": {
                "files": list(FILE_TYPES),
                "raw": RAW_TYPE,
                "pixels": [format.value for format in PixelFormat],
            },
            "limits": {name: limits[name] for name in TOLD_LIMITS}
            | {"prompt": MAX_PROMPT, "steps": 200, "count": 16},
            "models": [info.as_json() for info in found],
            "missing": [{"what": what, "why": LATER} for what in MISSING]
            + _no_editor(found)
            + [{"what": f"preprocess {kind}", "why": why} for kind, why in undrawn.items()]
            + _damaged(found),
        }
    )


def _no_editor(found: Sequence[ModelInfo]) -> list[dict[str, str]]:
    if any(info.ok and Mode.EDIT in info.modes for info in found):
        return []
    return [{"what": Mode.EDIT.value, "why": NO_EDITOR}]


def _damaged(found: Any) -> list[dict[str, str]]:
    broken: list[ModelInfo] = [info for info in found if not info.ok]
    return [{"what": f"model {info.id}", "why": info.problem} for info in broken]
