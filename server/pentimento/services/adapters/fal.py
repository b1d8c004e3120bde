"""fal's queue API: models of the FLUX.1 kind, and those of other makers that the record has."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from pentimento.services.adapter import ControlMap, ImageRequest, ImageResult
from pentimento.services.convert import data_uri
from pentimento.services.model_inputs import inputs
from pentimento.services.problems import RemoteProblem
from pentimento.services.records import Operation, service
from pentimento.services.refusals import by_words
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
LOCKED = {"balance": "payment_required", "top_up": "payment_required"}
KINDS = {  # fal.ai/docs/errors and request-errors; HuggingFace passes them on
    "content_policy_violation": "moderated",
    "no_media_generated": "no_picture",
    "generation_timeout": "timed_out_there",
    "request_timeout": "timed_out_there",
    "startup_timeout": "timed_out_there",
    "internal_server_error": "failed_there",
    "internal_error": "failed_there",
    "downstream_service_error": "failed_there",
    "downstream_service_unavailable": "service_unavailable",
    "runner_scheduling_failure": "service_unavailable",
    "runner_connection_timeout": "service_unavailable",
    "runner_connection_refused": "service_unavailable",
    "runner_connection_error": "service_unavailable",
    "runner_disconnected": "failed_there",
    "runner_incomplete_response": "failed_there",
    "runner_server_error": "failed_there",
    "client_cancelled": "interrupted_there",
    "image_too_large": "too_large_there",
    "file_too_large": "too_large_there",
    "image_too_small": "picture_refused",
    "image_load_error": "picture_refused",
    "file_download_error": "picture_refused",
    "unsupported_image_format": "picture_refused",
    "face_detection_error": "picture_refused",
    "feature_not_supported": "bad_values",
}
DONE = "COMPLETED"
NOT_KNOWN = 404


def auth(key: str) -> dict[str, str]:
    return {"Authorization": f"Key {key}"}


def paint(ask: ImageRequest, line: ServiceSession) -> ImageResult:
    taken = line.order(_model(ask), json=_input(ask), headers=PRIVATE)
    status, result = str(taken.find("status_url")), str(taken.find("response_url"))

    def look() -> ServiceAnswer | None:
        told = line.look(status)
        if told.find("status") == DONE:
            if told.json().get("error"):
                raise line.problem(meant_by([told.json().get("error_type")]) or "failed_there")
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
    kinds: list[Any] = [answer.headers.get("x-fal-error-type")]
    try:
        told = answer.json()
        kinds.append(told.get("error_type"))
        detail = told["detail"]
        if isinstance(detail, str):
            return by_words(detail.lower(), LOCKED) or meant_by(kinds)
        kinds += [one.get("type") for one in detail]
    except Exception:  # any body may come with a refusal
        return meant_by(kinds)
    return meant_by(kinds)


def meant_by(kinds: Iterable[Any]) -> str | None:
    """The code of the first kind of error that is known."""
    return next((KINDS[kind] for kind in kinds if isinstance(kind, str) and kind in KINDS), None)


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
