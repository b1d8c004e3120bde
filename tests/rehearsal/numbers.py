"""Real numbers on the card that is only pretended (card.py): each tensor there holds one in RAM,
with which the processor computes. So tiny models run end to end through the engine's ways of a
card, and their pictures can be held against the processor's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
from tests.rehearsal.card import ALIKE, GIB, NAME, Card, _apply, _tensor, register, same_type
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_flatten, tree_map

ATEN = torch.ops.aten
ATTENTION = nn.functional.scaled_dot_product_attention
CROSSING = (ATEN._to_copy.default, ATEN.copy_.default)  # may have tensors of two devices
PICKING = (  # take places from RAM, as cards do
    *(ATEN.index.Tensor, ATEN.index_put_.default, ATEN._index_put_impl_.default),
    ATEN.index_put.default,
)


class Held(torch.Tensor):
    """A tensor on the pretended card; `inner` has its numbers."""

    inner: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: torch.Tensor, requires_grad: bool = False) -> Held:
        made: Held = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            requires_grad=requires_grad,
            device=torch.device(NAME, 0),
        )
        made.inner = inner.detach()
        return made

    def __repr__(self, **_: Any) -> str:
        return f"Held({self.inner!r})"

    def tolist(self) -> Any:
        return self.inner.tolist()

    def numpy(self, **_: Any) -> Any:
        raise TypeError(f"can't convert {self.device} device type tensor to numpy.")

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(func, args, kwargs or {})


def compute(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """An operator of the card. Raises as a card does where something lies in RAM."""
    flat, _ = tree_flatten((args, kwargs))
    held = [one for one in flat if isinstance(one, Held)]
    asked = kwargs.get("device")
    there = torch.device(asked).type == NAME if asked is not None else bool(held)
    if held and func not in CROSSING:
        _refuse_ram(func, args[:1] if func in PICKING else flat)
    if func in ALIKE and held:
        same_type(func, [one for one in flat if isinstance(one, torch.Tensor)])
    plain_args, plain_kwargs = tree_map(_inner, (args, kwargs))
    if there and asked is not None:
        plain_kwargs["device"] = "cpu"
    found = func(*plain_args, **plain_kwargs)
    if func is ATEN.copy_.default:
        return args[0]
    return tree_map(lambda one: _outer(one, held, there), found)


def _refuse_ram(func: Any, flat: Any) -> None:
    for one in flat:
        if isinstance(one, torch.Tensor) and not isinstance(one, Held) and one.ndim > 0:
            raise RuntimeError(
                f"{func}: Expected all tensors to be on the same device, but found at least two "
                f"devices, {NAME}:0 and {one.device}!"
            )


def _inner(value: Any) -> Any:
    return value.inner if isinstance(value, Held) else value


def _outer(value: Any, held: list[Held], there: bool) -> Any:
    """What was changed in place is still itself."""
    if not isinstance(value, torch.Tensor) or not there:
        return value
    same = [one for one in held if one.inner is value]
    return same[0] if same else Held(value)


class _Numbers(TorchDispatchMode):
    """Makes what is asked for on the card, and counts its operators."""

    def __init__(self) -> None:
        super().__init__()
        self.operators: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        flat, _ = tree_flatten((args, kwargs))
        asked = kwargs.get("device")
        on_card = asked is not None and torch.device(asked).type == NAME
        if not on_card and not any(isinstance(one, Held) for one in flat):
            return func(*args, **kwargs)
        self.operators[str(func)] += 1
        return compute(func, args, kwargs)


def _attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, *args: Any, **how: Any
) -> Any:
    """The processor's, with the same refusals."""
    given = [one for one in (query, key, value, attn_mask) if one is not None]
    if not any(isinstance(one, Held) for one in given):
        return ATTENTION(query, key, value, attn_mask, *args, **how)
    _refuse_ram("attention", given)
    with _disable_current_modes():
        return Held(ATTENTION(*map(_inner, (query, key, value, attn_mask)), *args, **how))


class Numbers:
    """A card on which tiny models run with real numbers."""

    def __init__(self, dtype: torch.dtype, gigabytes: int = 24) -> None:
        self.device = Card(
            *(register(), dtype, "a pretended card"), ram=8 * GIB, vram=gigabytes * GIB
        )
        self.mode = _Numbers()

    @contextmanager
    def playing(self) -> Iterator[None]:
        with ExitStack() as stack:
            for where, name, stand_in in (
                (nn.Module, "_apply", _apply),
                (torch, "tensor", _tensor),
                (torch.inference_mode, "__enter__", lambda _: None),
                (torch.inference_mode, "__exit__", lambda *_: None),
                (nn.functional, "scaled_dot_product_attention", _attention),
            ):
                stack.enter_context(mock.patch.object(where, name, stand_in))
            stack.enter_context(torch.no_grad())
            stack.enter_context(self.mode)
            yield
