"""Replicate's predictions API, with models of the FLUX.1 kind."""

from __future__ import annotations

from typing import Any

from pentimento.backends.remote.adapter import Ask, Painted
from pentimento.backends.remote.convert import data_uri
from pentimento.backends.remote.queues import collect
from pentimento.backends.remote.services import Operation
from pentimento.backends.remote.session import Answer, Line
from pentimento.imaging.geometry import Size

MODELS = {
    Operation.TXT2IMG: "black-forest-labs/flux-dev",
    Operation.IMG2IMG: "black-forest-labs/flux-dev",
    Operation.INPAINT: "black-forest-labs/flux-fill-dev",
}
ASPECTS = {  # of the sizes in the record
    Size(1024, 1024): "1:1",
    Size(1344, 768): "16:9",
    Size(768, 1344): "9:16",
    Size(1216, 832): "3:2",
    Size(832, 1216): "2:3",
    Size(1152, 896): "5:4",
    Size(896, 1152): "4:5",
}
MOST_STEPS = 50
FILTERED = "nsfw"  # in the error of a prediction
FAILED = ("failed", "canceled", "aborted")


def auth(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def paint(ask: Ask, line: Line) -> Painted:
    model = ask.model or MODELS[ask.operation]
    taken = line.order(f"models/{model}/predictions", json={"input": _input(ask)})
    urls = taken.find("urls")
    if not isinstance(urls, dict) or not {"get", "cancel"} <= set(urls):
        raise line.problem("bad_answer")

    def look() -> Answer | None:
        answer = line.look(str(urls["get"]))
        state = answer.find("status")
        if state == "succeeded":
            return answer
        if state in FAILED:
            filtered = FILTERED in str(answer.json().get("error")).lower()
            raise line.problem("moderated" if filtered else "service_error")
        line.say("Waiting for its turn")
        return None

    answer = collect(line, look, ("POST", str(urls["cancel"])))
    output = answer.find("output")
    return Painted(line.fetch(str(output[0] if isinstance(output, list) else output)))


def check(line: Line) -> None:
    line.look("account")


def models(line: Line) -> list[str]:
    return []  # the record has them: the service has thousands of all kinds


def meaning(answer: Answer) -> str | None:
    return None


def _input(ask: Ask) -> dict[str, Any]:
    """What is None is left out: the model's own default counts there."""
    fields: dict[str, Any] = {
        "prompt": ask.prompt,
        "seed": None if ask.seed is None else ask.seed % 2**32,
        "num_inference_steps": None if ask.steps is None else min(ask.steps, MOST_STEPS),
        "guidance": ask.guidance,
        "num_outputs": 1,
        "output_format": "png",
    }
    if ask.operation is Operation.TXT2IMG:
        fields |= {"aspect_ratio": ASPECTS[ask.size], "megapixels": "1"}
    if ask.operation is Operation.IMG2IMG:
        fields |= {"image": data_uri(ask.image or b""), "prompt_strength": ask.strength}
    if ask.operation is Operation.INPAINT:
        fields |= {"image": data_uri(ask.image or b""), "mask": data_uri(ask.mask or b"")}
        fields["megapixels"] = "match_input"
    return {name: value for name, value in fields.items() if value is not None}
