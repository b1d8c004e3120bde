"""The formulas of LoRAs and their relatives: what is added to a layer's output for its input.

`W` is the layer's weight, `s` the weight that the job gives the file. Low-rank layers compute
`s * alpha / rank * up(down(x))` (E. Hu et al. 2021); all others make the difference of the weight,
in the layer's shape, anew at each call:

- LoHa: `(w1_a w1_b) * (w2_a w2_b)`, elementwise (N. Hyeon-Woo et al. 2021), Tucker form with t1, t2
- LoKr: the Kronecker product of w1 and w2, either of which may be a product (LyCORIS)
- a full difference as it is; of norms those of their scales and shifts
- IA3 (H. Liu et al. 2022): W's rows, or its columns, times what the file says (LyCORIS)
- OFT (Z. Qiu et al. 2023): `R` of blocks times W's rows, minus W, with Cayley's `R = (1 + Q)
  (1 - Q)^-1` of a skew-symmetric Q, whose norm is at most alpha times the rows where there is an
  alpha; then each row times `rescale` (kohya's scripts, LyCORIS)
- BOFT (W. Liu et al. 2024): several such turns after one another, each of pairs of half blocks that
  lie twice as far apart as those before, as LyCORIS makes the weight (what it computes beside the
  layer's output where weights are packed is another formula, which is not meant here)
- GLoRA (A. Chavan et al. 2023): `W A + B`, both of two factors, which the first LyCORIS that had it
  named the other way round (A = a2 a1, B = b2 b1, later a1 a2 and b1 b2)
- DoRA (S. Liu et al. 2024): `m * (W + D) / |W + D| - W`, with the norms of rows, or of columns
  where the magnitudes `m` are told for those
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pentimento.models.weights.detect.lora_layout import LoraKind

# Whose differences are made of the layer's own weight.
OF_OWN = (LoraKind.IA3, LoraKind.OFT, LoraKind.GLORA)
KEPT = 2**22  # numbers of a tensor that stays on the device; larger ones are moved at each call
NOWHERE = torch.device("meta")  # shapes alone, without a number
EPSILON = torch.finfo(torch.float32).eps


class Misfit(ValueError):
    """A layer of the file cannot change the layer of this name; the text says why."""


@dataclass(eq=False)
class Change:
    """What one layer of a file does to one module. `rows` are those of a fused layer that are this
    module's, `halves_swapped` that the file has its two halves the other way round."""

    kind: LoraKind
    tensors: dict[str, Tensor]
    scale: float = 1.0  # alpha / rank and the like, without the job's weight
    rows: tuple[int, int] | None = None
    halves_swapped: bool = False
    _placed: dict[str, Tensor] = field(default_factory=dict)

    def check(self, module: nn.Module) -> None:
        """Raises Misfit where the sizes differ."""
        if is_norm(module):
            self._check_norm(module)
            return
        weight: Any = module.weight
        shape = tuple(getattr(weight, "quant_shape", None) or weight.shape)
        if "dora_scale" in self.tensors and not _is_plain(module):
            raise Misfit("it is a DoRA, which needs weights that are not packed")
        if self.kind in OF_OWN:
            self._check_own(module, shape)
            return
        if self.kind is LoraKind.LORA:
            found = self._low_rank_shape(module)
        elif "diff" in self.tensors or self.kind is not LoraKind.FULL:
            found = tuple(self.difference(shape, NOWHERE).shape)
        else:
            found = shape
        if found != shape:
            raise Misfit(f"is {_sides(shape)} and the file's {_sides(found)}")

    def added(self, module: nn.Module, x: Tensor, weight: float) -> Tensor:
        """What comes to the module's output for `x`."""
        if is_norm(module):
            return self._norm(module, x) * weight
        if self.kind is LoraKind.LORA and "dora_scale" not in self.tensors:
            return self._low_rank(module, x) * (self.scale * weight)
        own: Any = module.weight
        shape = tuple(getattr(own, "quant_shape", None) or own.shape)
        result: Tensor | None = None
        if self.kind in OF_OWN:
            changed = self._of_own(own.to(x.device).float())
            result = _applied(module, x, changed.to(x.dtype))
        elif self.kind is not LoraKind.FULL or "diff" in self.tensors:
            difference = self.difference(shape, x.device) * self.scale
            if "dora_scale" in self.tensors:
                difference = self._decomposed(own.to(x.device).float(), difference)
            result = _applied(module, x, difference.to(x.dtype))
        if "diff_b" in self.tensors:
            bias = _along_channels(self._cut(self.on("diff_b", x)), module, x)
            result = bias if result is None else result + bias
        assert result is not None
        return result * weight

    def difference(self, shape: tuple[int, ...], device: torch.device) -> Tensor:
        """Of the weight, float32, in its shape; without `scale`."""
        match self.kind:
            case LoraKind.LORA:
                made = self._product(device)
            case LoraKind.LOHA:
                made = self._hada("1", device) * self._hada("2", device)
            case LoraKind.LOKR:
                made = self._kronecker(device)
            case _:
                made = self._float("diff", device)
        made = self._cut(made)
        return made.reshape(shape) if made.numel() == torch.Size(shape).numel() else made

    def on(self, role: str, like: Tensor) -> Tensor:
        """A tensor where the input is, as it computes."""
        kept = self._placed.get(role)
        if kept is None or kept.device != like.device or kept.dtype != like.dtype:
            kept = self.tensors[role].to(like.device, like.dtype)
            if kept.numel() <= KEPT:
                self._placed[role] = kept
        return kept

    def release(self) -> None:
        """Lets go of what is on a device."""
        self._placed.clear()

    def _float(self, role: str, device: torch.device) -> Tensor:
        return self.tensors[role].to(device, torch.float32)

    def _cut(self, tensor: Tensor) -> Tensor:
        """The rows of a fused layer that are this module's."""
        if self.rows:
            tensor = tensor[self.rows[0] : self.rows[1]]
        return torch.cat(tensor.chunk(2)[::-1]) if self.halves_swapped else tensor

    def _low_rank_shape(self, module: nn.Module) -> tuple[int, ...]:
        up, down = self._cut(self.tensors["up"]), self.tensors["down"]
        mid = self.tensors.get("mid")
        kernel = tuple((down if mid is None else mid).shape[2:])
        if not isinstance(module, nn.Conv2d):
            return up.shape[0], down.flatten(1).shape[1]
        return (up.shape[0], down.shape[1], *(kernel or (1, 1)))

    def _low_rank(self, module: nn.Module, x: Tensor) -> Tensor:
        down, up = self.on("down", x), self._cut(self.on("up", x))
        if isinstance(module, nn.Conv2d):
            kernels = [
                tensor if tensor.ndim == 4 else tensor[..., None, None] for tensor in (down, up)
            ]
            down, up = kernels
            if "mid" in self.tensors:
                seen = functional.conv2d(x, down)
                found = functional.conv2d(_convolved(module, seen, self.on("mid", x)), up)
            else:
                found = functional.conv2d(_convolved(module, x, down), up)
        else:
            found = functional.linear(functional.linear(x, down.flatten(1)), up.flatten(1))
        if "up_bias" in self.tensors:
            found = found + _along_channels(self._cut(self.on("up_bias", x)), module, x)
        return found

    def _product(self, device: torch.device) -> Tensor:
        down, up = self._float("down", device), self._float("up", device)
        if "mid" in self.tensors:
            mid = self._float("mid", device)
            return torch.einsum("om,mrhw,ri->oihw", up.flatten(1), mid, down.flatten(1))
        return up.flatten(1) @ down.flatten(1)

    def _hada(self, number: str, device: torch.device) -> Tensor:
        a = self._float(f"hada_w{number}_a", device)
        b = self._float(f"hada_w{number}_b", device)
        if f"hada_t{number}" in self.tensors:
            return _tucker(self._float(f"hada_t{number}", device), a, b)
        return a @ b

    def _kronecker(self, device: torch.device) -> Tensor:
        first = self._side("1", device)
        if "lokr_t2" in self.tensors:
            tensors = (self._float(f"lokr_{role}", device) for role in ("t2", "w2_a", "w2_b"))
            second = _tucker(*tensors)
        else:
            second = self._side("2", device)
        if second.ndim == 4 and first.ndim == 2:
            first = first[..., None, None]
        return torch.kron(first, second)

    def _side(self, number: str, device: torch.device) -> Tensor:
        if f"lokr_w{number}" in self.tensors:
            return self._float(f"lokr_w{number}", device)
        a, b = (self._float(f"lokr_w{number}_{side}", device) for side in "ab")
        return a @ b

    def _decomposed(self, own: Tensor, difference: Tensor) -> Tensor:
        """The difference that magnitude and direction make together."""
        magnitude = self._float("dora_scale", own.device)
        whole = own + difference
        by_rows = magnitude.ndim == 1 or magnitude.shape[0] != 1 or magnitude.numel() == 1
        if by_rows:
            magnitude = self._cut(magnitude.flatten() if magnitude.ndim != 4 else _row(magnitude))
            norms = whole.flatten(1).norm(dim=1)
            shape = (-1, *[1] * (own.ndim - 1))
        else:
            magnitude = magnitude.flatten()
            norms = whole.transpose(0, 1).flatten(1).norm(dim=1)
            shape = (1, -1, *[1] * (own.ndim - 2))
        return whole * (magnitude / (norms + EPSILON)).reshape(shape) - own

    def _check_own(self, module: nn.Module, shape: tuple[int, ...]) -> None:
        if not _is_plain(module):
            raise Misfit(f"it is an {self.kind}, which needs weights that are not packed")
        if self.kind is LoraKind.IA3:
            columns = self._is_of_columns()
            factors = self.tensors["ia3"].flatten()
            size = (factors if columns else self._cut(factors)).shape[0]
            if size != shape[1 if columns else 0]:
                raise Misfit(f"is {_sides(shape)} and the file has {size} factors")
            return
        if self.kind is LoraKind.GLORA:
            self._check_general(shape)
            return
        blocks = self.tensors["oft_blocks"]
        if blocks.ndim not in (3, 4) or blocks.shape[-1] != blocks.shape[-2]:
            raise Misfit("its blocks are no squares")
        number, side = blocks.shape[-3:-1]
        if blocks.ndim == 4:
            self._check_butterfly(shape, len(blocks), number, side)
            return
        if self.halves_swapped or any(row % side for row in self.rows or ()):
            raise Misfit(f"the file turns {side} rows at a time, and those of other layers with it")
        first, last = self.rows or (0, number * side)
        if last > number * side or last - first != shape[0]:
            raise Misfit(f"is {_sides(shape)} and the file's blocks are {number} of {side} rows")

    def _check_butterfly(
        self, shape: tuple[int, ...], factors: int, number: int, side: int
    ) -> None:
        if self.rows or self.halves_swapped:
            raise Misfit("the file turns rows of several layers together")
        if side % 2 or number * side != shape[0] or shape[0] % (side * 2 ** (factors - 1)):
            raise Misfit(
                f"is {_sides(shape)} and the file has {factors} factors of {number} blocks of "
                f"{side} rows"
            )

    def _check_general(self, shape: tuple[int, ...]) -> None:
        if "bm" in self.tensors or "dora_scale" in self.tensors:
            raise Misfit(
                "it is a GLoRA with a core or magnitudes of its own, which is not supported"
            )
        a, b = (math.prod(half[1].shape) // len(half[1]) for half in self._general(NOWHERE))
        rows = len(self._cut(self._general(NOWHERE)[1][0]))
        if (rows, a, b) != (shape[0], shape[1], math.prod(shape[1:])):
            raise Misfit(f"is {_sides(shape)} and the file's {rows} × {b}, of {a} channels")

    def _general(self, device: torch.device) -> tuple[tuple[Tensor, Tensor], ...]:
        """The factors of A and of B, as matrices, in the order in which they are multiplied."""
        one = {role: self._float(role, device).flatten(1) for role in ("a1", "a2", "b1", "b2")}
        newer = len(one["a1"]) == one["a2"].shape[1] and len(one["a1"]) >= len(one["a2"])
        order = ("1", "2") if newer else ("2", "1")
        a, b = ((one[side + order[0]], one[side + order[1]]) for side in "ab")
        return a, b

    def _is_of_columns(self) -> bool:
        return bool(self.tensors["on_input"].flatten()[0])

    def _of_own(self, own: Tensor) -> Tensor:
        """The difference of a weight, float32, made out of it."""
        if self.kind is LoraKind.IA3:
            factors = self._float("ia3", own.device).flatten()
            kernel = [1] * (own.ndim - 2)
            if self._is_of_columns():
                return own * factors.reshape(1, -1, *kernel)
            return own * self._cut(factors).reshape(-1, 1, *kernel)
        if self.kind is LoraKind.GLORA:
            (out, into), (up, down) = self._general(own.device)
            seen = torch.einsum("oi...,ij->oj...", torch.einsum("oi...,ij->oj...", own, out), into)
            return (seen + self._cut(up @ down).reshape(own.shape)) * self.scale
        rotation = self._rotation(own.device)
        if rotation.ndim == 4:
            turned = _butterfly(rotation, own.flatten(1)).reshape(own.shape)
        else:
            number, side, _ = rotation.shape
            blocks = own.reshape(number, side, -1)
            turned = torch.einsum("knm,kni->kmi", rotation, blocks).reshape(own.shape)
        if "rescale" in self.tensors:
            sizes = self._cut(self._float("rescale", own.device).flatten())
            turned = turned * sizes.reshape(-1, *[1] * (own.ndim - 1))
        return turned - own

    def _rotation(self, device: torch.device) -> Tensor:
        """`(blocks, rows, rows)`, of this module's rows; of a BOFT with its factors before."""
        kept = self._placed.get("rotation")
        if kept is not None and kept.device == device:
            return kept
        blocks = self._float("oft_blocks", device)
        number, side = blocks.shape[-3:-1]
        skew = blocks - blocks.transpose(-1, -2)
        alpha = float(self.tensors["alpha"]) if "alpha" in self.tensors else 0.0
        most = alpha * number * side
        if most > 0:
            skew = skew * torch.clamp(most / (skew.norm() + EPSILON), max=1.0)
        one = torch.eye(side, device=device)
        rotation = torch.linalg.solve(one - skew, one + skew, left=False)
        if self.rows:
            rotation = rotation[self.rows[0] // side : self.rows[1] // side]
        if rotation.numel() <= KEPT:
            self._placed["rotation"] = rotation
        return rotation

    def _check_norm(self, module: Any) -> None:
        for role in self.tensors:
            size = self.tensors[role].numel()
            if role in ("w_norm", "diff", "b_norm", "diff_b") and size != module.weight.numel():
                raise Misfit(f"has {module.weight.numel()} channels and the file's {size}")
        if self.kind not in (LoraKind.NORM, LoraKind.FULL):
            raise Misfit(f"is a norm, which a {self.kind} cannot change")

    def _norm(self, module: nn.Module, x: Tensor) -> Tensor:
        found: Tensor | None = None
        for role in ("w_norm", "diff"):
            if role in self.tensors:
                scales = _along_channels(self.on(role, x).flatten(), module, x)
                found = normalised(module, x) * scales
        for role in ("b_norm", "diff_b"):
            if role in self.tensors:
                shift = _along_channels(self.on(role, x).flatten(), module, x)
                found = shift.expand_as(x) if found is None else found + shift
        assert found is not None
        return found


def _butterfly(factors: Tensor, own: Tensor) -> Tensor:
    """`own` `(rows, columns)` turned by each of the factors `(blocks, side, side)` in turn. The one
    of number n turns pairs of rows that are 2^n half blocks apart."""
    number, side = factors.shape[1:3]
    rows, columns = own.shape
    for place, factor in enumerate(factors):
        apart = 2**place * side // 2
        pairs = own.reshape(-1, 2, apart, columns).transpose(1, 2)
        turned = factor @ pairs.reshape(number, side, columns)
        own = turned.reshape(-1, apart, 2, columns).transpose(1, 2).reshape(rows, columns)
    return own


def is_norm(module: nn.Module) -> bool:
    return "Norm" in type(module).__name__ and getattr(module, "weight", None) is not None


def normalised(module: Any, x: Tensor) -> Tensor:
    """What a norm makes before its scale and shift."""
    if isinstance(module, nn.GroupNorm):
        return functional.group_norm(x, module.num_groups, eps=module.eps)
    if isinstance(module, nn.LayerNorm):
        return functional.layer_norm(x, module.normalized_shape, eps=module.eps)
    mean = x.float().pow(2).mean(-1, keepdim=True)
    return (x.float() * torch.rsqrt(mean + (module.eps or 0.0))).to(x.dtype)


def scale_of(kind: LoraKind, tensors: dict[str, Tensor], alpha: float | None) -> float:
    """alpha / rank; without an alpha 1, and so for what has no rank."""
    extra = float(tensors["scalar"]) if "scalar" in tensors else 1.0
    rank = None
    match kind:
        case LoraKind.LORA:
            rank = tensors["down"].shape[0]
        case LoraKind.LOHA:
            rank = tensors["hada_w1_b"].shape[0]
        case LoraKind.GLORA:
            rank = min(tensors["a1"].shape[:2])
        case LoraKind.LOKR:
            for side in ("lokr_w1_b", "lokr_w2_b"):
                rank = tensors[side].shape[0] if side in tensors else rank
    return extra if alpha is None or rank is None else extra * alpha / rank


def _tucker(core: Tensor, out: Tensor, into: Tensor) -> Tensor:
    return torch.einsum("ijhw,jr,ip->prhw", core, into, out)


def _row(magnitude: Tensor) -> Tensor:
    """Of a kernel: `(out, 1, 1, 1)`, or `(1, out, 1, 1)` as PEFT has it."""
    return magnitude.flatten()


def _convolved(module: nn.Conv2d, x: Tensor, kernel: Tensor) -> Tensor:
    padding: Any = module.padding
    return functional.conv2d(x, kernel, None, module.stride, padding, module.dilation)


def _applied(module: nn.Module, x: Tensor, weight: Tensor) -> Tensor:
    if isinstance(module, nn.Conv2d):
        padding: Any = module.padding
        groups = module.groups
        return functional.conv2d(x, weight, None, module.stride, padding, module.dilation, groups)
    return functional.linear(x, weight)


def _along_channels(values: Tensor, module: nn.Module, x: Tensor) -> Tensor:
    """So that it can be added to an output: channels are second in pictures, else last."""
    pictures = isinstance(module, nn.Conv2d | nn.GroupNorm)
    return values.reshape(1, -1, *[1] * (x.ndim - 2)) if pictures else values


def _is_plain(module: Any) -> Any:
    weight = module.weight
    return (
        isinstance(weight, Tensor)
        and weight.is_floating_point()
        and not hasattr(weight, "quant_type")
    )


def _sides(shape: tuple[int, ...]) -> str:
    return " × ".join(str(side) for side in shape)
