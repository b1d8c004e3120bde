"""HuggingFace's Inference Providers: text to image, and models that edit a picture by instruction.

Which provider runs a model stands in the hub's `inferenceProviderMapping`; orders then go through
HuggingFace's router in that provider's own form, as `huggingface_hub`'s client sends them
(`huggingface_hub/inference/_providers`): fal's here, HuggingFace's own where it has the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

from pentimento.services.adapter import ImageRequest, ImageResult
from pentimento.services.adapters import fal
from pentimento.services.convert import base64_of, data_uri
from pentimento.services.records import Operation
from pentimento.services.refusals import by_words, text_of
from pentimento.services.session import ServiceAnswer, ServiceSession, collect

MODELS = {
    Operation.TXT2IMG: "black-forest-labs/FLUX.1-dev",
    Operation.IMG2IMG: "black-forest-labs/FLUX.1-Kontext-dev",
    Operation.EDIT: "black-forest-labs/FLUX.1-Kontext-dev",
}
TASKS = {
    Operation.TXT2IMG: "text-to-image",
    Operation.IMG2IMG: "image-to-image",
    Operation.EDIT: "image-to-image",
}
FAL, OWN = "fal-ai", "hf-inference"
PROVIDERS = (FAL, OWN)  # best first
QUEUED = "_subdomain=queue"
WORDS = {"model not supported": "model_gone"}
DONE = "COMPLETED"
MAPPING = "inferenceProviderMapping"


@dataclass(frozen=True, slots=True)
class Provided:
    """Who runs a model, and what it is called there."""

    provider: str
    name: str


def auth(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def paint(ask: ImageRequest, line: ServiceSession) -> ImageResult:
    model = _model(ask)
    there = _provided(model, TASKS[ask.operation], line)
    paint_there = _paint_at_fal if there.provider == FAL else _paint_at_huggingface
    return ImageResult(paint_there(ask, there, line), model=model)


def check(line: ServiceSession) -> None:
    """The list of models is public; who one is, only the key's owner learns."""
    line.look(_hub(line, "api/whoami-v2"))


def models(line: ServiceSession) -> list[str]:
    return []  # the hub has thousands; those above are known to be provided


def meaning(answer: ServiceAnswer) -> str | None:
    return fal.meaning(answer) or by_words(text_of(answer), WORDS)


def _model(ask: ImageRequest) -> str:
    """A chosen model makes new pictures; for repainting it takes one that edits."""
    if ask.operation in (Operation.TXT2IMG, Operation.EDIT) and ask.model:
        return ask.model
    return MODELS[ask.operation]


def _hub(line: ServiceSession, path: str) -> str:
    """An address at the hub, which has a name of its own beside the router's."""
    return urljoin((line.address.origins or (line.address.base_url,))[0], f"/{path}")


def _provided(model: str, task: str, line: ServiceSession) -> Provided:
    """Raises model_gone where nobody that this adapter can talk to runs the model for the task."""
    told = line.look(_hub(line, f"api/models/{model}"), params={"expand[]": MAPPING}).json()
    listed = told.get(MAPPING) if isinstance(told, dict) else None
    if isinstance(listed, list):  # the hub has had both forms
        listed = {one.get("provider"): one for one in listed if isinstance(one, dict)}
    for provider in PROVIDERS:
        entry = listed.get(provider) if isinstance(listed, dict) else None
        if isinstance(entry, dict) and entry.get("task") == task and entry.get("providerId"):
            return Provided(provider, str(entry["providerId"]))
    raise line.problem("model_gone")


def _paint_at_fal(ask: ImageRequest, there: Provided, line: ServiceSession) -> bytes:
    """Text to image is answered at once; edits stand in fal's queue behind the router."""
    path = f"{FAL}/{there.name}"
    if ask.operation is Operation.TXT2IMG:
        return line.fetch(str(line.order(path, json=_fal_input(ask)).find("images", 0, "url")))
    taken = line.order(f"{path}?{QUEUED}", json=_fal_input(ask))
    place = f"{FAL}{urlsplit(str(taken.find('response_url'))).path}"

    def look() -> ServiceAnswer | None:
        if line.look(f"{place}/status?{QUEUED}").find("status") == DONE:
            return line.look(f"{place}?{QUEUED}")
        line.say("Waiting for its turn")
        return None

    answer = collect(line, look, partial(line.withdraw, "PUT", f"{place}/cancel?{QUEUED}"))
    return line.fetch(str(answer.find("images", 0, "url")))


def _fal_input(ask: ImageRequest) -> dict[str, Any]:
    """What is None is left out: the model's own default counts there."""
    source = data_uri(ask.image) if ask.image else None
    fields: dict[str, Any] = {
        "prompt": ask.prompt,
        "image_size": {"width": ask.size.width, "height": ask.size.height},
        "image_url": source,
        "image_urls": [source] if source else None,
        **_sampling(ask),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _paint_at_huggingface(ask: ImageRequest, there: Provided, line: ServiceSession) -> bytes:
    size = {"width": ask.size.width, "height": ask.size.height}
    own = {"prompt": ask.prompt, "target_size": size} if ask.image else size
    parameters = {name: value for name, value in _sampling(ask).items() if value is not None}
    body = {
        "inputs": base64_of(ask.image) if ask.image else ask.prompt,
        "parameters": parameters | own,
    }
    answer = line.order(f"{OWN}/models/{there.name}", json=body, headers={"Accept": "image/png"})
    if not answer.headers.get("content-type", "").startswith("image/"):
        raise line.problem("bad_answer")
    return answer.body


def _sampling(ask: ImageRequest) -> dict[str, Any]:
    return {
        "negative_prompt": ask.negative_prompt or None,
        "seed": None if ask.seed is None else ask.seed % 2**32,
        "num_inference_steps": ask.steps,
        "guidance_scale": ask.guidance,
    }
