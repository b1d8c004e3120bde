"""Black Forest Labs' own API: an order answers with an address to ask, which tells the result's."""

from __future__ import annotations

from typing import Any

from pentimento.services.adapter import ImageRequest, ImageResult
from pentimento.services.convert import base64_of
from pentimento.services.records import Operation
from pentimento.services.session import ServiceAnswer, ServiceSession, collect
from pentimento.services.told_costs import dollars

TEXT = "flux-2-pro"
FILL = "flux-pro-1.0-fill"
STEERED = {"canny": "flux-pro-1.0-canny", "depth": "flux-pro-1.0-depth"}
KONTEXT = "flux-kontext"
STEPS = (15, 50)  # of the FLUX.1 tools; FLUX.2 [pro] takes none
GUIDANCE = {"fill": (1.5, 100.0), "steered": (1.0, 100.0)}
CREDIT = 0.01  # US dollars, in which an order's answer tells its cost (docs.bfl.ai, pricing)
DONE = "Ready"
WITHHELD = ("Request Moderated", "Content Moderated")
WAITING = ("Pending", "Task not found")  # not found: it is not known everywhere at once


def auth(key: str) -> dict[str, str]:
    return {"x-key": key}


def paint(ask: ImageRequest, line: ServiceSession) -> ImageResult:
    model = _model(ask)
    taken = line.order(f"v1/{model}", json=_input(ask))
    address = str(taken.find("polling_url"))

    def look() -> ServiceAnswer | None:
        answer = line.look(address)
        state = answer.find("status")
        if state == DONE:
            return answer
        if state in WITHHELD:
            raise line.problem("moderated")
        if state not in WAITING:
            raise line.problem("failed_there")
        line.say("Waiting for its turn")
        return None

    answer = collect(line, look, None)  # an order cannot be taken back there
    picture = line.fetch(str(answer.find("result", "sample")))
    return ImageResult(picture, model=model, cost=dollars(taken.json().get("cost"), CREDIT))


def check(line: ServiceSession) -> None:
    line.look("v1/credits")


def models(line: ServiceSession) -> list[str]:
    return []  # the record has them: the service has no list


def meaning(answer: ServiceAnswer) -> str | None:
    return None  # its refusals mean what their status says


def _model(ask: ImageRequest) -> str:
    """A chosen model makes new pictures only: the tools have models of their own."""
    if ask.control:
        return STEERED[ask.control.type]
    if ask.operation is Operation.INPAINT:
        return FILL
    return ask.model or TEXT  # FLUX.2 edits as well, with the pictures that it is given


def _input(ask: ImageRequest) -> dict[str, Any]:
    """What is None is left out: the model's own default counts there. The tools make a picture of
    the size of the one that they are given."""
    fields: dict[str, Any] = {
        "prompt": ask.prompt,
        "seed": None if ask.seed is None else ask.seed % 2**32,
        "output_format": "png",
    }
    if ask.control:
        fields |= {"preprocessed_image": base64_of(ask.control.image)}
        fields |= _settings(ask, *GUIDANCE["steered"])
    elif ask.operation is Operation.INPAINT:
        fields |= {"image": base64_of(ask.image or b""), "mask": base64_of(ask.mask or b"")}
        fields |= _settings(ask, *GUIDANCE["fill"])
    else:
        for number, picture in enumerate(ask.pictures, 1):
            fields["input_image" if number == 1 else f"input_image_{number}"] = base64_of(picture)
        if not _model(ask).startswith(KONTEXT):  # it takes the shape of the picture
            fields |= {"width": ask.size.width, "height": ask.size.height}
    return {name: value for name, value in fields.items() if value is not None}


def _settings(ask: ImageRequest, least: float, most: float) -> dict[str, Any]:
    steps, guidance = ask.steps, ask.guidance
    return {
        "steps": None if steps is None else min(max(steps, STEPS[0]), STEPS[1]),
        "guidance": None if guidance is None else min(max(guidance, least), most),
    }
