"""fal's queue API: models of the FLUX.1 kind, and those of other makers that the record has."""

from __future__ import annotations

from functools import partial
from typing import Any

from pentimento.services.adapter import ControlMap, ImageRequest, ImageResult
from pentimento.services.convert import data_uri
from pentimento.services.model_inputs import inputs
from pentimento.services.problems import RemoteProblem
from pentimento.services.records import Operation, service
from pentimento.services.session import ServiceAnswer, ServiceSession, collect

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
MOST_STEPS = {"fal-ai/flux/schnell": 12}
STEPS = 50  # the most of the other models
PRIVATE = {  # inputs and results are not kept longer than it takes to load them
    "X-Fal-Store-IO": "0",
    "X-Fal-Object-Lifecycle-Preference": '{"expiration_duration_seconds": 3600}',
}
DONE = "COMPLETED"
NOT_KNOWN = 404


def auth(key: str) -> dict[str, str]:
    return {"Authorization": f"Key {key}"}


def paint(ask: ImageRequest, line: ServiceSession) -> ImageResult:
    taken = line.order(_model(ask), json=_input(ask), headers=PRIVATE)
    status, result = str(taken.find("status_url")), str(taken.find("response_url"))

    def look() -> ServiceAnswer | None:
        if line.look(status).find("status") == DONE:
            return line.look(result)
        line.say("Waiting for its turn")
        return None

    answer = collect(line, look, partial(line.withdraw, "PUT", str(taken.find("cancel_url"))))
    made = answer.json()
    if any(made.get("has_nsfw_concepts") or ()):
        raise line.problem("moderated")
    return ImageResult(line.fetch(str(answer.find("images", 0, "url"))))


def check(line: ServiceSession) -> None:
    """There is no call that costs nothing and needs the key; an order that nobody knows is one."""
    try:
        line.look("fal-ai/flux/requests/00000000-0000-0000-0000-000000000000/status")
    except RemoteProblem as error:
        if error.details.get("status") != NOT_KNOWN:
            raise


def models(line: ServiceSession) -> list[str]:
    return []  # the record has them: the service lists hundreds of all kinds


def meaning(answer: ServiceAnswer) -> str | None:
    """A locked account is told with the status of a wrong key, filtered content as wrong input."""
    try:
        detail = answer.json()["detail"]
        if isinstance(detail, str):
            text = detail.lower()
            return "payment_required" if "balance" in text or "top_up" in text else None
        kinds = {one.get("type") for one in detail}
    except Exception:  # any body may come with a refusal
        return None
    return "moderated" if "content_policy_violation" in kinds else None


def _model(ask: ImageRequest) -> str:
    if ask.control:
        return STEERED
    if ask.operation in (Operation.TXT2IMG, Operation.EDIT) and ask.model:
        return ask.model
    return MODELS[ask.operation]


def _input(ask: ImageRequest) -> dict[str, Any]:
    """What is None is left out: the model's own default counts there."""
    record = None if ask.control else service("fal").record_of(_model(ask))
    if record:
        return inputs(record, ask)
    most = MOST_STEPS.get(_model(ask), STEPS)
    fields: dict[str, Any] = {
        "prompt": ask.prompt,
        "image_size": {"width": ask.size.width, "height": ask.size.height},
        "num_images": 1,
        "output_format": "png",
        "seed": None if ask.seed is None else ask.seed % 2**32,
        "num_inference_steps": None if ask.steps is None else min(ask.steps, most),
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
