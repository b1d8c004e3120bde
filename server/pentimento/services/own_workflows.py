"""Workflows of the user's own for ComfyUI: files in the data folder that ComfyUI has saved in its
API format, with inputs that are named by the titles of their nodes.

A node titled “pentimento: seed, steps” gets the job's seed and steps; “pentimento: prompt” gets the
words, “pentimento: source” the uploaded picture. What has no such title stays as the file has it.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pentimento.core.errors import BadInput

FOLDER = "workflows"  # in the data folder
PREFIX = "workflow."  # before the name of the file, in the name of a model
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MOST_BYTES = 4 * 2**20
TITLE = re.compile(r"\s*pentimento\s*:(?P<names>.+)", re.IGNORECASE | re.DOTALL)
RESULT = "result"
INPUTS = {  # what a title can name -> the input that gets it, the first one that the node has
    "prompt": ("text", "prompt", "value", "string"),
    "negative": ("text", "prompt", "value", "string"),
    "seed": ("seed", "noise_seed", "value", "int"),
    "steps": ("steps", "value", "int"),
    "guidance": ("cfg", "guidance", "value", "float"),
    "strength": ("denoise", "strength", "value", "float"),
    "width": ("width", "value", "int"),
    "height": ("height", "value", "int"),
    "source": ("image",),
    "mask": ("image",),
    "map": ("image",),
}

Workflow = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class OwnWorkflow:
    """`places` has for each name the nodes and inputs that get it, `results` the nodes whose
    picture is the result; without one, the first picture is."""

    name: str
    nodes: Workflow
    places: dict[str, tuple[tuple[str, str], ...]]
    results: tuple[str, ...]

    def filled(self, values: dict[str, Any]) -> Workflow:
        """With these values in the places of their names. None, and what has no place, is left."""
        made = copy.deepcopy(self.nodes)
        for name, value in values.items():
            for number, field in self.places.get(name, ()) if value is not None else ():
                made[number]["inputs"][field] = value
        return made


class OwnWorkflows:
    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / FOLDER

    def models(self) -> list[str]:
        """As names of models, by which jobs and styles choose them."""
        try:
            found = sorted(self._folder.glob("*.json"))
        except OSError:
            return []
        return [PREFIX + file.stem for file in found if NAME.fullmatch(file.stem)]

    def of(self, model: str) -> OwnWorkflow | None:
        """The workflow that a model's name stands for; None for other models. Raises BadInput where
        its file is missing or is none."""
        if not model.startswith(PREFIX):
            return None
        name = model.removeprefix(PREFIX)
        file = self._folder / f"{name}.json"
        try:
            if not NAME.fullmatch(name) or file.stat().st_size > MOST_BYTES:
                raise _bad(name)
            nodes = json.loads(file.read_text("utf-8-sig"))
        except (OSError, ValueError, RecursionError):
            raise _bad(name) from None
        return read(name, nodes)


def read(name: str, nodes: Any) -> OwnWorkflow:
    """Raises BadInput for what is not in the API format, and for a title that cannot be met."""
    if not isinstance(nodes, dict) or not nodes:
        raise _bad(name)
    places: dict[str, list[tuple[str, str]]] = {}
    results = []
    for number, node in nodes.items():
        match node:
            case {"class_type": str(), "inputs": dict(inputs)}:
                pass
            case _:
                raise _bad(name)
        for wanted in _named(node):
            if wanted == RESULT:
                results.append(number)
                continue
            field = next((one for one in INPUTS.get(wanted, ()) if one in inputs), None)
            if field is None:
                raise _bad_title(name, wanted)
            places.setdefault(wanted, []).append((number, field))
    return OwnWorkflow(
        name, nodes, {key: tuple(found) for key, found in places.items()}, tuple(results)
    )


def _named(node: dict[str, Any]) -> list[str]:
    """What the title of a node names."""
    about = node.get("_meta")
    title = about.get("title") if isinstance(about, dict) else None
    match = TITLE.fullmatch(title) if isinstance(title, str) else None
    return [part.strip().lower() for part in match["names"].split(",")] if match else []


def _bad(name: str) -> BadInput:
    return BadInput(
        "bad_workflow",
        f"There is no workflow {name} that ComfyUI has saved in its API format.",
        f"In ComfyUI choose File > Export (API), and put the file into “{FOLDER}” of the data "
        "folder, with a name of plain letters and digits.",
    )


def _bad_title(name: str, wanted: str) -> BadInput:
    return BadInput(
        "bad_workflow",
        f"In the workflow {name} a node's title asks for “{wanted}”, which it cannot get.",
        f"A title can ask for {', '.join(INPUTS)}; the node needs an input for it that is no link.",
    )
