"""Results as OpenAI gives them: at once, or as events with partial pictures before the last one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from pentimento.api.events import COMMENT
from pentimento.api.faces import pictures, running
from pentimento.api.faces.openai import errors
from pentimento.api.faces.openai.fields import Generate
from pentimento.api.jobs import first_of
from pentimento.api.services import Services
from pentimento.errors import PentimentoError, Unavailable
from pentimento.imaging.geometry import Size
from pentimento.jobs.job import Job

NO_TOKENS = {
    "input_tokens": 0,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
    "output_tokens": 0,
    "total_tokens": 0,
}


async def results(server: Services, job: Job, wanted: Generate) -> list[str]:
    """The finished pictures in the format asked for, as base64."""
    found = []
    for stored in job.state.images:
        png = await pictures.result_png(server, job, stored)
        made = await asyncio.to_thread(pictures.encode, png, wanted.kind, wanted.compression)
        found.append(pictures.base64_of(made))
    return found


async def facts(server: Services, job: Job, wanted: Generate) -> dict[str, Any]:
    """What is told of the pictures beside their pixels."""
    return _facts(job, wanted, await _size(server, job))


def _facts(job: Job, wanted: Generate, size: Size) -> dict[str, Any]:
    return {
        "background": "transparent" if _has_alpha(job, wanted) else "opaque",
        "output_format": wanted.output_format or "png",
        "quality": "auto",
        "size": f"{size.width}x{size.height}",
        "usage": NO_TOKENS,
    }


async def events(server: Services, job: Job, wanted: Generate, name: str) -> AsyncIterator[str]:
    """`name.partial_image` as often as asked for, evenly over the steps, then `name.completed`;
    an error event when the job does not succeed."""
    told, seen = 0, -1
    asked = wanted.partial_images or 0
    size = await _size(server, job)
    with job.followed():
        while not job.final and not server.stopping.is_set():
            rev = job.state.rev
            due = job.state.progress.fraction >= (told + 1) / (asked + 1)
            if told < asked and due and job.preview and job.preview_rev != seen:
                seen = job.preview_rev
                yield _event(f"{name}.partial_image", await _partial(job, wanted, size, told))
                told += 1
            patience = server.settings.limits.heartbeat
            await first_of(job.changed_after(rev, patience), server.stopping.wait())
            if job.state.rev == rev:
                yield COMMENT
    try:
        if not job.final:
            raise Unavailable("shutting_down", "The server is ending.", "Start it again.")
        running.require_success(job)
    except PentimentoError as problem:
        yield _event("error", {"type": "error", "error": errors.body(problem)})
        return
    (text,) = await results(server, job, wanted)
    yield _event(f"{name}.completed", {"b64_json": text, **_told(job, wanted, size)})


async def _partial(job: Job, wanted: Generate, size: Size, index: int) -> dict[str, Any]:
    """The newest preview at the size of the result."""
    assert job.preview is not None
    png = await asyncio.to_thread(pictures.resized, job.preview, size.width, size.height)
    made = await asyncio.to_thread(pictures.encode, png, wanted.kind, wanted.compression)
    told = {"b64_json": pictures.base64_of(made), "partial_image_index": index}
    return told | _told(job, wanted, size, usage=False)


def _told(job: Job, wanted: Generate, size: Size, *, usage: bool = True) -> dict[str, Any]:
    told = {"created_at": int(time.time()), **_facts(job, wanted, size)}
    return told if usage else {key: value for key, value in told.items() if key != "usage"}


async def _size(server: Services, job: Job) -> Size:
    """Of the result, which has its source's size where there is one."""
    request = job.request
    if request.source:
        source = await server.blobs.get(request.source.blob)
        return Size(source.width, source.height)
    return Size(request.width or 1, request.height or 1)


def _has_alpha(job: Job, wanted: Generate) -> bool:
    formats = {stored.format for stored in job.state.images}
    return wanted.kind != "JPEG" and any(format.startswith("rgba") for format in formats)


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n"
