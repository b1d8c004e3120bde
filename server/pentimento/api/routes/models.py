"""GET /v1/models and /v1/capabilities."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict

from starlette.requests import Request

from pentimento.api import services
from pentimento.api.jsontext import Answer
from pentimento.jobs.blobs import FILE_TYPES, RAW_TYPE
from pentimento.jobs.intents import DEFAULT_STRENGTH
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.parts.controlnet_lora import CONTROL_TYPES
from pentimento.schema.answers import (
    Controls,
    Formats,
    MissingAbility,
    Models,
    ServerCapabilities,
)
from pentimento.schema.job import MAX_PROMPT, OF_A_SOURCE_ALONE, SAMPLERS, Mode, PixelFormat

NO_EDITOR = (
    "No installed model follows instructions; FLUX.2 klein, FLUX.1 Kontext, Qwen-Image-Edit and "
    "LongCat-Image-Edit do."
)
TOLD_LIMITS = ("json_body", "file_body", "pixels", "side", "queued", "result_age", "blob_age")


async def models(request: Request) -> Answer[Models]:
    return Answer(await services.of(request).listing.get())


async def capabilities(request: Request) -> Answer[ServerCapabilities]:
    server = services.of(request)
    registry = server.registry.snapshot(whole=True)
    found = await asyncio.to_thread(registry.list)
    annotators = registry.annotators
    drawable = list(await asyncio.to_thread(annotators.drawable))
    undrawn = await asyncio.to_thread(annotators.missing)
    limits = asdict(server.settings.limits)
    able = ServerCapabilities(
        modes=[*DEFAULT_STRENGTH, *OF_A_SOURCE_ALONE],
        samplers=list(SAMPLERS),
        controls=Controls(types=list(CONTROL_TYPES), preprocess=drawable),
        formats=Formats(files=list(FILE_TYPES), raw=RAW_TYPE, pixels=list(PixelFormat)),
        limits={name: limits[name] for name in TOLD_LIMITS}
        | {"prompt": MAX_PROMPT, "steps": 200, "count": 16},
        models=[info.answer() for info in found],
        missing=[
            *_no_editor(found),
            *(MissingAbility(what=f"preprocess {kind}", why=why) for kind, why in undrawn.items()),
            *(
                MissingAbility(what=f"model {info.id}", why=info.problem)
                for info in found
                if not info.ok
            ),
        ],
    )
    return Answer(able)


def _no_editor(found: Sequence[ModelInfo]) -> list[MissingAbility]:
    if any(info.ok and Mode.EDIT in info.modes for info in found):
        return []
    return [MissingAbility(what=Mode.EDIT.value, why=NO_EDITOR)]
