"""PUT /v1/blobs and HEAD /v1/blobs/{id}."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pentimento.api import services
from pentimento.api.bodies import content_length, read_chunks
from pentimento.jobs.blobs import parse_type
from pentimento.jobs.record import PixelFormat
from pentimento.jobs.state import iso

LARGEST_PIXEL = max(format.bytes_per_pixel for format in PixelFormat)


async def put(request: Request) -> Response:
    server = services.of(request)
    limits = server.settings.limits
    kind = parse_type(request.headers.get("content-type", ""))
    most = limits.pixels * LARGEST_PIXEL if kind.format else limits.file_body
    announced = content_length(request)
    body = read_chunks(request, most, limits)
    blob, new = await server.blobs.receive(kind, announced, body)
    answer = {
        "id": blob.id,
        "width": blob.width,
        "height": blob.height,
        "expires_at": iso(blob.expires_at),
    }
    return JSONResponse(answer, 201 if new else 200)


async def head(request: Request) -> Response:
    await services.of(request).blobs.get(request.path_params["id"])
    return Response()
