"""HuggingFace's Inference Providers: text to image, and models that edit a picture as they are
told."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from pentimento.backends.remote.adapter import Ask, Painted
from pentimento.backends.remote.convert import base64_of
from pentimento.backends.remote.services import Operation
from pentimento.backends.remote.session import Answer, Line

MODELS = {
    Operation.TXT2IMG: "black-forest-labs/FLUX.1-schnell",
    Operation.IMG2IMG: "black-forest-labs/FLUX.1-Kontext-dev",
}


def auth(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def paint(ask: Ask, line: Line) -> Painted:
    model = ask.model or MODELS[ask.operation]
    answer = line.order(f"models/{model}", json=_body(ask), headers={"Accept": "image/png"})
    if not answer.headers.get("content-type", "").startswith("image/"):
        raise line.problem("bad_answer")
    return Painted(answer.body, model=model)


def check(line: Line) -> None:
    line.look(_list_of_models(line))


def models(line: Line) -> list[str]:
    return []  # the list there is of language models


def meaning(answer: Answer) -> str | None:
    return None


def _list_of_models(line: Line) -> str:
    return urljoin(line.address.base_url, "/v1/models")


def _body(ask: Ask) -> dict[str, Any]:
    """What is None is left out: the model's own default counts there."""
    parameters: dict[str, Any] = {
        "negative_prompt": ask.negative_prompt or None,
        "seed": None if ask.seed is None else ask.seed % 2**32,
        "num_inference_steps": ask.steps,
        "guidance_scale": ask.guidance,
    }
    size = {"width": ask.size.width, "height": ask.size.height}
    if ask.image:
        inputs = base64_of(ask.image)
        parameters |= {"prompt": ask.prompt, "target_size": size}
    else:
        inputs = ask.prompt
        parameters |= size
    return {
        "inputs": inputs,
        "parameters": {name: value for name, value in parameters.items() if value is not None},
    }
