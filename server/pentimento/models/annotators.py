"""Which control maps can be drawn from a picture: some by arithmetic alone, others only by a model
that lies in `<data-dir>/annotators/NAME/` (a transformers folder with safetensors). No numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pentimento.errors import BadInput
from pentimento.jobs.record import JobRequest, Mode
from pentimento.models.inspect import read_json
from pentimento.models.weights import Damaged, check_component

BY_ARITHMETIC = ("canny", "scribble", "lineart", "softedge", "tile")
ROLES = {  # class in config.json's `architectures` -> what it sees
    "DepthAnythingForDepthEstimation": "depth",
    "DPTForDepthEstimation": "depth",
    "SegformerForSemanticSegmentation": "segments",
    "RTDetrForObjectDetection": "people",
    "RTDetrV2ForObjectDetection": "people",
    "VitPoseForPoseEstimation": "joints",
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


@dataclass(frozen=True, slots=True)
class Annotator:
    """`role` is empty where nothing can be made of it; `problem` says why."""

    path: Path
    role: str
    problem: str = ""


class Annotators:
    """Looks at the disk on each call."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = Path(data_dir) / "annotators"

    def list(self) -> Sequence[Annotator]:
        if not self.folder.is_dir():
            return []
        found = sorted(path for path in self.folder.iterdir() if (path / "config.json").is_file())
        return [_inspect(path) for path in found]

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
            details={"fields": [{"field": field, "message": "cannot be drawn"}]},
        )

    def places(self, request: JobRequest) -> dict[str, Path]:
        """The folders of the models that a resolved request's maps are drawn with, by role."""
        wanted = {role for kind in drawn_types(request) for role in NEEDS.get(kind, ())}
        usable = [annotator for annotator in reversed(self.list()) if annotator.role in wanted]
        return {place_of(annotator.role): annotator.path for annotator in usable}

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
            return Annotator(path, "", f"{name} is not one that maps can be drawn with")
        check_component(path)
    except (Damaged, OSError, ValueError) as problem:
        return Annotator(path, "", str(problem))
    return Annotator(path, ROLES[name])
