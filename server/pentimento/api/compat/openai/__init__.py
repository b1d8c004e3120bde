"""OpenAI's images API under `/openai/v1`: models, generations, edits, streamed partial pictures.

`fields` is what its clients send, `images` runs it, `stream` tells it as events, `repeats` knows
the requests that a client sends again, `errors` puts failures into OpenAI's words.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from pentimento.api.compat.face import Face
from pentimento.api.compat.openai import errors, images, models
from pentimento.api.compat.openai.repeats import Repeats

API = "/openai/v1"


def install(app: Starlette) -> None:
    app.state.openai = Repeats(app.state.services.queue)


FACE = Face(
    name="openai",
    title="OpenAI's images API",
    address=API,
    prefixes=(f"{API}/",),
    routes=(
        Route(f"{API}/models", models.listing, methods=["GET"]),
        Route(f"{API}/models/{{id}}", models.show, methods=["GET"]),
        Route(f"{API}/images/generations", images.generate, methods=["POST"]),
        Route(f"{API}/images/edits", images.edit, methods=["POST"]),
    ),
    respond=errors.respond,
    forms=frozenset({f"{API}/images/edits"}),
)
