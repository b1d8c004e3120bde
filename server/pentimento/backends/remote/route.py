"""A way in words and numbers: what the plan and the record tell of it."""

from __future__ import annotations

from pentimento.backends.remote import routing
from pentimento.backends.remote.frames import Frame
from pentimento.backends.remote.routing import Way
from pentimento.backends.remote.services import Operation
from pentimento.backends.remote.terms import Terms
from pentimento.jobs.record import JobRequest, PlanRequest, Route, Sends

PNG_OVERHEAD = 1.01  # of raw pixels; what cannot be compressed grows a little
WORDS = 16_000  # bytes for prompts and settings


def route(way: Way, terms: Terms, frame: Frame, request: JobRequest | PlanRequest) -> Route:
    code, params = routing.words(way, terms.service, request.mode)
    return Route(
        kind=way.kind,
        control=way.control,
        code=code,
        params=params,
        sentence=routing.sentence(code, params),
        strength_maps_to=routing.strength_maps_to(way),
        sends=sends(way, frame),
        price=price(terms, request.count),
        receives=f"{terms.service.receives} ({terms.place})",
    )


def sends(way: Way, frame: Frame) -> Sends:
    """What leaves for one picture; no pixels where the service makes one of words alone."""
    pictures = 0 if way.operation is Operation.TXT2IMG else 3
    pictures += 1 if way.operation is Operation.INPAINT else 0
    pictures += 3 if way.control else 0
    size = frame.size
    if not pictures:
        return Sends(width=0, height=0, bytes=WORDS)
    upper = round(size.pixels * pictures * PNG_OVERHEAD) + WORDS
    return Sends(width=size.width, height=size.height, bytes=upper)


def price(terms: Terms, count: int) -> str:
    """For the whole job, in words."""
    each = terms.price
    if each is None or count == 1:
        return terms.price_text
    return f"${each * count:.4g} for {count} pictures ({terms.price_text})"
