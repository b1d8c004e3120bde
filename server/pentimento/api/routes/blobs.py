"""PUT /v1/blobs, HEAD /v1/blobs/{id}, and the files that are shared on one machine."""

from __future__ import annotations

from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response

from pentimento.api import services
from pentimento.api.bodies import content_length, read_chunks, read_json
from pentimento.api.jsontext import Answer
from pentimento.core.errors import NotAllowed
from pentimento.jobs.blobs import BlobType, Received, parse_type
from pentimento.jobs.job import iso
from pentimento.jobs.shared import is_offered
from pentimento.schema.answers import BlobAnswer, LentFile
from pentimento.schema.job import LentPicture, PixelFormat

LARGEST_PIXEL = max(format.bytes_per_pixel for format in PixelFormat)


async def put(request: Request) -> Answer[BlobAnswer]:
    server = services.of(request)
    limits = server.settings.limits
    kind = parse_type(request.headers.get("content-type", ""))
    most = limits.pixels * LARGEST_PIXEL if kind.format else limits.file_body
    announced = content_length(request)
    async with aclosing(read_chunks(request, most, limits)) as body:
        blob, new, notices = await server.blobs.receive(kind, announced, body)
    return _answer(Received(blob, new, notices))


def _answer(received: Received) -> Answer[BlobAnswer]:
    blob = received.blob
    answer = BlobAnswer(
        id=blob.id,
        width=blob.width,
        height=blob.height,
        expires_at=iso(blob.expires_at),
        notices=list(received.notices),
    )
    return Answer(answer, 201 if received.new else 200)


async def lend(request: Request) -> Answer[LentFile]:
    """A file on this machine to write raw pixels into."""
    server = services.of(request)
    if not is_offered(request.client.host if request.client else None):
        raise NotAllowed(
            "not_local",
            "Files are shared with programs on the server's own machine only.",
            "Send the picture with PUT /v1/blobs.",
            status=403,
        )
    wanted = await read_json(request, LentPicture, server.settings.limits)
    kind = BlobType("raw", wanted.format, wanted.width, wanted.height)
    lent = await server.shared.lend(kind)
    return Answer(LentFile(name=lent.name, path=str(lent.path), bytes=kind.raw_bytes), 201)


async def take(request: Request) -> Answer[BlobAnswer]:
    return _answer(await services.of(request).shared.take(request.path_params["name"]))


async def head(request: Request) -> Response:
    await services.of(request).blobs.get(request.path_params["id"])
    return Response()
