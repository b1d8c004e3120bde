"""Stability AI's v2beta API."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from pentimento.core.geometry import Size
from pentimento.services.adapter import ImageRequest, ImageResult
from pentimento.services.convert import from_base64
from pentimento.services.records import Operation
from pentimento.services.refusals import by_words, text_of
from pentimento.services.session import ServiceAnswer, ServiceSession

SEEDS = 2**32 - 2  # 1..this; 0 stands for a random one there
FILTERED = "CONTENT_FILTERED"
NAMES = {  # of errors; platform.stability.ai/docs/api-reference
    "content_moderation": "moderated",
    "invalid_language": "english_only",
    "payload_too_large": "too_large_there",
    "invalid_image": "picture_refused",
}
ASPECTS = {  # of the sizes in the record
    Size(1024, 1024): "1:1",
    Size(1344, 768): "16:9",
    Size(768, 1344): "9:16",
    Size(1216, 832): "3:2",
    Size(832, 1216): "2:3",
    Size(1152, 896): "5:4",
    Size(896, 1152): "4:5",
    Size(1536, 640): "21:9",
    Size(640, 1536): "9:21",
}
CALLS = {
    Operation.TXT2IMG: "stable-image/generate/sd3",
    Operation.IMG2IMG: "stable-image/generate/sd3",
    Operation.INPAINT: "stable-image/edit/inpaint",
}


def auth(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def paint(ask: ImageRequest, line: ServiceSession) -> ImageResult:
    call = f"stable-image/control/{ask.control.type}" if ask.control else CALLS[ask.operation]
    # a form with files, even where there is none: the service takes nothing else
    parts = {name: (None, str(value)) for name, value in _fields(ask).items()} | _files(ask)
    answer = line.order(call, files=parts, headers={"Accept": "application/json"})
    if answer.find("finish_reason") == FILTERED:
        raise line.problem("moderated")
    return ImageResult(from_base64(answer.find("image"), line.problem("bad_answer")))


def check(line: ServiceSession) -> None:
    line.look(urljoin(line.address.base_url, "/v1/user/balance"))


def models(line: ServiceSession) -> list[str]:
    return []  # the record has them: the service has no list


def meaning(answer: ServiceAnswer) -> str | None:
    return by_words(text_of(answer), NAMES)


def _fields(ask: ImageRequest) -> dict[str, Any]:
    """What is None is left out: the service's own default counts there."""
    fields: dict[str, Any] = {
        "prompt": ask.prompt,
        "negative_prompt": ask.negative_prompt or None,
        "seed": None if ask.seed is None else seed_there(ask.seed),
        "output_format": "png",
    }
    if ask.control:
        fields["control_strength"] = min(ask.control.weight, 1.0)
    elif ask.operation is Operation.INPAINT:
        fields["grow_mask"] = 0
    else:
        fields["model"] = ask.model or None
    if not ask.control and ask.operation is Operation.TXT2IMG:
        fields |= {"mode": "text-to-image", "aspect_ratio": ASPECTS[ask.size]}
    if ask.operation is Operation.IMG2IMG:
        fields |= {"mode": "image-to-image", "strength": ask.strength}
    return {name: value for name, value in fields.items() if value is not None}


def _files(ask: ImageRequest) -> dict[str, tuple[str | None, Any]]:
    files: dict[str, tuple[str | None, Any]] = {}
    source = ask.control.image if ask.control else ask.image
    if source:
        files["image"] = ("image.png", source)
    if ask.mask:
        files["mask"] = ("mask.png", ask.mask)
    return files


def seed_there(seed: int) -> int:
    """A seed that the service takes; those it takes stay as they are."""
    return seed if 1 <= seed <= SEEDS else 1 + seed % SEEDS
