"""The cache of model parts, one by one, under a budget of RAM and the room on the device.

Pipelines are thrown away after each job; the parts stay. One thread uses this, so there are no
locks: building modules in two threads at once leaves weights on the meta device for good.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from pentimento.engine.device import Device

CPU = torch.device("cpu")
PROMPTS_KEPT = 64


@dataclass(slots=True)
class _Part:
    name: str
    value: Any
    bytes: int
    job: int  # number of the job that used it last
    on_device: bool


class Components:
    """`loads` names the parts read from disk since `new_job`."""

    def __init__(self, device: Device, budget: int | None = None) -> None:
        self._device = device
        self._budget = device.cache_budget() if budget is None else budget
        self._parts: OrderedDict[Hashable, _Part] = OrderedDict()  # least recently used first
        self._facts: dict[Hashable, Any] = {}
        self._job = 0
        self.loads: list[str] = []

    def new_job(self) -> None:
        self._job += 1
        self.loads = []

    @property
    def names(self) -> list[str]:
        return [part.name for part in self._parts.values()]

    def get(self, key: Hashable, name: str, load: Callable[[], Any]) -> Any:
        """The cached part, else what `load` reads."""
        part = self._parts.get(key)
        if part is None:
            value = load()
            part = _Part(name, value, _size(value), self._job, self._device.is_cpu)
            self._parts[key] = part
            self.loads.append(name)
            self._shrink(self._budget)
        part.job = self._job
        self._parts.move_to_end(key)
        return part.value

    def known(self, key: Hashable, find: Callable[[], Any]) -> Any:
        """Something small about a part that takes time to find; kept for good."""
        if key not in self._facts:
            self._facts[key] = find()
        return self._facts[key]

    def bring(self, *modules: nn.Module) -> None:
        """Puts these modules on the device, moving others off it when there is no room."""
        if self._device.is_cpu:
            return
        wanted = [p for p in self._parts.values() if any(p.value is m for m in modules)]
        needed = sum(part.bytes for part in wanted if not part.on_device)
        others = [p for p in self._parts.values() if p.on_device and p not in wanted]
        # Text encoders first: their work is done and kept as embeddings.
        others.sort(key=lambda part: not part.name.startswith("text_encoder"))
        for part in others:
            if self._device.room() >= needed:
                break
            self._move(part, CPU)
            self._device.release()
        for part in wanted:
            self._move(part, self._device.where)

    def drop_unused(self) -> None:
        """Forgets everything the present job has not touched."""
        self._shrink(0)
        self._device.release()

    def _shrink(self, budget: int) -> None:
        total = sum(part.bytes for part in self._parts.values())
        for key, part in list(self._parts.items()):
            if total <= budget:
                return
            if part.job != self._job:
                del self._parts[key]
                total -= part.bytes

    def _move(self, part: _Part, device: torch.device) -> None:
        if isinstance(part.value, nn.Module):
            part.value.to(device)
            part.on_device = device.type != "cpu"


def _size(value: Any) -> int:
    """Bytes of a module's weights; tokenizers and the like count as nothing."""
    if not isinstance(value, nn.Module):
        return 0
    tensors = [*value.parameters(), *value.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


class PromptCache:
    """Prompt embeddings by text encoder and words, on the CPU; repeated prompts cost nothing."""

    def __init__(self, limit: int = PROMPTS_KEPT) -> None:
        self._limit = limit
        self._kept: OrderedDict[Hashable, dict[str, torch.Tensor]] = OrderedDict()

    def get(
        self, key: Hashable, encode: Callable[[], dict[str, torch.Tensor]]
    ) -> dict[str, torch.Tensor]:
        if key not in self._kept:
            self._kept[key] = {name: tensor.cpu() for name, tensor in encode().items()}
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]
