"""A graphics card that is only pretended: tensors on it have a shape, a type and a device, and no
memory behind them (torch's fake tensors on a device that is registered in pure Python).

So models of their true size run through the engine's own code in seconds, whatever mixes devices or
number types is refused as on a card, and the bytes that live at one time can be counted. What only
a real card shows: kernels' workspaces, fragmentation, speed, the numbers themselves.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from diffusers import ErnieImagePipeline, QwenImagePipeline
from diffusers.models.transformers.transformer_lumina2 import Lumina2RotaryPosEmbed
from safetensors import safe_open
from safetensors.torch import load_file
from tests.rehearsal import true_size
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils import backend_registration
from torch.utils._python_dispatch import _disable_current_modes

from pentimento.engine.conditioning import ip_adapter, lora
from pentimento.engine.loading import model, sources
from pentimento.engine.memory.device import VRAM_SHARE, Device

NAME = "rehearsal"
GIB = 2**30
ATEN = torch.ops.aten
MOVED = "rehearsal_moved"  # attribute of a parameter: the tensor that it stands for now
PRODUCTS = {
    ATEN.mm.default,
    ATEN.addmm.default,
    ATEN.bmm.default,
    ATEN.baddbmm.default,
    ATEN.linear.default,
    ATEN.convolution.default,
}
NORMS = {ATEN.native_layer_norm.default, ATEN.native_group_norm.default}
ALIKE = PRODUCTS | NORMS
TENSOR = torch.tensor
LUMINA2_PLACES = Lumina2RotaryPosEmbed.forward
NUMBERS = (ATEN._local_scalar_dense.default, ATEN.item.default, ATEN.is_nonzero.default)


def register() -> torch.device:
    """The device, known to torch from here on for as long as the process lives."""
    if torch._C._get_privateuse1_backend_name() != NAME:
        backend_registration._setup_privateuseone_for_python_backend(NAME)
        module: Any = getattr(torch, NAME)
        module.get_amp_supported_dtype = lambda: [torch.bfloat16, torch.float16]
    return torch.device(NAME, 0)


@dataclass
class Memory:
    """Bytes of storages that are alive, by kind of device. A card of `total` bytes refuses more
    than those, as a real one does."""

    total: int
    now: Counter[str] = field(default_factory=Counter)
    peak: Counter[str] = field(default_factory=Counter)
    seen: dict[int, int] = field(default_factory=dict)

    def watch(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, kind = storage._cdata, tensor.device.type
        if key in self.seen or kind == "meta":
            return
        size = storage.nbytes()
        if kind == NAME and self.now[kind] + size > self.total:
            raise torch.OutOfMemoryError(
                f"CUDA out of memory. Tried to allocate {size / GIB:.2f} GiB."
            )
        self.seen[key] = size
        self.now[kind] += size
        self.peak[kind] = max(self.peak[kind], self.now[kind])
        weakref.finalize(storage, self._gone, key, kind)

    def pass_by(self, kind: str, size: int) -> None:
        """Bytes that an operator takes while it computes, and no longer."""
        self.peak[kind] = max(self.peak[kind], self.now[kind] + size)

    def _gone(self, key: int, kind: str) -> None:
        self.now[kind] -= self.seen.pop(key, 0)


@dataclass(frozen=True)
class Card(Device):
    """The pretended device, as the engine sees it."""

    memory_: Memory = field(default_factory=lambda: Memory(24 * GIB))

    def memory(self) -> tuple[int, int]:
        return self.memory_.total - self.memory_.now[NAME], self.memory_.total


class _Fake(FakeTensorMode):
    """Counts what is alive, refuses mixed number types, and answers for what depends on numbers
    that are not there: a card would wait at each of these places."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(allow_non_fake_inputs=True)
        self.memory, self.operators, self.waits, self._depth = memory, 0, 0, 0
        self.types: Counter[torch.dtype] = Counter()  # of what the card multiplied, in numbers

    def dispatch(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in NUMBERS:
            return self._scalar(args[0])
        if func is ATEN.nonzero.default and isinstance(args[0], FakeTensor):
            return self._all_places(args[0])
        args = tuple(map(self._faked, args))
        if self._depth:  # a part of an operator, which a card computes at once
            return super().dispatch(func, types, args, kwargs)
        self.operators += 1
        if func in ALIKE:
            same_type(func, args)
        self._depth += 1
        try:
            found = super().dispatch(func, types, args, kwargs)
        finally:
            self._depth -= 1
        if isinstance(found, FakeTensor):
            self.memory.watch(found)
            if func is ATEN.convolution.default and found.device.type == "cpu":
                copied = [one for one in (*args, found) if isinstance(one, torch.Tensor)]
                self.memory.pass_by("cpu", sum(one.nbytes for one in copied))  # oneDNN's own order
            if func in PRODUCTS and found.device.type == NAME:
                self.types[found.dtype] += found.numel()
        elif isinstance(found, (tuple, list)):
            for one in found:
                if isinstance(one, FakeTensor):
                    self.memory.watch(one)
        return found

    def _faked(self, value: Any) -> Any:
        """Real tensors come from files and arrays, and lie in RAM."""
        if isinstance(value, (list, tuple)):
            return type(value)(map(self._faked, value)) if type(value) in (list, tuple) else value
        if isinstance(value, FakeTensor):
            return value.__dict__.get(MOVED, value)
        if not isinstance(value, torch.Tensor):
            return value
        with self:
            return torch.empty(value.shape, dtype=value.dtype)

    def _all_places(self, mask: FakeTensor) -> torch.Tensor:
        """Of a mask that is true everywhere, as that of the longest prompt is."""
        self.waits += mask.device.type == NAME
        return mask.new_empty((mask.numel(), mask.ndim), dtype=torch.int64)

    def _scalar(self, tensor: torch.Tensor) -> Any:
        if not isinstance(tensor, FakeTensor):
            return tensor.item()
        if tensor.constant is not None:
            return tensor.constant.item()
        self.waits += tensor.device.type == NAME
        return True if tensor.dtype == torch.bool else 1.0 if tensor.is_floating_point() else 1


def same_type(func: Any, args: Any) -> None:
    """Raises as kernels do that take all their numbers in one type."""
    found = {one.dtype for one in args if isinstance(one, torch.Tensor) and one.is_floating_point()}
    if len(found) > 1:
        raise RuntimeError(
            f"{func}: expected all inputs to have the same dtype, but found "
            + " and ".join(sorted(map(str, found)))
        )


def _attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    *_: Any,
    **__: Any,
) -> torch.Tensor:
    """As flash attention computes it: without the matrix of all pairs. What torch refuses on a
    card, this refuses."""
    for other in (key, value):
        same_place(query, other)
        if query.dtype != other.dtype:
            raise RuntimeError(
                f"Expected query, key, and value to have the same dtype, but got {query.dtype} and "
                f"{other.dtype} instead."
            )
    if attn_mask is not None:
        same_place(query, attn_mask)
        if attn_mask.dtype not in (torch.bool, query.dtype):
            raise RuntimeError(f"attention mask of {attn_mask.dtype} for a query of {query.dtype}")
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise RuntimeError(f"attention of {query.shape}, {key.shape}, {value.shape}")
    return query.new_empty(*query.shape[:-1], value.shape[-1])


def same_place(one: torch.Tensor, other: torch.Tensor) -> None:
    """Raises as an operator does whose inputs are on two devices."""
    if one.device != other.device:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, "
            f"{one.device} and {other.device}!"
        )


class Stage:
    """A card with what is on it. It is entered for each job; what a job leaves stays."""

    def __init__(self, total: float, dtype: torch.dtype, vram: float | None = None) -> None:
        """`total` and `vram`, the budget for weights, in GiB."""
        self.memory = Memory(int(total * GIB))
        share = int((VRAM_SHARE * total if vram is None else vram) * GIB)
        self.device = Card(
            register(), dtype, "a pretended card", ram=512 * GIB, vram=share, memory_=self.memory
        )
        self.mode = _Fake(self.memory)

    @contextmanager
    def playing(self) -> Iterator[None]:
        """While inside, every tensor of this thread is a fake one."""
        with ExitStack() as stack:
            for where, name, stand_in in (
                (FakeTensor, "numpy", _numpy),
                (FakeTensor, "tolist", _to_list),
                (FakeTensor, "data", property(_data, _set_data)),
                (nn.Module, "_apply", _apply),
                (torch, "tensor", _tensor),
                (QwenImagePipeline, "_extract_masked_hidden", _all_words),
                (ErnieImagePipeline, "_pad_text", staticmethod(_padded)),
                (Lumina2RotaryPosEmbed, "forward", _places),
                (torch.inference_mode, "__enter__", lambda _: None),
                (torch.inference_mode, "__exit__", lambda *_: None),
                (nn.functional, "scaled_dot_product_attention", _attention),
                (lora, "safe_open", _Opened),
                (ip_adapter, "load_file", _loaded),
                (sources, "read_module", true_size.read),
                (model, "read_module", true_size.read),
            ):
                create = where is FakeTensor
                stack.enter_context(mock.patch.object(where, name, stand_in, create=create))
            stack.enter_context(torch.no_grad())  # fake tensors know no inference mode
            stack.enter_context(self.mode)
            yield


def _tensor(data: Any, *, device: Any = None, **how: Any) -> torch.Tensor:
    """Lists become tensors on the device below where modes are asked: first on the processor."""
    made = TENSOR(data, **how)
    return made if device is None else made.to(device)


def _all_words(_: Any, hidden: torch.Tensor, mask: torch.Tensor) -> list[torch.Tensor]:
    """Of prompts that are as long as their padding, which numbers would tell. A mask in RAM may
    choose from what is on a card."""
    if mask.device.type != "cpu":
        same_place(hidden, mask)
    return list(hidden)


def _padded(
    text_hiddens: list[torch.Tensor], device: torch.device, dtype: torch.dtype, text_in_dim: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Prompts of several lengths as one tensor, and their lengths, which the pipeline asks the
    card for."""
    lengths = [len(words) for words in text_hiddens]
    rows = [
        nn.functional.pad(words.to(device, dtype), (0, 0, 0, max(lengths) - len(words)))
        for words in text_hiddens
    ]
    return torch.stack(rows), torch.tensor(lengths, device=device)


@dataclass
class _Whole:
    """A mask of which nothing but its sum is asked, of prompts as long as their padding."""

    shape: torch.Size

    def sum(self, dim: int) -> _Whole:
        return self

    def tolist(self) -> list[int]:
        return [self.shape[1]] * self.shape[0]


def _places(rope: Any, hidden: torch.Tensor, mask: torch.Tensor) -> Any:
    same_place(hidden, mask)
    return LUMINA2_PLACES(rope, hidden, _Whole(mask.shape))


class _Opened:
    """A safetensors file, whose numbers are real ones; they become fake where they are used."""

    def __init__(self, *args: Any) -> None:
        self._args = args

    def __enter__(self) -> Any:
        self._file = safe_open(*self._args)
        return self

    def __exit__(self, *_: Any) -> None: ...

    def get_tensor(self, name: str) -> torch.Tensor:
        with _disable_current_modes():
            return self._file.get_tensor(name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _loaded(file: Path) -> dict[str, torch.Tensor]:
    with _disable_current_modes():
        return load_file(file)


def _numpy(tensor: Any, **_: Any) -> np.ndarray:
    """Something in between, where a real tensor has its numbers."""
    if tensor.device.type != "cpu":
        raise TypeError(f"can't convert {tensor.device} device type tensor to numpy.")
    if tensor.dtype == torch.bfloat16:
        raise TypeError("Got unsupported ScalarType BFloat16")
    kind = str(tensor.dtype).removeprefix("torch.")
    return np.full(tuple(tensor.shape), 0.5 if tensor.is_floating_point() else 1, kind)


def _to_list(tensor: Any) -> Any:
    return _numpy(tensor.detach().cpu()).tolist()


def _data(tensor: Any) -> Any:
    return tensor.detach()


def _set_data(tensor: Any, value: Any) -> None:
    """Real parameters change their device by that, as offloading does it."""
    tensor.__dict__[MOVED] = value
    tensor.fake_device = value.fake_device


def _apply(module: nn.Module, change: Any, recurse: bool = True) -> nn.Module:
    """Parameters are replaced, since fake ones cannot be swapped for others."""
    for one in module.modules() if recurse else [module]:
        for name, weight in one._parameters.items():
            if weight is not None:
                changed = change(weight)
                if changed is not weight:
                    one._parameters[name] = nn.Parameter(changed, requires_grad=False)
        for name, buffer in one._buffers.items():
            if buffer is not None:
                one._buffers[name] = change(buffer)
    return module
