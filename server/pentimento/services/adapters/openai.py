"""OpenAI's images API, as OpenAI and many other servers speak it."""

from __future__ import annotations

from typing import Any

from pentimento.services.adapter import ImageRequest, ImageResult
from pentimento.services.convert import from_base64, transparent_where_white
from pentimento.services.records import Dialect, Operation
from pentimento.services.refusals import by_words, text_of
from pentimento.services.session import ServiceAnswer, ServiceSession
from pentimento.services.told_costs import of_tokens

MODERATED = ("moderation_blocked", "content_policy_violation", "image_generation_user_error")
GONE = ("model_not_found", "model_not_available", "deprecated_model")
WORDS = {  # of servers that tell no code as well: Together, DeepInfra, LocalAI, Ollama
    "must be verified": "not_verified",
    "unsupported_country": "not_there",
    "insufficient credit": "payment_required",
    "nsfw": "moderated",
    "safety system": "moderated",
    "image_too_large": "too_large_there",
    "image_too_small": "picture_refused",
    "invalid_image": "picture_refused",
    "image_parse_error": "picture_refused",
    "unsupported_image": "picture_refused",
    "model not found": "model_gone",
    "model does not exist": "model_gone",
    "model not available": "model_gone",
    "could not load model": "model_gone",
    "out of memory": "out_of_memory_there",
}
UNPAID = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")


def auth(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def paint(ask: ImageRequest, line: ServiceSession) -> ImageResult:
    dialect = line.address.dialect
    fields = said_as(ask, dialect) if dialect else _fields(ask, extras=line.address.extras)
    if line.address.quality:
        fields["quality"] = line.address.quality
    if ask.operation is Operation.TXT2IMG:
        answer = line.order("images/generations", json=fields)
    else:
        answer = line.order("images/edits", data=fields, files=_files(ask))
    made = answer.find("data", 0)
    cost = of_tokens(answer.json().get("usage"), line.address.tokens)
    if isinstance(made, dict) and made.get("b64_json"):
        return ImageResult(from_base64(made["b64_json"], line.problem("bad_answer")), cost=cost)
    return ImageResult(line.fetch(str(answer.find("data", 0, "url"))), cost=cost)


def check(line: ServiceSession) -> None:
    line.look("models")


def models(line: ServiceSession) -> list[str]:
    """Those that make pictures, by their kind where that is told, as at Together, or else by their
    names; all where nothing says so."""
    listed = _listed(line)
    painters = [name for name, one in listed.items() if one.get("type") == "image"]
    return painters or [name for name in listed if "image" in name.lower()] or list(listed)


def offers(line: ServiceSession, names: list[str]) -> dict[str, str]:
    """`shutdown_date` is OpenAI's (openai 3.57.0, types/model.py). Ollama lists a name without a
    tag as `latest`."""
    listed = _listed(line)
    found = {name: listed.get(name, listed.get(f"{name}:latest")) for name in names}
    return {name: str(one.get("shutdown_date") or "") for name, one in found.items() if one}


def _listed(line: ServiceSession) -> dict[str, dict[str, Any]]:
    told = line.look("models")
    listed = told.json()
    if not isinstance(listed, list):  # Together's is a list by itself
        listed = told.find("data")
    entries = listed if isinstance(listed, list) else []
    return {str(one["id"]): one for one in entries if isinstance(one, dict) and "id" in one}


def meaning(answer: ServiceAnswer) -> str | None:
    code = _error_code(answer)
    if code in MODERATED:
        return "moderated"
    if code in GONE:
        return "model_gone"
    if code in UNPAID:
        return "payment_required"
    return by_words(text_of(answer), WORDS) or ("no_such_call" if answer.status == 404 else None)


def _fields(ask: ImageRequest, *, extras: bool) -> dict[str, Any]:
    size = f"{ask.size.width}x{ask.size.height}"
    fields: dict[str, Any] = {"prompt": ask.prompt, "n": 1, "size": size}
    if ask.model:
        fields["model"] = ask.model
    if not extras:
        return fields
    more = {
        "response_format": "b64_json",
        "negative_prompt": ask.negative_prompt or None,
        "seed": ask.seed,
        "strength": ask.strength,
        "num_inference_steps": ask.steps,
        "guidance_scale": ask.guidance,
    }
    return fields | {name: value for name, value in more.items() if value is not None}


def said_as(ask: ImageRequest, dialect: Dialect) -> dict[str, Any]:
    """The fields as a server takes them that speaks OpenAI's API with words of its own. What is
    None is left out: the server's own default counts there."""
    size = ask.size
    fields: dict[str, Any] = {"prompt": _prompt(ask, dialect), "n": 1, "model": ask.model or None}
    if dialect.size == "size":
        fields["size"] = f"{size.width}x{size.height}"
    else:
        fields |= {"width": size.width, "height": size.height}
    more = {
        "response_format": dialect.answer or None,
        dialect.seed: ask.seed,
        dialect.steps: ask.steps,
        dialect.guidance: ask.guidance,
    }
    if not dialect.negative_in_prompt:
        more[dialect.negative_prompt] = ask.negative_prompt or None
    fields |= {name: value for name, value in more.items() if name}
    return {name: value for name, value in fields.items() if value is not None}


def _prompt(ask: ImageRequest, dialect: Dialect) -> str:
    prompt = ask.prompt
    if dialect.negative_in_prompt:
        between = dialect.negative_prompt
        prompt = prompt.replace(between, " ")  # what follows would count as unwanted
        prompt += f"{between}{ask.negative_prompt}" if ask.negative_prompt else ""
    if dialect.seed_in_prompt and ask.seed is not None:
        prompt += dialect.seed_in_prompt.replace("SEED", str(ask.seed))
    return prompt


def _files(ask: ImageRequest) -> list[tuple[str, tuple[str, bytes, str]]]:
    """Several pictures are a list, and the field's name says so."""
    name = "image[]" if ask.references else "image"
    files = [(name, ("image.png", picture, "image/png")) for picture in ask.pictures]
    if ask.mask:
        files.append(("mask", ("mask.png", transparent_where_white(ask.mask), "image/png")))
    return files


def _error_code(answer: ServiceAnswer) -> Any:
    try:
        return answer.json()["error"]["code"]
    except Exception:  # any body may come with a refusal
        return None
