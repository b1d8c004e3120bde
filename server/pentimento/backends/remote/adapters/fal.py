"""fal's queue API, with models of the FLUX.1 kind."""

from __future__ import annotations

from typing import Any

from pentimento.backends.remote.adapter import Ask, ControlMap, Painted
from pentimento.backends.remote.convert import data_uri
from pentimento.backends.remote.problems import RemoteProblem
from pentimento.backends.remote.queues import collect
from pentimento.backends.remote.services import Operation
from pentimento.backends.remote.session import Answer, Line

MODELS = {
    Operation.TXT2IMG: "fal-ai/flux/dev",
    Operation.IMG2IMG: "fal-ai/flux/dev/image-to-image",
    Operation.INPAINT: "fal-ai/flux-lora/inpainting",
}
STEERED = "fal-ai/flux-general"
CONTROLNETS = {
    "canny": "InstantX/FLUX.1-dev-Controlnet-Canny",
    "depth": "Shakker-Labs/FLUX.1-dev-ControlNet-Depth",
}
MOST_STEPS = 50
DONE = "COMPLETED"
NOT_KNOWN = 404


def auth(key: str) -> dict[str, str]:
    return {"Authorization": f"Key {key}"}


def paint(ask: Ask, line: Line) -> Painted:
    taken = line.order(_model(ask), json=_input(ask))
    status, result = str(taken.find("status_url")), str(taken.find("response_url"))

    def look() -> Answer | None:
        if line.look(status).find("status") == DONE:
            return line.look(result)
        line.say("Waiting for its turn")
        return None

    answer = collect(line, look, ("PUT", str(taken.find("cancel_url"))))
    made = answer.json()
    if any(made.get("has_nsfw_concepts") or ()):
        raise line.problem("moderated")
    return Painted(line.fetch(str(answer.find("images", 0, "url"))))


def check(line: Line) -> None:
    """There is no call that costs nothing and needs the key; an order that nobody knows is one."""
    try:
        line.look("fal-ai/flux/requests/00000000-0000-0000-0000-000000000000/status")
    except RemoteProblem as error:
        if error.details.get("status") != NOT_KNOWN:
            raise


def models(line: Line) -> list[str]:
    return []  # the record has them: the service lists hundreds of all kinds


def meaning(answer: Answer) -> str | None:
    """A locked account is told with the status of a wrong key, filtered content as wrong input."""
    try:
        detail = answer.json()["detail"]
        if isinstance(detail, str):
            return "payment_required" if "balance" in detail.lower() else None
        kinds = {one.get("type") for one in detail}
    except Exception:  # any body may come with a refusal
        return None
    return "moderated" if "content_policy_violation" in kinds else None


def _model(ask: Ask) -> str:
    if ask.control:
        return STEERED
    if ask.operation is Operation.TXT2IMG and ask.model:
        return ask.model
    return MODELS[ask.operation]


def _input(ask: Ask) -> dict[str, Any]:
    """What is None is left out: the model's own default counts there."""
    fields: dict[str, Any] = {
        "prompt": ask.prompt,
        "image_size": {"width": ask.size.width, "height": ask.size.height},
        "num_images": 1,
        "output_format": "png",
        "seed": None if ask.seed is None else ask.seed % 2**32,
        "num_inference_steps": None if ask.steps is None else min(ask.steps, MOST_STEPS),
        "guidance_scale": ask.guidance,
        "strength": ask.strength,
        "image_url": data_uri(ask.image) if ask.image else None,
        "mask_url": data_uri(ask.mask) if ask.mask else None,
        "controlnets": [_controlnet(ask.control)] if ask.control else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _controlnet(control: ControlMap) -> dict[str, Any]:
    return {
        "path": CONTROLNETS[control.type],
        "control_image_url": data_uri(control.image),
        "conditioning_scale": control.weight,
        "start_percentage": control.start,
        "end_percentage": control.end,
    }
