"""The application: routes from the table of calls, wrapped in security and error handling."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from pentimento.api import errors, faces, security, services
from pentimento.api.bodies import DrainMiddleware
from pentimento.api.calls import CALLS
from pentimento.api.settings import Settings
from pentimento.backends.base import Backend


def create_app(
    settings: Settings,
    *,
    token: str,
    port: int,
    backend: Backend | None = None,
    stop: Callable[[], None] = lambda: None,
) -> Starlette:
    """The server for `settings`, listening at `port`. Without `backend` jobs run on this machine;
    `stop` is what ends the process."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await app.state.services.open()
        try:
            yield
        finally:
            await app.state.services.close()

    spoken = faces.load(settings.faces)
    app = Starlette(
        routes=[*_routes(), *(route for face in spoken for route in face.routes)],
        middleware=[
            Middleware(DrainMiddleware, settings.limits),
            Middleware(security.HeaderMiddleware),
            Middleware(errors.ErrorMiddleware, spoken),
            Middleware(
                security.SecurityMiddleware,
                token,
                security.authorities(settings.host, port),
                spoken,
            ),
        ],
        exception_handlers={HTTPException: errors.handler(spoken)},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.services = services.build(settings, backend, stop)
    faces.install(app, settings.faces)
    return app


def _routes() -> list[Route]:
    return [Route(call.path, call.endpoint, methods=[call.method]) for call in CALLS]
