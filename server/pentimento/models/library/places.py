"""Where in the folders of other programs models lie. A link must end inside the folder that was
added. The cache of the HuggingFace hub consists of such links."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pentimento.core import plain_files
from pentimento.models.library.disk import DiskEntry, Look, stamp_of
from pentimento.models.weights.header import PICKLE_SUFFIXES

FILE_LIMIT = 2**20  # bytes of a file that says something about a folder
SUFFIXES = (".safetensors", ".gguf", *PICKLE_SUFFIXES)
INDEX, CONFIG = "model_index.json", "config.json"
DEEPEST = 8  # folders below the one that is looked through
MOST_SEEN = 20_000  # folders and files, so that a wrong folder cannot take minutes

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FolderLayout:
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
    "comfyui": FolderLayout(
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
    "a1111": FolderLayout(
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
    "invokeai": FolderLayout(
        "InvokeAI", ("invokeai.yaml", "databases/invokeai.db"), {"": "unknown"}
    ),
    "huggingface": FolderLayout("HuggingFace", (), {}),
    "plain": FolderLayout("", (), {"": "unknown"}),
}


class Visit:
    """What was looked at on a walk through folders, so that it is known when to walk again."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._told: list[tuple[Callable[[str], object], str, object]] = []

    def scan(self, folder: Path) -> tuple[DiskEntry, ...]:
        """Raises OSError."""
        found = self._note(self._look.disk.scan, str(folder))
        return found.listed()

    def subfolders(self, folder: Path) -> list[Path]:
        """None where it cannot be listed."""
        try:
            return [folder / entry.name for entry in self.scan(folder) if entry.folder]
        except (OSError, ValueError):
            return []

    def stamp(self, path: Path) -> None:
        """Another state of this file is a reason to walk again."""
        self._note(stamp_of, str(path))

    def holds(self) -> bool:
        """Whether a walk would see the same."""
        return all(
            now is before or now == before
            for now, before in ((see(path), before) for see, path, before in self._told)
        )

    def _note(self, see: Callable[[str], T], path: str) -> T:
        found = see(path)
        self._told.append((see, path, found))
        return found


def places(folder: Added, look: Look | None = None) -> tuple[Place, ...]:
    """Everything in it that may be a model. A folder that is gone has nothing. The same object as
    last time where nothing came or went."""
    look = look or Look()
    known = look.disk.walks.get(folder)
    if known and known[0].holds():
        return known[1]
    visit = Visit(look)
    found = tuple(_places(folder, visit))
    look.disk.walks[folder] = visit, found
    return found


def _places(folder: Added, visit: Visit) -> Iterator[Place]:
    if folder.kind == "huggingface":
        yield from _snapshots(folder.path, visit)
        return
    layout = LAYOUTS[folder.kind]
    source = layout.title or folder.path.name
    for name, role in layout.places.items():
        bases = (folder.path / "models" / name, folder.path / name) if name else (folder.path,)
        for base in dict.fromkeys(bases):
            yield from _walk(base, role, folder.path, source, visit)


def _walk(base: Path, role: str, root: Path, source: str, visit: Visit) -> Iterator[Place]:
    seen = 0
    elsewhere = not plain_files.is_inside(base, root)  # below it no linked folder is entered
    shut: list[Path] = []
    todo = [(base, 0)]
    while todo:
        here, depth = todo.pop()
        try:
            entries = visit.scan(here)
        except OSError:
            shut.append(here)
            continue
        files = [entry for entry in entries if not entry.folder]
        seen += 1 + len(files)
        if seen > MOST_SEEN:
            return
        names = {entry.name for entry in files}
        if INDEX in names:
            yield Place(here, here.name, "checkpoint", root, source, elsewhere)
            continue
        if CONFIG in names and any(name.endswith(SUFFIXES) for name in names):
            yield Place(here, here.name, role, root, source, elsewhere)
            continue
        for entry in files:
            if entry.name.endswith(SUFFIXES) and not entry.name.startswith("."):
                file = here / entry.name
                out = elsewhere or (bool(entry.link) and not plain_files.is_inside(file, root))
                yield Place(file, file.stem, role, root, source, out)
        if depth < DEEPEST:
            todo += [
                (here / entry.name, depth + 1)
                for entry in reversed(entries)
                if entry.folder and not entry.link and not entry.name.startswith(".")
            ]
    for folder in shut:
        if plain_files.is_folder(folder):  # and not one that was just removed
            yield Place(folder, folder.name, role, root, source, elsewhere)


def hub_of(path: Path, visit: Visit | None = None) -> Path | None:
    """The folder of repositories in a cache of the HuggingFace hub."""
    visit = visit or Visit(Look())
    for folder in (path, path / "hub"):
        repositories = _repositories(folder, visit)
        if any(plain_files.is_folder(entry / "snapshots") for entry in repositories):
            return folder
    return None


def _repositories(hub: Path, visit: Visit) -> list[Path]:
    return [entry for entry in visit.subfolders(hub) if entry.name.startswith("models--")]


def _snapshots(path: Path, visit: Visit) -> Iterator[Place]:
    for repository in _repositories(hub_of(path, visit) or path, visit):
        revision = _revision(repository, visit)
        if revision is None:
            continue
        title = repository.name.removeprefix("models--").replace("--", "/")
        for place in _walk(revision, "unknown", repository, "HuggingFace", visit):
            whole = place.path == revision
            name = title if whole else f"{title}/{place.title}"
            yield replace(place, title=name)


def _revision(repository: Path, visit: Visit) -> Path | None:
    """The snapshot that `main` is, else the newest."""
    main = repository / "refs" / "main"
    snapshots = repository / "snapshots"
    visit.stamp(main)
    others = visit.subfolders(snapshots)
    try:
        found = snapshots / Path(plain_files.read(main, FILE_LIMIT).decode().strip()).name
        if plain_files.is_folder(found) and found != snapshots:
            return found
    except (OSError, ValueError):
        pass
    return max(others, key=_changed_at, default=None)


def _changed_at(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0
