"""What becomes of each weight of what is installed: used, unused or missing, as the loaders report
it that read the same files for a job.

- `of_model(info)`, `of_vae(...)`, `of_controlnet(...)` and the like: one `Matched` a part, read one
  after another, so that one part at a time is in memory
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import torch
import transformers

from pentimento.core.errors import JobFailed
from pentimento.engine.architectures import FAMILIES
from pentimento.engine.conditioning import controlnet, ip_adapter
from pentimento.engine.failures import is_out_of_memory
from pentimento.engine.loading import accounts, control_files, image_encoders, vaes
from pentimento.engine.loading.model import opened
from pentimento.engine.loading.sources import DenoiserFile, ModelFile, first_line, read_module
from pentimento.engine.loading.weights import UNUSED
from pentimento.engine.upscale import loading as upscalers
from pentimento.engine_ipc.messages import ModelSpec, VaeFile
from pentimento.models.library.checkpoint import CONFIGS
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.parts.ip_adapter import ENCODER, adapter_file
from pentimento.models.library.sidecar import read_json
from pentimento.models.weights import check, leftovers
from pentimento.models.weights.detect import lora_layout
from pentimento.models.weights.header import Damaged

SMALL = torch.bfloat16  # in which parts are read: numbers do not count here
UNETS = ("sd15", "sd2", "sdxl")  # whose configurations are part of the program


@dataclass(frozen=True, slots=True)
class Matched:
    """`names` are all weights in the files of a `part`; `problem` a sentence where they do not make
    a whole one, and `missing` those that it lacks. `training` left the unused ones of that name."""

    part: str
    names: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    training: tuple[str, ...] = ()
    problem: str = ""
    unread: str = ""  # why nothing is known, a sentence

    @property
    def used(self) -> tuple[str, ...]:
        if self.problem or self.unread:
            return ()
        idle = {*self.unused, *self.training}
        return tuple(name for name in self.names if name not in idle)


def of_model(info: ModelInfo) -> Iterator[Matched]:
    """Each part of a model that has weights."""
    spec = ModelSpec.of(info)
    family = FAMILIES[spec.family]
    source = opened(spec)
    if isinstance(source, ModelFile):
        names = tuple(check.shapes(info.path))
        idle = leftovers.of_names(names)
        yield Matched(info.path.stem, names, idle.unknown, training=idle.training)
    for part in (family.denoiser, "vae", *family.encoders):
        if isinstance(source, DenoiserFile) and part == family.denoiser:
            yield _of_denoiser(source, part)
        elif isinstance(source, ModelFile):
            found = _matched(part, (), source.size(part, SMALL), partial(source.read, part, SMALL))
            if found.problem or found.unread:
                yield found
        elif not isinstance(source, DenoiserFile):  # a base is told of by itself
            files = sorted(source.place(part).glob("*.safetensors"))
            size = source.size(part, SMALL)
            yield _matched(part, files, size, partial(source.read, part, SMALL))


def _of_denoiser(source: DenoiserFile, part: str) -> Matched:
    """Walked without numbers, as before each load."""
    names = tuple(check.shapes(source.path))
    try:
        account = accounts.of_denoiser(source.path, source.kind(part), source.config(part))
    except (Damaged, OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as e:
        problem = f"{source.path.name} does not fit its base ({first_line(e)})."
        return Matched(part, names, problem=problem)
    problem = f"It {account.shortage.removeprefix('it ')}." if account.missing else ""
    return Matched(part, names, account.unused, account.missing, problem=problem)


def of_vae(path: Path, kind: str, models: Sequence[ModelInfo]) -> Matched:
    """`models` are those that it fits: a file alone does not tell how a VAE is built."""
    file = VaeFile(path, kind)

    def read() -> Any:
        return vaes.read(file, vaes.config_of(file, _own_vae(kind, models)), SMALL)

    return _matched("vae", _files(path), _size(path), read)


def of_controlnet(path: Path, models: Sequence[ModelInfo], families: Sequence[str] = ()) -> Matched:
    """`models` are those that it fits; without one the UNet of a family counts."""

    def read() -> Any:
        if path.is_dir():
            return read_module(controlnet.kind_of(path), path, SMALL)
        # a difference is added to weights; of which UNet makes no odds to their names
        unet = SimpleNamespace(config=_unet(models, families), state_dict=dict)
        return control_files.read(path, unet, SMALL)

    return _matched("controlnet", _files(path), _size(path), read)


def of_ip_adapter(path: Path, encoder: Path | None) -> Iterator[Matched]:
    try:
        names = tuple(check.shapes(adapter_file(path)))
    except (Damaged, OSError) as problem:
        yield Matched("adapter", problem=f"{problem}.")
        return
    yield Matched("adapter", names, ip_adapter.unused(names))
    place = encoder or path / ENCODER
    if encoder or path.is_dir():
        read = lambda: image_encoders.read(place, SMALL)  # noqa: E731
        yield _matched("image_encoder", _files(place), _size(place), read)


def of_annotator(path: Path) -> Matched:
    def read() -> Any:
        name = str(read_json(path / "config.json")["architectures"][0])
        return read_module(getattr(transformers, name), path, SMALL)

    return _matched("annotator", _files(path), _size(path), read)


def of_upscaler(path: Path) -> Matched:
    """Its loaders take every weight of a file, or refuse it."""
    return _matched("upscaler", _files(path), _size(path), lambda: upscalers.load(path, 1).net)


def of_lora(path: Path) -> Matched:
    names = check.shapes(path)
    return Matched("lora", tuple(names), tuple(lora_layout.of(names).unknown))


def of_embedding(path: Path, tensors: Sequence[str]) -> Matched:
    names = tuple(check.shapes(path))
    return Matched("embedding", names, tuple(name for name in names if name not in tensors))


def of_other(path: Path) -> Matched:
    """Of what no loader reads by itself, such as a text encoder in another program's folder."""
    names = tuple(dict.fromkeys(name for file in _files(path) for name in check.shapes(file)))
    return Matched("file", names, unread="Nothing here reads a file of this kind by itself.")


def _matched(part: str, files: Sequence[Path], size: int, read: Callable[[], Any]) -> Matched:
    """What a loader says of a part whose weights take `size` bytes of memory."""
    try:
        names = tuple(dict.fromkeys(name for file in files for name in check.shapes(file)))
    except (Damaged, OSError) as problem:
        return Matched(part, problem=f"{problem}.")
    free = psutil.virtual_memory().available
    if size > free:
        return Matched(part, names, unread=_too_large(size, free))
    try:
        module = read()
    except JobFailed as failure:
        reason = str(failure.details.get("reason", failure.message)).rstrip(".")
        return Matched(part, names, missing=failure.missing, problem=f"{reason}.")
    except (Damaged, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        if is_out_of_memory(error):
            return Matched(part, names, unread=_too_large(size, free))
        return Matched(part, names, problem=f"It cannot be read ({first_line(error)}).")
    return Matched(part, names, tuple(getattr(module, UNUSED, ())))


def _too_large(size: int, free: int) -> str:
    return (
        f"It was not matched against its weights: that takes {size / 1e9:.1f} GB of memory, and "
        f"{free / 1e9:.1f} GB are free."
    )


def _own_vae(kind: str, models: Sequence[ModelInfo]) -> dict[str, Any]:
    """The configuration of such a VAE: of a model that it fits, else of the program's own."""
    for model in models:
        try:
            config = opened(ModelSpec.of(model)).config("vae")
        except JobFailed:
            continue
        if config.get("_class_name") == kind:
            return dict(config)
    own: dict[str, Any] = read_json(CONFIGS / UNETS[0] / "vae" / "config.json")
    return own


def _unet(models: Sequence[ModelInfo], families: Sequence[str]) -> Mapping[str, Any]:
    for model in models:
        try:
            return opened(ModelSpec.of(model)).config(FAMILIES[model.family].denoiser)
        except JobFailed:
            continue
    family = next((name for name in UNETS if name in families), UNETS[0])
    own: dict[str, Any] = read_json(CONFIGS / family / "unet" / "config.json")
    return own


def _files(path: Path) -> Sequence[Path]:
    return sorted(path.glob("*.safetensors")) if path.is_dir() else [path]


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in _files(path) if file.is_file())
