"""Replicate's predictions API, with models of the FLUX.1 kind, and those of other makers that the
record has."""

from __future__ import annotations

from functools import partial
from typing import Any

from pentimento.core.geometry import Size
from pentimento.services.adapter import ImageRequest, ImageResult
from pentimento.services.convert import data_uri
from pentimento.services.model_inputs import inputs
from pentimento.services.problems import RemoteProblem
from pentimento.services.records import Operation, service
from pentimento.services.refusals import by_words, text_of
from pentimento.services.session import ServiceAnswer, ServiceSession, collect

MODELS = {
    Operation.TXT2IMG: "black-forest-labs/flux-dev",
    Operation.IMG2IMG: "black-forest-labs/flux-dev",
    Operation.INPAINT: "black-forest-labs/flux-fill-dev",
}
STEERED = "black-forest-labs/flux-canny-dev"  # draws the edges itself
ASPECTS = {  # of the sizes in the record
    Size(1024, 1024): "1:1",
    Size(1344, 768): "16:9",
    Size(768, 1344): "9:16",
    Size(1216, 832): "3:2",
    Size(832, 1216): "2:3",
    Size(1152, 896): "4:3",
    Size(896, 1152): "3:4",
}
MOST_STEPS = {"black-forest-labs/flux-schnell": 4}
STEPS = 50  # the most of the other models
MOST_GUIDANCE = {MODELS[Operation.INPAINT]: 100.0, STEERED: 100.0}
GUIDANCE = 10.0  # the most of the other models
FAILURES = {  # words in the error of a prediction
    "nsfw": "moderated",
    "flagged sensitive": "moderated",
    "(e005)": "moderated",
    "out of memory": "out_of_memory_there",
    "(e1001)": "out_of_memory_there",
    "interrupted": "interrupted_there",
    "timed out": "timed_out_there",
    "timeout": "timed_out_there",
}
WORDS = {"invalid version": "model_gone", "version not exist": "model_gone"}  # of a refusal
STOPPED = ("canceled", "aborted")
NOT_KNOWN = 404
FAILED = ("failed", *STOPPED)


def auth(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def paint(ask: ImageRequest, line: ServiceSession) -> ImageResult:
    model = _model(ask)
    taken = line.order(f"models/{model}/predictions", json={"input": _input(ask, model)})
    urls = taken.find("urls")
    if not isinstance(urls, dict) or not {"get", "cancel"} <= set(urls):
        raise line.problem("bad_answer")

    def look() -> ServiceAnswer | None:
        answer = line.look(str(urls["get"]))
        state = answer.find("status")
        if state == "succeeded":
            return answer
        if state in FAILED:
            raise line.problem(_failure(str(state), str(answer.json().get("error")).lower()))
        line.say("Waiting for its turn")
        return None

    answer = collect(line, look, partial(line.withdraw, "POST", str(urls["cancel"])))
    output = answer.find("output")
    return ImageResult(line.fetch(str(output[0] if isinstance(output, list) else output)))


def check(line: ServiceSession) -> None:
    line.look("account")


def models(line: ServiceSession) -> list[str]:
    return []  # the record has them: the service has thousands of all kinds


def offers(line: ServiceSession, names: list[str]) -> dict[str, str]:
    """Each is asked for by its name."""
    return dict.fromkeys((name for name in names if _has(name, line)), "")


def _has(model: str, line: ServiceSession) -> bool:
    try:
        line.look(f"models/{model}")
    except RemoteProblem as error:
        if error.details.get("status") != NOT_KNOWN:
            raise
        return False
    return True


def meaning(answer: ServiceAnswer) -> str | None:
    return by_words(text_of(answer), WORDS)


def _failure(state: str, error: str) -> str:
    stopped = "interrupted_there" if state in STOPPED else "failed_there"
    return by_words(error, FAILURES) or stopped


def _model(ask: ImageRequest) -> str:
    """A chosen model makes new pictures only: another one may take no source, or no mask."""
    if ask.control:
        return STEERED
    if ask.operation in (Operation.TXT2IMG, Operation.EDIT) and ask.model:
        return ask.model
    return MODELS[ask.operation]


def _input(ask: ImageRequest, model: str) -> dict[str, Any]:
    """What is None is left out: the model's own default counts there."""
    record = None if ask.control else service("replicate").record_of(model)
    if record:
        return inputs(record, ask)
    most, wildest = MOST_STEPS.get(model, STEPS), MOST_GUIDANCE.get(model, GUIDANCE)
    fields: dict[str, Any] = {
        "prompt": ask.prompt,
        "seed": None if ask.seed is None else ask.seed % 2**32,
        "num_inference_steps": None if ask.steps is None else min(ask.steps, most),
        "guidance": None if ask.guidance is None else min(ask.guidance, wildest),
        "go_fast": False,  # it would not follow the seed
        "num_outputs": 1,
        "output_format": "png",
    }
    if ask.control:
        fields |= {"control_image": data_uri(ask.control.image), "megapixels": "match_input"}
    elif ask.operation is Operation.TXT2IMG:
        fields |= {"aspect_ratio": ASPECTS[ask.size], "megapixels": "1"}
    if ask.operation is Operation.IMG2IMG:
        fields |= {"image": data_uri(ask.image or b""), "prompt_strength": ask.strength}
    if ask.operation is Operation.INPAINT:
        fields |= {"image": data_uri(ask.image or b""), "mask": data_uri(ask.mask or b"")}
        fields["megapixels"] = "match_input"
    return {name: value for name, value in fields.items() if value is not None}
