"""What the application has to know of a face."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from pentimento.core.errors import PentimentoError


@dataclass(frozen=True, slots=True)
class Face:
    """`prefixes` are the paths it owns, `respond` puts an error into its client's words.

    `basic`: the token may come as the password of HTTP Basic. `forms`: paths that take
    multipart/form-data, which is refused everywhere else.
    """

    name: str
    title: str
    address: str  # what a client is given, after http://host:port
    prefixes: tuple[str, ...]
    routes: tuple[Route, ...]
    respond: Callable[[PentimentoError], Response]
    basic: bool = False
    forms: frozenset[str] = frozenset()


def of(path: str, faces: Iterable[Face]) -> Face | None:
    """The face a path belongs to."""
    return next((face for face in faces if path.startswith(face.prefixes)), None)
