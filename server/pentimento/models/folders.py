"""Folders of other programs whose models are listed too, and never changed: which they are
(`<data-dir>/folders.json`), and where in them models lie.

A link must end inside the folder that was added. The cache of the HuggingFace hub consists of such
links.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pentimento.errors import BadInput, Conflict, NotFound
from pentimento.models.headers import PICKLE_SUFFIXES
from pentimento.paths import write_private

FILE = "folders.json"
AUTO = "auto"
SUFFIXES = (".safetensors", ".gguf", *PICKLE_SUFFIXES)
INDEX, CONFIG = "model_index.json", "config.json"
MOST_FOLDERS = 32
DEEPEST = 8  # folders below the one that is looked through
MOST_SEEN = 20_000  # folders and files, so that a wrong folder cannot take minutes


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a program keeps what. `marks`: any of these makes a folder the program's own."""

    title: str
    marks: tuple[str, ...]
    places: dict[str, str]  # folder -> role of what can't be recognised in it


@dataclass(frozen=True, slots=True)
class Added:
    path: Path
    kind: str  # of LAYOUTS


@dataclass(frozen=True, slots=True)
class Place:
    """A file or a diffusers folder. `role` is what lies in such a place, "unknown" for anything;
    `root` is where links have to end, and `leads_out` says that this one does not; `source` says
    in words whose it is."""

    path: Path
    title: str
    role: str
    root: Path
    source: str
    leads_out: bool = False


LAYOUTS = {
    "comfyui": Layout(
        "ComfyUI",
        ("models/diffusion_models", "models/checkpoints", "diffusion_models", "checkpoints"),
        {
            "checkpoints": "checkpoint",
            "diffusion_models": "denoiser",
            "unet": "denoiser",
            "vae": "vae",
            "vae_approx": "tiny_vae",
            "loras": "lora",
            "controlnet": "controlnet",
            "embeddings": "embedding",
            "ipadapter": "ip_adapter",
            "upscale_models": "upscaler",
            "text_encoders": "text_encoder",
            "clip": "text_encoder",
            "clip_vision": "image_encoder",
        },
    ),
    "a1111": Layout(
        "A1111",
        ("models/Stable-diffusion", "Stable-diffusion"),
        {
            "Stable-diffusion": "checkpoint",
            "VAE": "vae",
            "VAE-approx": "tiny_vae",
            "Lora": "lora",
            "LyCORIS": "lora",
            "ControlNet": "controlnet",
            "embeddings": "embedding",
            "ESRGAN": "upscaler",
            "RealESRGAN": "upscaler",
            "SwinIR": "upscaler",
            "DAT": "upscaler",
            "text_encoder": "text_encoder",
        },
    ),
    "invokeai": Layout("InvokeAI", ("invokeai.yaml", "databases/invokeai.db"), {"": "unknown"}),
    "huggingface": Layout("HuggingFace", (), {}),
    "plain": Layout("", (), {"": "unknown"}),
}


class Folders:
    """Looks at the disk on each call, so that what is added is there at once."""

    def __init__(self, data_dir: Path) -> None:
        self._file = Path(data_dir) / FILE

    def list(self) -> Sequence[Added]:
        """Raises BadInput where the file that says so cannot be read."""
        try:
            kept: Any = json.loads(self._file.read_text("utf-8"))
            return [Added(Path(entry["path"]), _known(entry["kind"])) for entry in kept]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(
                "bad_request",
                f"The list of folders in {self._file} cannot be read.",
                "Delete that file, and add the folders again with `pentimento models folders add`.",
            ) from error

    def add(self, path: Path, kind: str = AUTO) -> Added:
        """Raises BadInput, Conflict."""
        added = checked(path, kind)
        known = [folder for folder in self.list() if folder.path != added.path]
        if len(known) != len(self.list()):
            raise Conflict("folder_exists", f"{added.path} is in the list already.")
        self.keep([*known, added])
        return added

    def remove(self, path: Path) -> None:
        """Takes it off the list and leaves the folder as it is. Raises NotFound."""
        path = Path(os.path.abspath(path.expanduser()))
        left = [folder for folder in self.list() if folder.path != path]
        if len(left) == len(self.list()):
            raise NotFound(
                "folder_not_found",
                f"{path} is not in the list.",
                "`pentimento models folders list` shows it.",
            )
        self.keep(left)

    def keep(self, folders: Sequence[Added]) -> None:
        """The whole list. Raises BadInput for too many."""
        if len(folders) > MOST_FOLDERS:
            raise BadInput("bad_request", f"No more than {MOST_FOLDERS} folders can be added.")
        told = [{"path": str(folder.path), "kind": folder.kind} for folder in folders]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_private(self._file, json.dumps(told, indent=2).encode())

    def places(self) -> Iterator[Place]:
        """Nothing where the list cannot be read: `pentimento doctor` says so, and our own models
        stay usable."""
        try:
            folders = self.list()
        except BadInput:
            return
        for folder in folders:
            yield from places(folder)


def checked(path: Path, kind: str = AUTO) -> Added:
    """The folder with the program that it is of. Raises BadInput."""
    path = Path(os.path.abspath(path.expanduser()))
    if not path.is_dir():
        raise BadInput("bad_request", f"{path} is not a folder.", "Give the path of a folder.")
    if path == path.parent:
        raise BadInput("bad_request", "The whole disk cannot be added.", "Give a folder on it.")
    return Added(path, detect(path) if kind == AUTO else _known(kind))


def detect(path: Path) -> str:
    """Whose folder it is, by what lies in it; "plain" where nothing tells."""
    if _hub(path):
        return "huggingface"
    for kind in ("invokeai", "a1111", "comfyui"):
        if any((path / mark).exists() for mark in LAYOUTS[kind].marks):
            return kind
    return "plain"


def places(folder: Added) -> Iterator[Place]:
    """Everything in it that may be a model. A folder that is gone has nothing."""
    layout = LAYOUTS[folder.kind]
    if folder.kind == "huggingface":
        yield from _snapshots(folder.path)
        return
    source = layout.title or folder.path.name
    for name, role in layout.places.items():
        for base in {folder.path / "models" / name, folder.path / name} if name else {folder.path}:
            yield from _walk(base, role, folder.path, source)


def _walk(base: Path, role: str, root: Path, source: str) -> Iterator[Place]:
    seen = 0
    end = root.resolve()
    elsewhere = not base.resolve().is_relative_to(end)  # below it no linked folder is entered
    for place, names, files in os.walk(base):
        seen += 1 + len(files)
        here = Path(place)
        if seen > MOST_SEEN:
            return
        if INDEX in files:
            names.clear()
            yield Place(here, here.name, "checkpoint", root, source, elsewhere)
            continue
        if CONFIG in files and any(name.endswith(SUFFIXES) for name in files):
            names.clear()
            yield Place(here, here.name, role, root, source, elsewhere)
            continue
        names[:] = sorted(name for name in names if not name.startswith("."))
        if len(here.relative_to(base).parts) >= DEEPEST:
            names.clear()
        for name in sorted(files):
            if name.endswith(SUFFIXES) and not name.startswith("."):
                file = here / name
                out = elsewhere or (file.is_symlink() and not file.resolve().is_relative_to(end))
                yield Place(file, file.stem, role, root, source, out)


def _hub(path: Path) -> Path | None:
    """The folder of repositories in a cache of the HuggingFace hub."""
    for folder in (path, path / "hub"):
        if folder.is_dir() and next(folder.glob("models--*/snapshots"), None):
            return folder
    return None


def _snapshots(path: Path) -> Iterator[Place]:
    for repository in sorted((_hub(path) or path).glob("models--*")):
        revision = _revision(repository)
        if revision is None:
            continue
        title = repository.name.removeprefix("models--").replace("--", "/")
        for place in _walk(revision, "unknown", repository, "HuggingFace"):
            whole = place.path == revision
            name = title if whole else f"{title}/{place.title}"
            yield replace(place, title=name)


def _revision(repository: Path) -> Path | None:
    """The snapshot that `main` is, else the newest."""
    main = repository / "refs" / "main"
    snapshots = repository / "snapshots"
    try:
        found = snapshots / Path(main.read_text("utf-8").strip()).name
        if found.is_dir() and found != snapshots:
            return found
    except (OSError, ValueError):
        pass
    others = [entry for entry in snapshots.glob("*") if entry.is_dir()]
    return max(others, key=lambda entry: entry.stat().st_mtime, default=None)


def _known(kind: Any) -> str:
    if kind not in LAYOUTS:
        raise BadInput(
            "bad_request",
            f"“{kind}” is no kind of folder.",
            f"Choose one of {AUTO}, {', '.join(LAYOUTS)}.",
        )
    return str(kind)
