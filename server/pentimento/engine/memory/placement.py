"""The cache of model parts, one by one, under a budget of RAM and one of the device's memory.

Pipelines are thrown away after each job; the parts stay, and the ones that are cheapest to miss
leave a full memory first. One thread uses this, so there are no locks: building modules in two
threads at once leaves weights on the meta device for good.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from pentimento.engine.memory import offload
from pentimento.engine.memory.device import MIB, Device

CPU = torch.device("cpu")
PROMPTS_KEPT = 64


@dataclass(slots=True)
class _CachedPart:
    """`on_device` is said of a device with memory of its own. An offloaded part stays in RAM, and
    its blocks visit the device by themselves."""

    name: str
    value: Any
    bytes: int
    pinned: bool  # the present job needs it
    on_device: bool = False
    offloaded: bool = False
    for_now: bool = False  # it is offloaded for this job alone


class Components:
    """`loads` names the parts read from disk since `new_job`, `offloads` those that work from RAM
    block by block because the device's budget is smaller than they are."""

    def __init__(self, device: Device, budget: int | None = None) -> None:
        self._device = device
        self._budget = device.cache_budget() if budget is None else budget
        self._parts: OrderedDict[Hashable, _CachedPart] = OrderedDict()  # least recently used first
        self._facts: dict[Hashable, Any] = {}
        self.low_memory = False
        self.loads: list[str] = []

    def new_job(self) -> None:
        self.low_memory = False
        self.loads = []
        for part in self._parts.values():
            part.pinned = False
            if part.for_now:
                offload.undo(part.value)
                part.offloaded = part.for_now = False

    @property
    def names(self) -> list[str]:
        return [part.name for part in list(self._parts.values())]

    @property
    def offloads(self) -> list[str]:
        return [part.name for part in self._parts.values() if part.offloaded]

    def account(self) -> dict[str, Any]:
        """Budgets and parts for the status; the heart thread calls it, so it only reads."""
        return {
            "ram_mb": self._budget // MIB,
            "vram_mb": None if self._device.vram is None else self._device.vram // MIB,
            "parts": [
                {
                    "name": part.name,
                    "mb": -(-part.bytes // MIB),
                    "place": "device" if part.on_device else "ram",
                }
                for part in list(self._parts.values())
            ],
        }

    def get(
        self,
        key: Hashable,
        name: str,
        load: Callable[[], Any],
        size: Callable[[], int] = lambda: 0,
    ) -> Any:
        """The cached part, else what `load` reads; `size` says before how many bytes that will be,
        so that others make room first. It is pinned until the job ends or `unpin`."""
        part = self._parts.get(key)
        if part is None:
            self._shrink(self._budget - size())
            value = load()
            part = self._parts[key] = _CachedPart(name, value, _size(value), pinned=True)
            self.loads.append(name)
            self._shrink(self._budget)
        part.pinned = True
        self._parts.move_to_end(key)
        return part.value

    def peek(self, key: Hashable) -> Any:
        """The cached part without any use of it, else None."""
        part = self._parts.get(key)
        return part.value if part else None

    def unpin(self, *modules: nn.Module) -> None:
        """Their work in this job is done: they may go when room is needed."""
        for part in self._parts.values():
            if any(part.value is module for module in modules):
                part.pinned = False

    def fits(self, size: int) -> bool:
        """Whether so many bytes may lie in RAM at one time."""
        return size <= self._budget

    def known(self, key: Hashable, find: Callable[[], Any]) -> Any:
        """Something small about a part that takes time to find; kept for good."""
        if key not in self._facts:
            self._facts[key] = find()
        return self._facts[key]

    def bring(self, *modules: nn.Module) -> None:
        """Puts these modules on the device, moving others off it when there is no room. One that is
        larger than the device's budget stays in RAM and visits it block by block."""
        wanted = [p for p in self._parts.values() if any(p.value is m for m in modules)]
        for part in wanted:
            if self._too_large(part) and not part.offloaded:
                self._move(part, CPU)
                offload.by_blocks(part.value, self._device.where)
                part.offloaded = True
                part.for_now = not self._larger_than_the_device(part)
        if self._device.is_cpu:
            return
        coming = [part for part in wanted if not part.on_device and not part.offloaded]
        self._clear(sum(part.bytes for part in coming), keep=wanted)
        for part in coming:
            self._move(part, self._device.where)

    def drop_unused(self) -> None:
        """Forgets everything the present job does not need, and frees what it held."""
        self._shrink(0)
        self._device.release()

    def save_memory(self) -> None:
        """For a second try after a full memory: until the next job denoisers work from RAM where
        the device has a memory of its own, and what is not needed is dropped."""
        self.low_memory = True
        for part in self._parts.values():
            self._move(part, CPU)
        self.drop_unused()

    def _too_large(self, part: _CachedPart) -> bool:
        if not isinstance(part.value, nn.Module) or not offload.possible(part.value):
            return False
        if self.low_memory and not self._device.is_cpu and part.name in offload.DENOISERS:
            return True
        return self._larger_than_the_device(part)

    def _larger_than_the_device(self, part: _CachedPart) -> bool:
        return self._device.vram is not None and part.bytes > self._device.vram

    def _clear(self, needed: int, keep: list[_CachedPart]) -> None:
        """Moves parts off the device until `needed` bytes more fit."""
        present = {
            number: part
            for number, part in enumerate(self._parts.values())
            if part.on_device and part not in keep
        }
        held = [Held(part.name, part.bytes, number) for number, part in present.items()]
        for gone in leaving(held, self._surplus(needed)):
            if self._surplus(needed) <= 0:
                return
            self._move(present[gone.used], CPU)
            self._device.release()
        self._shrink(self._budget)

    def _surplus(self, needed: int) -> int:
        """Bytes that have to leave the device before so many more fit."""
        over = needed - self._device.room()
        if self._device.vram is not None:
            taken = sum(part.bytes for part in self._parts.values() if part.on_device)
            over = max(over, taken + needed - self._device.vram)
        return over

    def _shrink(self, budget: int) -> None:
        """Drops parts from RAM until the rest is within the budget."""
        present = {
            number: (key, part)
            for number, (key, part) in enumerate(self._parts.items())
            if not part.on_device or budget <= 0
        }
        held = [
            Held(part.name, part.bytes, number, part.pinned)
            for number, (_, part) in present.items()
        ]
        for gone in leaving(held, sum(part.bytes for part in held) - budget):
            del self._parts[present[gone.used][0]]

    def _move(self, part: _CachedPart, device: torch.device) -> None:
        if isinstance(part.value, nn.Module) and not part.offloaded and not self._device.is_cpu:
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


@dataclass(frozen=True, slots=True)
class Held:
    """A part in memory. Larger `used` means used later; a pinned one is at work and stays."""

    name: str
    bytes: int
    used: int
    pinned: bool = False


def leaving(held: Sequence[Held], surplus: int) -> list[Held]:
    """The parts to drop, in this order, so that `surplus` bytes become free, or all that may go.

    Text encoders go first: they are large, and prompts they have read are kept as embeddings. Then
    what has not been used for longest.
    """
    free = sorted(
        (part for part in held if not part.pinned and part.bytes),
        key=lambda part: (not part.name.startswith("text_encoder"), part.used),
    )
    chosen = []
    for part in free:
        if surplus <= 0:
            break
        chosen.append(part)
        surplus -= part.bytes
    return chosen
