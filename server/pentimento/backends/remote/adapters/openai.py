"""OpenAI's images API, as OpenAI and many other servers speak it."""

from __future__ import annotations

from typing import Any

from pentimento.backends.remote.adapter import Ask, Painted
from pentimento.backends.remote.convert import from_base64, transparent_where_white
from pentimento.backends.remote.services import Operation
from pentimento.backends.remote.session import Answer, Line

MODERATED = ("moderation_blocked", "content_policy_violation", "image_generation_user_error")
UNPAID = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")


def auth(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def paint(ask: Ask, line: Line) -> Painted:
    fields = _fields(ask, extras=line.address.extras)
    if ask.operation is Operation.TXT2IMG:
        answer = line.order("images/generations", json=fields)
    else:
        answer = line.order("images/edits", data=fields, files=_files(ask))
    made = answer.find("data", 0)
    if isinstance(made, dict) and made.get("b64_json"):
        return Painted(from_base64(made["b64_json"], line.problem("bad_answer")))
    return Painted(line.fetch(str(answer.find("data", 0, "url"))))


def check(line: Line) -> None:
    line.look("models")


def models(line: Line) -> list[str]:
    listed = line.look("models").find("data")
    return [str(one["id"]) for one in listed if isinstance(one, dict) and "id" in one]


def meaning(answer: Answer) -> str | None:
    code = _error_code(answer)
    if code in MODERATED:
        return "moderated"
    return "payment_required" if code in UNPAID else None


def _fields(ask: Ask, *, extras: bool) -> dict[str, Any]:
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


def _files(ask: Ask) -> dict[str, tuple[str, bytes, str]]:
    files = {"image": ("image.png", ask.image or b"", "image/png")}
    if ask.mask:
        files["mask"] = ("mask.png", transparent_where_white(ask.mask), "image/png")
    return files


def _error_code(answer: Answer) -> Any:
    try:
        return answer.json()["error"]["code"]
    except Exception:  # any body may come with a refusal
        return None
