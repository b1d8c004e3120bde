"""Faces: APIs of other programs in front of the same queue. Off unless a setting names them.

A face translates requests into the job records of `schema/job.py` and results back; it runs
nothing itself. Which exist is the table `FACES`.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from starlette.applications import Starlette

from pentimento.api.compat.face import Face
from pentimento.core.errors import BadInput

FACES = ("a1111", "openai")  # each a package here with `FACE` and `install(app)`


def chosen(names: Iterable[str]) -> tuple[str, ...]:
    """The names without spaces and doubles; raises BadInput for one that is no face."""
    wanted = dict.fromkeys(name.strip().lower() for name in names if name.strip())
    for name in wanted:
        if name not in FACES:
            raise BadInput(
                "bad_request",
                f"There is no face called “{name}”.",
                f"Choose from {', '.join(FACES)}; docs/faces.md tells what they are.",
            )
    return tuple(wanted)


def load(names: Iterable[str]) -> tuple[Face, ...]:
    return tuple(_module(name).FACE for name in names)


def install(app: Starlette, names: Iterable[str]) -> None:
    """Gives each face what it keeps between requests."""
    for name in names:
        _module(name).install(app)


def _module(name: str):  # type: ignore[no-untyped-def]
    return import_module(f"{__name__}.{name}")
