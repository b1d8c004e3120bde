"""ComfyUI's API (0.3): pictures are uploaded, a workflow is queued, its picture is collected.

Nothing is saved there on purpose: results are previews, which ComfyUI removes when it starts again,
and the words leave its history once the picture is here. Uploaded pictures stay in its input folder
under names made from their contents, for ComfyUI has no call that removes them.
"""

from __future__ import annotations

import hashlib
import uuid
from pathlib import PurePosixPath
from typing import Any

from pentimento.services.adapter import ImageRequest, ImageResult
from pentimento.services.adapters import comfyui_graph as graph
from pentimento.services.adapters.comfyui_progress import Listener
from pentimento.services.own_workflows import OwnWorkflow
from pentimento.services.session import ServiceAnswer, ServiceSession, collect

FOLDER = "pentimento"  # in ComfyUI's input folder
REFUSED_VALUE = "value_not_in_list"
FILE_INPUTS = ("ckpt_name", "control_net_name", "unet_name", "lora_name", "vae_name")


def auth(key: str) -> dict[str, str]:
    """ComfyUI itself knows no keys; a proxy before it may ask for one."""
    return {"Authorization": f"Bearer {key}"}


def paint(ask: ImageRequest, line: ServiceSession) -> ImageResult:
    if ask.workflow:
        workflow, name = _own(ask, ask.workflow, line), ""
    else:
        weights = _weights(ask, line)
        workflow, name = graph.workflow(ask, weights, _files(ask, line)), weights.name
    client = uuid.uuid4().hex
    listener = Listener(client, line)
    try:
        body = {"prompt": workflow, "client_id": client}
        number = listener.number = str(line.order("prompt", json=body).find("prompt_id"))
        entry = _collected(number, line, listener)
    finally:
        listener.close()
    wanted = ask.workflow.results if ask.workflow else ()
    content = line.look("view", params=_picture(entry, wanted, line)).body
    _forget(number, line)
    return ImageResult(content, model=name or None)


def _own(ask: ImageRequest, workflow: OwnWorkflow, line: ServiceSession) -> graph.Workflow:
    """The user's own workflow with what the job says in the places that it names."""
    control = ask.control.image if ask.control else None
    pictures = {"source": ask.image, "mask": ask.mask, "map": control}
    uploaded = {
        name: _uploaded(png, line)
        for name, png in pictures.items()
        if png is not None and name in workflow.places
    }
    strength = ask.strength if ask.image else None
    return workflow.filled(
        {
            "prompt": ask.prompt,
            "negative": ask.negative_prompt,
            "seed": ask.seed,
            "steps": ask.steps,
            "guidance": ask.guidance,
            "strength": strength,
            "width": ask.size.width,
            "height": ask.size.height,
            **uploaded,
        }
    )


def check(line: ServiceSession) -> None:
    """That it answers, and as ComfyUI does."""
    line.look("queue").find("queue_running")


def models(line: ServiceSession) -> list[str]:
    """Checkpoints, and denoisers that are split from their text encoders and VAE."""
    return [*_listed("checkpoints", line), *_listed("diffusion_models", line)]


def meaning(answer: ServiceAnswer) -> str | None:
    if answer.status == 404:
        return "no_such_call"
    if answer.status != 400:
        return None
    try:
        told = answer.json()
        nodes = dict(told.get("node_errors") or {}).values()
        errors = [error for node in nodes for error in node["errors"]]
        missing = [error for error in errors if error["type"] == REFUSED_VALUE]
        if any(error["extra_info"].get("input_name") in FILE_INPUTS for error in missing):
            return "model_gone"
        return "no_such_call" if told["error"]["type"] == "invalid_prompt" else "bad_values"
    except Exception:  # any body may come with a refusal
        return "bad_values"


def _files(ask: ImageRequest, line: ServiceSession) -> graph.Files:
    """Uploads what the workflow loads."""
    net = ""
    if ask.control:
        net = graph.control_net_for(ask.control.type, _listed("controlnet", line))
        if not net:
            raise line.problem("control_missing", missing=ask.control.type)
    return graph.Files(
        image=_uploaded(ask.image, line),
        mask=_uploaded(ask.mask, line),
        map=_uploaded(ask.control.image if ask.control else None, line),
        control_net=net,
    )


def _uploaded(png: bytes | None, line: ServiceSession) -> str:
    """Its name as LoadImage takes it; empty for nothing."""
    if png is None:
        return ""
    name = f"{hashlib.sha256(png).hexdigest()[:32]}.png"
    stored = line.hand_over(
        "upload/image",
        files={"image": (name, png, "image/png")},
        data={"subfolder": FOLDER, "type": "input", "overwrite": "true"},
    )
    folder, kept = str(stored.find("subfolder")), str(stored.find("name"))
    return f"{folder}/{kept}" if folder else kept


def _listed(folder: str, line: ServiceSession) -> list[str]:
    found = line.look(f"models/{folder}").json()
    return [str(name) for name in found] if isinstance(found, list) else []


def _weights(ask: ImageRequest, line: ServiceSession) -> graph.GraphWeights:
    """Raises model_gone for a split model some of whose files are not there, and for a LoRA."""
    loras = _loras(ask, line)
    if not ask.model or ask.model in _listed("checkpoints", line):
        return graph.GraphWeights(checkpoint=ask.model or _first_checkpoint(line), loras=loras)
    if ask.model not in _listed("diffusion_models", line):
        raise line.problem("model_gone")
    split = graph.split_of(ask.model)
    if split is None:
        raise line.problem("parts_missing", missing="text encoders")
    there, vaes = _listed("text_encoders", line), _listed("vae", line)
    encoders = [_fitting(words, there) for words in split.encoders]
    vae = _fitting(split.vae, vaes)
    if not all(encoders):
        raise line.problem("parts_missing", missing="text encoders")
    if not vae:
        raise line.problem("parts_missing", missing="VAE")
    return graph.GraphWeights(
        denoiser=ask.model, encoders=tuple(encoders), kind=split.kind, vae=vae, loras=loras
    )


def _loras(ask: ImageRequest, line: ServiceSession) -> tuple[tuple[str, float], ...]:
    """The files there of the LoRAs that are asked for by their names, without folder and ending."""
    if not ask.loras:
        return ()
    files = {PurePosixPath(name.replace("\\", "/")).stem: name for name in _listed("loras", line)}
    for name, _weight in ask.loras:
        if name not in files:
            raise line.problem("lora_missing", missing=name)
    return tuple((files[name], weight) for name, weight in ask.loras)


def _fitting(words: tuple[str, ...], names: list[str]) -> str:
    return next((name for name in names if any(word in name.lower() for word in words)), "")


def _first_checkpoint(line: ServiceSession) -> str:
    """Raises model_gone where there is none."""
    names = _listed("checkpoints", line)
    if not names:
        raise line.problem("model_gone")
    return names[0]


def _collected(number: str, line: ServiceSession, listener: Listener) -> dict[str, Any]:
    """The history's entry of an order once it has ended."""

    def look() -> dict[str, Any] | None:
        told = line.look(f"history/{number}").json()
        if isinstance(told, dict) and isinstance(told.get(number), dict):
            return dict(told[number])
        if not listener.heard:
            _say_where(number, line)
        return None

    return collect(line, look, lambda: take_back(number, line))


def take_back(number: str, line: ServiceSession) -> None:
    """Out of the queue; and if it is the one that is computed at this moment, it is interrupted.
    Older versions interrupt whatever they compute, and others' orders must go on."""
    line.withdraw("POST", "queue", json={"delete": [number]})
    queue = line.last_look("queue")
    running = queue.get("queue_running") if isinstance(queue, dict) else None
    if number in _numbers(running):
        line.withdraw("POST", "interrupt", json={"prompt_id": number})


def _say_where(number: str, line: ServiceSession) -> None:
    """What a person waits for."""
    queue = line.look("queue")
    running = number in _numbers(queue.find("queue_running"))
    before = len(_numbers(queue.find("queue_pending")))
    waits = before and not running
    line.say("Waiting for its turn" if waits else f"{line.address.title} is painting")


def _numbers(entries: Any) -> list[str]:
    """The second of each entry is the order's number."""
    rows = entries if isinstance(entries, list) else []
    return [str(row[1]) for row in rows if isinstance(row, list) and len(row) > 1]


def _picture(
    entry: dict[str, Any], wanted: tuple[str, ...], line: ServiceSession
) -> dict[str, str]:
    """What `view` is asked for, of these nodes if any are named; raises what the order failed
    of."""
    status = entry.get("status") or {}
    if status.get("status_str") != "success":
        raise line.problem(_failure(status.get("messages")))
    outputs = dict(entry.get("outputs") or {})
    for output in [outputs[one] for one in wanted if one in outputs] or outputs.values():
        for image in output.get("images", ()):
            return {key: str(image.get(key, "")) for key in ("filename", "subfolder", "type")}
    raise line.problem("bad_answer")


def _failure(messages: Any) -> str:
    """What the messages of an order that failed mean. Their texts are not passed on."""
    for message in messages if isinstance(messages, list) else []:
        match message:
            case ["execution_interrupted", *_]:
                return "interrupted_there"
            case ["execution_error", {"exception_type": str(kind)}] if "OutOfMemory" in kind:
                return "out_of_memory_there"
    return "failed_there"


def _forget(number: str, line: ServiceSession) -> None:
    line.withdraw("POST", "history", json={"delete": [number]})
