"""AI Horde's API: volunteers' graphics cards, free, with a queue."""

from __future__ import annotations

from functools import partial
from typing import Any

from pentimento import __version__
from pentimento.schema.vocabulary import Sampler
from pentimento.services.adapter import ImageRequest, ImageResult
from pentimento.services.convert import as_webp, base64_of, from_base64
from pentimento.services.records import Operation
from pentimento.services.session import ServiceAnswer, ServiceSession, collect

SAMPLERS: dict[str, str] = {
    Sampler.EULER: "k_euler",
    Sampler.EULER_A: "k_euler_a",
    Sampler.DPM_2M_KARRAS: "k_dpmpp_2m",
    Sampler.DDIM: "DDIM",
    Sampler.LCM: "lcm",
    Sampler.HEUN: "k_heun",
    Sampler.HEUN_KARRAS: "k_heun",
    Sampler.DPM2: "k_dpm_2",
    Sampler.DPM2_KARRAS: "k_dpm_2",
    Sampler.DPM_SDE: "k_dpmpp_sde",
    Sampler.DPM_SDE_KARRAS: "k_dpmpp_sde",
}
CONTROLS = {"softedge": "hed"}  # ours -> theirs, where the names differ
MEANINGS = {  # horde_sdk, ai_horde_api/consts.py
    "KudosUpfront": "upfront_only",
    "CorruptPrompt": "moderated",
    "TimeoutIP": "rate_limited",
    "TooManyPrompts": "rate_limited",
    "ControlNetMismatch": "model_gone",
    "UnexpectedModelName": "model_gone",
    "UnsupportedModel": "model_gone",
    "AnonForbidden": "upfront_only",
    "BetaAnonForbidden": "upfront_only",
    "NotTrusted": "upfront_only",
    "SharedKeyEmpty": "payment_required",
    "SharedKeyExpired": "payment_required",
    "SharedKeyInsufficientKudos": "payment_required",
    "TooManySameIPs": "rate_limited",
    "TooManyNewIPs": "rate_limited",
    "UnsafeIP": "not_there",
    "UntrustedUnsafeIP": "not_there",
    "SourceImageResolutionExceeded": "too_large_there",
    "SourceImageSizeExceeded": "too_large_there",
    "SourceImageUnreadable": "picture_refused",
    "ImageValidationFailed": "picture_refused",
    "NoValidWorkers": "nobody_free",
    "MaintenanceMode": "service_unavailable",
    "RequestNotFound": "order_lost",
    "RequestExpired": "order_lost",
}
MOST_STEPS_STEERED = 20  # with a map, for users without kudos
CLIENT = f"pentimento:{__version__}:https://pypi.org/project/pentimento"  # name:version:contact
NEGATIVE = " ### "  # between the prompt and what should not be there


def auth(key: str) -> dict[str, str]:
    return {"apikey": key, "Client-Agent": CLIENT}


def paint(ask: ImageRequest, line: ServiceSession) -> ImageResult:
    order = str(line.order("generate/async", json=_order(ask)).find("id"))
    undo = partial(line.withdraw, "DELETE", f"generate/status/{order}")
    made = collect(line, lambda: _made(order, line), undo)
    if made.get("censored"):
        raise line.problem("moderated")
    image = str(made.get("img"))
    content = line.fetch(image) if "://" in image else from_base64(image, _bad(line))
    return ImageResult(content, model=made.get("model"))


def check(line: ServiceSession) -> None:
    line.look("find_user")


def models(line: ServiceSession) -> list[str]:
    """The busiest first."""
    listed = line.look("status/models", params={"type": "image"}).json()
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    found.sort(key=lambda one: -float(one.get("count") or 0))
    return [str(one["name"]) for one in found if "name" in one]


def meaning(answer: ServiceAnswer) -> str | None:
    try:
        return MEANINGS.get(answer.json().get("rc"))
    except Exception:  # any body may come with a refusal
        return None


def _order(ask: ImageRequest) -> dict[str, Any]:
    negative = NEGATIVE + ask.negative_prompt if ask.negative_prompt else ""
    order: dict[str, Any] = {
        "prompt": ask.prompt + negative,
        "params": _params(ask),
        "models": [ask.model] if ask.model else [],
        "r2": True,
        "shared": False,
        "allow_downgrade": True,  # fewer steps or pixels rather than a refusal under load
    }
    source = ask.control.image if ask.control else ask.image
    if source:
        order |= {"source_image": base64_of(as_webp(source)), "source_processing": "img2img"}
    return order


def _params(ask: ImageRequest) -> dict[str, Any]:
    """What is None is left out: the workers' own default counts there."""
    params = {
        "n": 1,
        "width": ask.size.width,
        "height": ask.size.height,
        "seed": None if ask.seed is None else str(ask.seed),
        "steps": ask.steps,
        "cfg_scale": None if ask.guidance is None else round(ask.guidance, 2),
        "sampler_name": SAMPLERS.get(ask.sampler or ""),
        "karras": (ask.sampler or "").endswith("Karras"),
        "denoising_strength": ask.strength if ask.operation is Operation.IMG2IMG else None,
    }
    if ask.control:
        kind = CONTROLS.get(ask.control.type, ask.control.type)
        params |= {"control_type": kind, "image_is_control": True}
        params["steps"] = min(ask.steps or MOST_STEPS_STEERED, MOST_STEPS_STEERED)
    return {name: value for name, value in params.items() if value is not None}


def _made(order: str, line: ServiceSession) -> dict[str, Any] | None:
    """The picture's entry once it is there."""
    state = line.look(f"generate/check/{order}")
    if state.find("done"):
        made = line.look(f"generate/status/{order}").find("generations", 0)
        if not isinstance(made, dict):
            raise _bad(line)
        return made
    told = state.json()
    if told.get("faulted"):
        raise line.problem("failed_there")
    if told.get("is_possible") is False:
        raise line.problem("nobody_free")
    line.say("Waiting for its turn")
    return None


def _bad(line: ServiceSession) -> Any:
    return line.problem("bad_answer")
