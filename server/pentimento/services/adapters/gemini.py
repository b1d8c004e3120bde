"""Google's Gemini API: models that read pictures and words, and answer with a picture."""

from __future__ import annotations

from typing import Any

from pentimento.core.geometry import Size
from pentimento.services.adapter import ImageRequest, ImageResult
from pentimento.services.convert import base64_of, from_base64
from pentimento.services.records import service
from pentimento.services.session import ServiceAnswer, ServiceSession

ASPECTS = {  # of the sizes in the record, which are those of 1K
    Size(1024, 1024): "1:1",
    Size(1376, 768): "16:9",
    Size(768, 1376): "9:16",
    Size(1264, 848): "3:2",
    Size(848, 1264): "2:3",
    Size(1200, 896): "4:3",
    Size(896, 1200): "3:4",
    Size(1152, 928): "5:4",
    Size(928, 1152): "4:5",
    Size(1584, 672): "21:9",
}
MADE = ("STOP", "MAX_TOKENS", "FINISH_REASON_UNSPECIFIED")  # anything else withholds the picture
NOTHING_MADE = ("NO_IMAGE", "IMAGE_OTHER", "OTHER", "MALFORMED_RESPONSE", "LANGUAGE")
METHOD = "generateContent"


def auth(key: str) -> dict[str, str]:
    return {"x-goog-api-key": key}


def paint(ask: ImageRequest, line: ServiceSession) -> ImageResult:
    model = ask.model or service("gemini").default_model
    answer = line.order(f"models/{model}:{METHOD}", json=_body(ask))
    told = answer.json()
    if not isinstance(told, dict):
        raise line.problem("bad_answer")
    picture = _picture(told)
    if picture is None:
        raise line.problem(_reason(told))
    return ImageResult(from_base64(picture, line.problem("bad_answer")), model=model)


def check(line: ServiceSession) -> None:
    line.look("models", params={"pageSize": "1"})


def offers(line: ServiceSession, names: list[str]) -> dict[str, str]:
    return dict.fromkeys(set(names) & set(models(line)), "")


def models(line: ServiceSession) -> list[str]:
    """Those that answer with pictures, by their names; the list does not say it otherwise."""
    listed = line.look("models", params={"pageSize": "1000"}).find("models")
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    able = [one for one in found if METHOD in (one.get("supportedGenerationMethods") or ())]
    names = [str(one.get("name")).removeprefix("models/") for one in able]
    return [name for name in names if "image" in name]


def meaning(answer: ServiceAnswer) -> str | None:
    """A wrong key is told with the status of wrong values, and no credit as too many requests."""
    try:
        error = answer.json()["error"]
        reasons = {one.get("reason") for one in error.get("details") or () if isinstance(one, dict)}
        message, status = str(error.get("message")).lower(), error.get("status")
    except Exception:  # any body may come with a refusal
        return None
    if reasons & {"API_KEY_INVALID", "API_KEY_EXPIRED"}:
        return "key_refused"
    if status == "FAILED_PRECONDITION":
        return "not_there" if "location" in message else "payment_required"
    if status == "RESOURCE_EXHAUSTED" and "limit: 0" in message:
        return "payment_required"  # pictures are not in the free tier
    return {"NOT_FOUND": "model_gone", "INVALID_ARGUMENT": "bad_values"}.get(str(status))


def _body(ask: ImageRequest) -> dict[str, Any]:
    pictures = [
        {"inlineData": {"data": base64_of(picture), "mimeType": "image/png"}}
        for picture in ask.pictures
    ]
    shape = {"aspectRatio": ASPECTS[ask.size], "imageSize": "1K"}
    return {
        "contents": [{"parts": [{"text": ask.prompt}, *pictures], "role": "user"}],
        "generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": shape},
    }


def _picture(told: dict[str, Any]) -> Any:
    """The last one: models that think show what they think of in pictures, too."""
    found = None
    for candidate in told.get("candidates") or ():
        for part in (candidate.get("content") or {}).get("parts") or ():
            data = part.get("inlineData")
            if isinstance(data, dict) and not part.get("thought"):
                found = data.get("data")
    return found


def _reason(told: dict[str, Any]) -> str:
    """Why there is none, as a code of `problems.PROBLEMS`."""
    if (told.get("promptFeedback") or {}).get("blockReason"):
        return "moderated"
    reasons = [one.get("finishReason") for one in told.get("candidates") or ()]
    withheld = [one for one in reasons if one and one not in (*MADE, *NOTHING_MADE)]
    return "moderated" if withheld else "no_picture"
