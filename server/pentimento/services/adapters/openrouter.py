"""OpenRouter's images API: one form for the models of many makers."""

from __future__ import annotations

from typing import Any

from pentimento.services.adapter import ImageRequest, ImageResult
from pentimento.services.convert import data_uri, from_base64
from pentimento.services.model_inputs import nearest_aspect
from pentimento.services.records import service
from pentimento.services.session import ServiceAnswer, ServiceSession
from pentimento.services.told_costs import dollars

NO_ENDPOINT = "no endpoints"  # in the message where nobody runs the model for such a request


def auth(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def paint(ask: ImageRequest, line: ServiceSession) -> ImageResult:
    answer = line.order("images", json=_body(ask, line.address.quality))
    picture = from_base64(answer.find("data", 0, "b64_json"), line.problem("bad_answer"))
    usage = answer.json().get("usage")
    cost = dollars(usage.get("cost")) if isinstance(usage, dict) else None
    return ImageResult(picture, model=ask.model, cost=cost)


def check(line: ServiceSession) -> None:
    """The list of models is public."""
    line.look("key")


def offers(line: ServiceSession, names: list[str]) -> dict[str, str]:
    return dict.fromkeys(set(names) & set(models(line)), "")


def models(line: ServiceSession) -> list[str]:
    listed = line.look("images/models").find("data")
    found = listed if isinstance(listed, list) else []
    return [str(one["id"]) for one in found if isinstance(one, dict) and "id" in one]


def meaning(answer: ServiceAnswer) -> str | None:
    """A 403 is filtered content where reasons are told, else a key that may not do this."""
    try:
        error = answer.json()["error"]
        message = str(error.get("message")).lower()
        metadata = error.get("metadata") or {}
        filtered = bool(metadata.get("reasons")) or "moderation" in message
    except Exception:  # any body may come with a refusal
        return None
    if answer.status == 403 and filtered:
        return "moderated"
    if answer.status == 404 or NO_ENDPOINT in message or "not a valid model" in message:
        return "model_gone"
    return None


def _body(ask: ImageRequest, quality: str) -> dict[str, Any]:
    """What is None is left out: the model's own default counts there. Shapes are said in words, for
    not all models take a size; with a source it is that of the source, as near as there is one."""
    references = [
        {"type": "image_url", "image_url": {"url": data_uri(picture)}} for picture in ask.pictures
    ]
    fields = {
        "model": ask.model or service("openrouter").default_model,
        "prompt": ask.prompt,
        "n": 1,
        "aspect_ratio": nearest_aspect(ask.size),
        "output_format": "png",
        "quality": quality or None,
        "input_references": references or None,
    }
    return {name: value for name, value in fields.items() if value is not None}
