"""What ComfyUI answers, as shapes: which fields there are and of what kind, not what is in them.

Written down by hand from a conversation with ComfyUI 0.3.64 (its server as of October 2025, started
on a processor with random weights), recorded for this project; no line of the program, which is
under the GPL, is here. A shape is a type, `[shape]` for a list of such, `(shape, ...)` for a row of
a fixed length, `{name: shape}` for exactly these fields, `{KEY: shape}` for any number of fields, a
set for one of several words, and `Optional` fields begin with a question mark.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

KEY = "*"
NUMBER = (int, float)
LINK = (str, int)
WORKFLOW = {KEY: {"class_type": str, "inputs": {KEY: object}}}
ROW = (int, str, WORKFLOW, {KEY: object}, [str])  # of the queue
ABOUT = {"prompt_id": str, "timestamp": int, "?nodes": [str]}
ERROR = {"type": str, "message": str, "details": str, "extra_info": {KEY: object}}
OF_A_NODE = {"errors": [ERROR], "dependent_outputs": [str], "class_type": str}
PICTURE = {"filename": str, "subfolder": str, "type": {"temp", "output", "input"}}
NODE = {"node_id": str, "display_node": str, "parent_node": (str, type(None)), "real_node_id": str}
INTERRUPTED = ABOUT | {
    "?node_id": str,
    "?node_type": str,
    "?executed": [str],
    "?exception_type": str,
}
ENTRY = {  # of the history
    "prompt": ROW,
    "outputs": {KEY: {"images": [PICTURE]}},
    "status": {
        "status_str": {"success", "error"},
        "completed": bool,
        "messages": [(str, INTERRUPTED)],
    },
    "meta": {KEY: NODE},
}
ANSWERS: dict[str, tuple[int, Any]] = {  # status, and shape of the JSON; None for no body
    "GET /queue": (200, {"queue_running": [ROW], "queue_pending": [ROW]}),
    "GET /embeddings": (200, [str]),
    "GET /models": (200, [str]),
    "GET /models/checkpoints": (200, [str]),
    "POST /upload/image": (200, {"name": str, "subfolder": str, "type": {"input"}}),
    "POST /prompt": (200, {"prompt_id": str, "number": int, "node_errors": {}}),
    "POST /prompt refused": (400, {"error": ERROR, "node_errors": {KEY: OF_A_NODE}}),
    "GET /history/ID": (200, {KEY: ENTRY}),
    "POST /interrupt": (200, None),
    "POST /queue": (200, None),
}
REFUSALS = ("prompt_no_outputs", "no_prompt", "invalid_prompt", "prompt_outputs_failed_validation")
REMAINING = {"status": {"exec_info": {"queue_remaining": int}}, "?sid": str}
STATE = {
    "value": NUMBER,
    "max": NUMBER,
    "state": {"running", "finished", "pending", "error"},
    "node_id": str,
    "prompt_id": str,
    "display_node_id": str,
    "parent_node_id": (str, type(None)),
    "real_node_id": str,
}
MESSAGES: dict[str, Any] = {  # over the websocket: what is in `data`, by `type`
    "status": REMAINING,
    "execution_start": ABOUT,
    "execution_cached": ABOUT,
    "progress_state": {"prompt_id": str, "nodes": {KEY: STATE}},
    "executing": {"node": (str, type(None)), "?display_node": str, "prompt_id": str},
    "progress": {"value": int, "max": int, "prompt_id": str, "node": str},
    "executed": {
        "node": str,
        "display_node": str,
        "output": {"images": [PICTURE]},
        "prompt_id": str,
    },
    "execution_success": ABOUT,
    "execution_interrupted": INTERRUPTED,
}


def differences(value: Any, shape: Any, where: str = "") -> Iterator[str]:
    """Where a value is not of the shape."""
    if isinstance(shape, dict) and isinstance(value, dict):
        yield from _fields(value, shape, where)
    elif isinstance(shape, list) and isinstance(value, list):
        for number, one in enumerate(value):
            yield from differences(one, shape[0], f"{where}[{number}]")
    elif isinstance(shape, set):
        if value not in shape:
            yield f"{where}: {value!r} is none of {sorted(shape)}"
    elif isinstance(shape, tuple) and (isinstance(value, list) or not _are_types(shape)):
        yield from _row(value, shape, where)
    elif not isinstance(shape, type | tuple) or not isinstance(value, shape):
        yield f"{where}: {value!r} is no {shape}"


def _are_types(shape: tuple[Any, ...]) -> bool:
    return all(isinstance(one, type) for one in shape)


def _fields(value: dict[str, Any], shape: dict[str, Any], where: str) -> Iterator[str]:
    if KEY in shape:
        for name, one in value.items():
            yield from differences(one, shape[KEY], f"{where}.{name}")
        return
    known = {name.removeprefix("?"): inner for name, inner in shape.items()}
    for name in value.keys() - known.keys():
        yield f"{where}: has {name}"
    for name in shape:
        if not name.startswith("?") and name not in value:
            yield f"{where}: lacks {name}"
    for name in value.keys() & known.keys():
        yield from differences(value[name], known[name], f"{where}.{name}")


def _row(value: Any, shape: tuple[Any, ...], where: str) -> Iterator[str]:
    if not isinstance(value, list) or len(value) != len(shape):
        yield f"{where}: {value!r} is no row of {len(shape)}"
        return
    for number, (one, inner) in enumerate(zip(value, shape, strict=True)):
        yield from differences(one, inner, f"{where}[{number}]")
