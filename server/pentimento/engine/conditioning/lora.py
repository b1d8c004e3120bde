"""LoRAs and their relatives on the cached parts of a model: read once, then switched and weighted
job by job.

What they add is computed beside the layers, by hooks; no weight is changed, so that switching them
off gives the model back bit for bit, and packed weights stay packed. Every weight of a file is
used, or told of, or the file is refused.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from pentimento.core.errors import JobFailed
from pentimento.engine.conditioning.lora_math import Change, Misfit, scale_of
from pentimento.engine.conditioning.lora_names import Names, split
from pentimento.engine.failures import is_out_of_memory
from pentimento.models.library.parts.controlnet_lora import lora_file
from pentimento.models.weights import header as headers
from pentimento.models.weights.detect import lora_layout
from pentimento.models.weights.detect.lora_layout import Layer, Layout, LoraKind
from pentimento.models.weights.header import Damaged
from pentimento.schema.plan import Notice
from pentimento.schema.wording import notice

AT_WORK = "pentimento_loras_at_work"  # attribute of a part: the hooks
READ = "pentimento_loras_read"  # attribute of a denoiser: what was read for it
MOST_READ = 16  # files kept in memory for a denoiser
PEFT = "lora_adapter_metadata"  # of a file's metadata


@dataclass(frozen=True, slots=True)
class Wanted:
    path: Path
    weight: float

    @property
    def name(self) -> str:
        """New when the file changes."""
        status = lora_file(self.path).stat()
        told = f"{self.path}:{status.st_size}:{status.st_mtime_ns}"
        return "lora_" + hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(eq=False, slots=True)
class FittedLora:
    """A file, fitted to the parts of one pipeline."""

    changes: list[tuple[nn.Module, Change]] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)  # names of weights
    total: int = 0
    parts: tuple[int, ...] = ()  # ids of the parts that it was fitted to

    def release(self) -> None:
        for _, change in self.changes:
            change.release()


def apply(host: Any, wanted: Sequence[Wanted]) -> list[Notice]:
    """Leaves exactly these LoRAs at work. `host` is a pipeline of the denoiser and the encoders.
    Answers what of the files could not be used.

    Raises JobFailed for a file that does not fit.
    """
    names = Names(host)
    kept: OrderedDict[str, FittedLora] = names.denoiser.__dict__.setdefault(READ, OrderedDict())
    parts = tuple(id(part) for part in names.parts.values())
    chosen: list[tuple[Wanted, FittedLora]] = []
    for lora in wanted:
        read = kept.get(lora.name)
        if read is None or read.parts != parts:
            read = kept[lora.name] = _read(names, lora)
            read.parts = parts
        kept.move_to_end(lora.name)
        chosen.append((lora, read))
    _switch(names, chosen)
    in_use = {lora.name for lora in wanted}
    for name in [name for name in kept if name not in in_use]:
        kept[name].release()
        if len(kept) > MOST_READ:
            del kept[name]
    return [_told(lora, read) for lora, read in chosen if read.unused]


def has_any(module: Any) -> bool:
    """Whether a LoRA is at work in it."""
    return bool(getattr(module, AT_WORK, None))


def _switch(names: Names, chosen: Sequence[tuple[Wanted, FittedLora]]) -> None:
    for part in names.parts.values():
        for hook in part.__dict__.get(AT_WORK, ()):
            hook.remove()
        part.__dict__[AT_WORK] = []
    added: dict[int, list[tuple[Change, float]]] = {}
    for lora, read in chosen:
        for module, change in read.changes:
            added.setdefault(id(module), []).append((change, lora.weight))
    for part in names.parts.values():
        part.__dict__[AT_WORK] = [
            module.register_forward_hook(_hook(added[id(module)]))
            for module in part.modules()
            if id(module) in added
        ]


def _hook(changes: Sequence[tuple[Change, float]]) -> Callable[[Any, Any, Tensor], Tensor]:
    def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        for change, weight in changes:
            output = output + change.added(module, inputs[0], weight).to(output.dtype)
        return output

    return add


def _read(names: Names, lora: Wanted) -> FittedLora:
    """Raises JobFailed."""
    file = lora_file(lora.path)
    try:
        header = headers.read(file)
        layout = lora_layout.of(header.tensors)
        _refuse(names, layout)
        found = FittedLora(total=len(header.tensors))
        trained = _Trained(header.metadata)
        with safe_open(file, "pt") as stream:
            for layer in layout.layers:
                targets = names.find(layer.name)
                if not targets:
                    found.unused += layer.keys.values()
                    continue
                tensors = {role: stream.get_tensor(key) for role, key in layer.keys.items()}
                for target in targets:
                    change = _change(layer, tensors, trained)
                    change.rows, change.halves_swapped = target.rows, target.halves_swapped
                    _check(target.name, target.module, change)
                    found.changes.append((target.module, change))
        found.unused += layout.unknown
    except (Misfit, Damaged, OSError, SafetensorError, ValueError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        raise _unusable(lora, f"{error}") from error
    if not found.changes and not layout.embeddings:
        first = layout.layers[0].name if layout.layers else next(iter(header.tensors), "")
        raise _unusable(
            lora,
            f"none of its {len(layout.layers)} layers is one of this model (the first is {first})",
        )
    return found


def _refuse(names: Names, layout: Layout) -> None:
    """Raises Misfit for what would be used in part only, and wrongly so."""
    if layout.not_computed:
        kinds = " and ".join(layout.not_computed)
        raise Misfit(f"it is of the kind {kinds}, which is not supported; {lora_layout.INSTEAD}")
    replaced = next((key for key in layout.unknown if names.replaces(key)), None)
    if replaced:
        raise Misfit(f"it replaces weights of the model itself ({replaced})")


def _check(name: str, module: nn.Module, change: Change) -> None:
    try:
        change.check(module)
    except Misfit as misfit:
        raise Misfit(f"{name} {misfit}") from None
    except (RuntimeError, IndexError, KeyError) as error:
        raise Misfit(f"the matrices for {name} do not fit together") from error


def _change(layer: Layer, tensors: dict[str, Tensor], trained: _Trained) -> Change:
    alpha = float(tensors["alpha"]) if "alpha" in tensors else None
    scale = scale_of(layer.kind, tensors, alpha)
    if alpha is None and layer.kind is LoraKind.LORA:
        scale *= trained.scale(layer.name, tensors["down"].shape[0])
    counted = ("scalar",) if layer.kind is LoraKind.OFT else ("alpha", "scalar")
    used = {role: tensor for role, tensor in tensors.items() if role not in counted}
    if any(
        tensor.dtype.itemsize == 1 and tensor.is_floating_point() for tensor in used.values()
    ):  # 8 bits cannot be computed with
        used = {role: tensor.to(torch.bfloat16) for role, tensor in used.items()}
    return Change(layer.kind, used, scale)


class _Trained:
    """What PEFT's own configuration in a file's metadata says of its scales."""

    def __init__(self, metadata: Mapping[str, str]) -> None:
        try:
            told = json.loads(metadata.get(PEFT, "{}"))
        except ValueError:
            told = {}
        self._told: dict[str, Any] = told if isinstance(told, dict) else {}

    def scale(self, name: str, rank: int) -> float:
        part, bare = split(name)
        for prefix in (part, "transformer", "unet"):
            alpha = self._told.get(f"{prefix}.lora_alpha")
            if isinstance(alpha, int | float):
                break
        else:
            return 1.0
        for pattern, value in dict(self._told.get(f"{prefix}.alpha_pattern") or {}).items():
            if re.search(rf"(^|\.){pattern}$", bare):
                alpha = value
        slow = self._told.get(f"{prefix}.use_rslora")
        return float(alpha) / (math.sqrt(rank) if slow else rank)


def _told(lora: Wanted, read: FittedLora) -> Notice:
    return notice(
        "lora_partly_used",
        name=lora.path.stem,
        unused=len(read.unused),
        total=read.total,
        example=read.unused[0],
    )


def _unusable(lora: Wanted, reason: str) -> JobFailed:
    return JobFailed(
        "lora_unusable",
        f"The LoRA {lora.path.stem} cannot be used with this model: {reason.rstrip('.')}.",
        "Choose one that was made for models of this kind.",
    )
