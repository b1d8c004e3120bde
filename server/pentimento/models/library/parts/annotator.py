"""Which control maps can be drawn from a picture, and what selects objects in one: some by
arithmetic alone, others only by a model that lies in `<data-dir>/annotators/NAME/` (a
transformers folder with safetensors). No numpy.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pentimento.core import plain_files
from pentimento.core.errors import BadInput, NotFound, field_error
from pentimento.models.library.disk import Look
from pentimento.models.library.sidecar import read_json
from pentimento.models.weights.check import check_component
from pentimento.models.weights.header import Damaged
from pentimento.schema.job import GRABCUT, MODEL_ID, JobRequest, Mode
from pentimento.schema.vocabulary import DRAWN_BY_ARITHMETIC

BY_ARITHMETIC = DRAWN_BY_ARITHMETIC
ROLES = {  # class in config.json's `architectures` -> what it sees
    "DepthAnythingForDepthEstimation": "depth",
    "DPTForDepthEstimation": "depth",
    "SegformerForSemanticSegmentation": "segments",
    "RTDetrForObjectDetection": "people",
    "RTDetrV2ForObjectDetection": "people",
    "VitPoseForPoseEstimation": "joints",
    "Sam2Model": "objects",
    "Sam2VideoModel": "objects",  # as SAM 2.1 is published; its weights for moving pictures rest
}
NEEDS = {  # control type -> the roles that draw it
    "depth": ("depth",),
    "normal": ("depth",),
    "openpose": ("people", "joints"),
    "seg": ("segments",),
}
EXAMPLES = {
    "depth": "Depth Anything V2 Small",
    "people": "RT-DETR R18",
    "joints": "ViTPose Base",
    "segments": "SegFormer B0 trained on ADE20K",
}
TYPES = (*BY_ARITHMETIC, *NEEDS)
OBJECTS = "objects"


@dataclass(frozen=True, slots=True)
class Annotator:
    """`role` is empty where nothing can be made of it; `problem` says why."""

    path: Path
    role: str
    problem: str = ""


class Annotators:
    """As the registry of models: each call looks at the disk, and opens what changed."""

    def __init__(self, data_dir: Path, look: Look | None = None) -> None:
        self.folder = Path(data_dir) / "annotators"
        self._look = look or Look()

    def list(self) -> Sequence[Annotator]:
        found = self._look.entries(self.folder)
        return [
            self._look.read("annotator", path, partial(_inspect, path), sure=True)
            for path in found
            if plain_files.is_file(path / "config.json")
        ]

    def drawable(self) -> Sequence[str]:
        """The control types whose maps can be drawn now."""
        roles = {annotator.role for annotator in self.list()}
        return [kind for kind in TYPES if kind in BY_ARITHMETIC or roles.issuperset(NEEDS[kind])]

    def missing(self) -> dict[str, str]:
        """Why each of the others can't be drawn."""
        drawable = self.drawable()
        return {kind: self._why(kind) for kind in TYPES if kind not in drawable}

    def require(self, kind: str, field: str) -> None:
        """Raises BadInput where maps of this type can't be drawn."""
        if kind in self.drawable():
            return
        known = kind in TYPES
        raise BadInput(
            "cannot_draw",
            f"A {kind} map cannot be made from a picture here."
            + (f" {self._why(kind)}" if known else ""),
            "Send the map itself, without preprocess."
            + (
                f" Or put such a model into {self.folder.name}/ of the data folder."
                if known
                else ""
            ),
            details=field_error(field, "cannot be drawn"),
        )

    def places(self, request: JobRequest) -> dict[str, Path]:
        """The folders of the models that a resolved request's maps are drawn with, or its object is
        selected by, by role."""
        if request.mode is Mode.SELECT:
            path = self.segmenters().get(str(request.model))
            return {place_of(OBJECTS): path} if path else {}
        wanted = {role for kind in drawn_types(request) for role in NEEDS.get(kind, ())}
        usable = [annotator for annotator in reversed(self.list()) if annotator.role in wanted]
        return {place_of(annotator.role): annotator.path for annotator in usable}

    def segmenters(self) -> dict[str, Path]:
        """The models that select objects, by id, the first is the default."""
        return {
            found.path.name: found.path
            for found in self.list()
            if found.role == OBJECTS and re.fullmatch(MODEL_ID, found.path.name)
        }

    def segmenter(self, wanted: str | None) -> str:
        """The id of the model that selects an object: as wanted, else the first that is there, else
        GRABCUT, which is none. Raises NotFound."""
        there = self.segmenters()
        if wanted is None:
            return next(iter(there), GRABCUT)
        if wanted != GRABCUT and wanted not in there:
            raise NotFound(
                "not_found",
                f"No model called {wanted} selects objects here.",
                f"Leave model out, or say {GRABCUT}, which needs no model.",
            )
        return wanted

    def _why(self, kind: str) -> str:
        there = self.list()
        lacking = [role for role in NEEDS[kind] if role not in {found.role for found in there}]
        told = " and ".join(f"a model for {role} (such as {EXAMPLES[role]})" for role in lacking)
        damaged = " ".join(
            f"{found.path.name}: {found.problem}." for found in there if found.problem
        )
        return f"It takes {told}. {damaged}".strip()


def drawn_types(request: JobRequest) -> list[str]:
    """The types of the request's controls whose maps are drawn from a picture."""
    return [
        control.type
        for control in request.controls
        if control.image is None or control.preprocess or request.mode is Mode.PREPROCESS
    ]


def place_of(role: str) -> str:
    """The key of an annotator among a job's add-ons; no id of a ControlNet looks like this."""
    return f"annotator {role}"


def _inspect(path: Path) -> Annotator:
    try:
        named = read_json(path / "config.json").get("architectures")
        name = str(named[0]) if isinstance(named, list) and named else "no class"
        if name not in ROLES:
            return Annotator(path, "", f"{name} is not one that draws maps or selects objects")
        check_component(path)
    except (Damaged, OSError, ValueError) as problem:
        return Annotator(path, "", str(problem))
    return Annotator(path, ROLES[name])
