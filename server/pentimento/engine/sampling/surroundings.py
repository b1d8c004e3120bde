"""What a tile knows of the picture beyond itself.

A UNet looks at all of a picture in two ways: its group norms measure mean and variance over every
place, and its self-attention compares every place with every other. A tile alone has neither, so
the same picture comes out differently in tiles. Here each tile leaves its share of both behind, and
every other one works with all of them: with what was left in this step, and for tiles that are
still to come with what they left in the step before. (Li et al. 2024, "DistriFusion: Distributed
Parallel Inference for High-Resolution Diffusion Models", section 4, has it so between GPUs.)

What is kept is bounded: of large pictures attention reads the surroundings as means of cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pentimento.core.geometry import Box, Size

SELF_ATTENTION = "attn1"  # diffusers' name for it in a transformer block
MOST = 4  # times as many places as a tile has: so many are kept of a picture
TINY = 1e-12


@dataclass(frozen=True, slots=True)
class TilePlace:
    """Where a tile lies: `box` and `whole` in latents; `weight` `(h, w)`, of all tiles one in
    sum."""

    box: Box
    whole: Size
    weight: Tensor


class Surroundings:
    """Shared by the tiles of one picture. `askers` prompts take turns in every step, each with what
    it has left itself."""

    def __init__(self, networks: Sequence[nn.Module], askers: int) -> None:
        self._networks, self._askers = networks, askers
        self._moments: list[dict[nn.Module, Moments]] = [{} for _ in range(askers)]
        self._cells: list[dict[nn.Module, Cells]] = [{} for _ in range(askers)]
        self._turn = -1
        self._place: TilePlace | None = None

    def next_asker(self) -> bool:
        """To be called before a prompt's tiles. True where it has left nothing behind yet."""
        self._turn += 1
        return self._turn < self._askers

    def at(self, place: TilePlace) -> None:
        """The tile that is seen now."""
        self._place = place

    @contextmanager
    def shared(self) -> Iterator[None]:
        """While inside, the networks' norms and self-attention know of the other tiles."""
        with ExitStack() as stack:
            for network in self._networks:
                for name, module in network.named_modules():
                    if isinstance(module, nn.GroupNorm):
                        stack.enter_context(_forward(module, self._normed(module)))
                    elif name.rpartition(".")[2] == SELF_ATTENTION:
                        stack.enter_context(_forward(module, self._attended(module)))
            yield

    def _normed(self, norm: nn.GroupNorm) -> Callable[[Tensor], Tensor]:
        def forward(values: Tensor) -> Tensor:
            place = self._place
            assert place is not None, "a tile is seen"
            grouped = values.float().unflatten(1, (norm.num_groups, -1))  # (n, g, c / g, h, w)
            weight = _at_size(place.weight, values.shape[-2:]).to(values.device)
            area = weight.sum() * grouped.shape[2]
            mean = (grouped * weight).sum((2, 3, 4)) / area
            square = (grouped.square() * weight).sum((2, 3, 4)) / area
            known = self._moments[self._turn % self._askers].setdefault(norm, Moments())
            mean, square = known.with_tile(place.box, area, mean, square, self._turn)
            variance = (square - mean.square()).clamp_min(0) + norm.eps
            shape = (*mean.shape, 1, 1, 1)
            even = (grouped - mean.view(shape)) * variance.rsqrt().view(shape)
            even = even.flatten(1, 2)
            if norm.affine:
                even = even * norm.weight.view(1, -1, 1, 1) + norm.bias.view(1, -1, 1, 1)
            return even.to(values.dtype)

        return forward

    def _attended(self, attention: Any) -> Callable[..., Tensor]:
        at_once = attention.forward

        def forward(
            states: Tensor,
            encoder_hidden_states: Tensor | None = None,
            attention_mask: Tensor | None = None,
            **named: Any,
        ) -> Tensor:
            place = self._place
            assert place is not None, "a tile is seen"
            if encoder_hidden_states is not None or attention_mask is not None:
                return at_once(states, encoder_hidden_states, attention_mask, **named)
            known = self._cells[self._turn % self._askers]
            where = _scaled(place, states.shape[1])
            cells = known.get(attention) or known.setdefault(attention, Cells(where, states))
            cells.keep(where, states)
            return at_once(states, cells.read(where, states), **named)

        return forward


class Moments:
    """Of all places of a picture at one norm, from what its tiles have measured.

    Kept in few tensors that grow by doubling: small ones for each tile would lie between the large
    ones that come and go with it, and the process would grow with every tile."""

    def __init__(self) -> None:
        self._number: dict[Box, int] = {}  # of a tile, by its box
        self._area = torch.zeros(0)  # (tiles,)
        self._mean = self._square = torch.zeros(0)  # (tiles, n, groups)
        self._fresh = torch.zeros(0)  # (tiles,): 1 for those of this turn
        self._turn = -1
        self._changed = 0.0  # area that was measured in this turn and before
        self._added = self._grown = torch.zeros(0)  # (n, groups): how, times the area

    def with_tile(
        self, box: Box, area: Tensor, mean: Tensor, square: Tensor, turn: int
    ) -> tuple[Tensor, Tensor]:
        """Mean and mean square `(n, groups)` of the picture. What other tiles measured in an
        earlier turn, under other noise, is taken to have changed as this turn's tiles did."""
        if turn != self._turn:
            self._turn, self._changed = turn, 0.0
            self._fresh.zero_()
            self._added, self._grown = torch.zeros_like(mean), torch.zeros_like(mean)
        known = box in self._number
        number = self._number.setdefault(box, len(self._number))
        if number == len(self._area):
            self._grow(mean)
        if known and not self._fresh[number]:
            self._changed += float(area)
            self._added += area * (mean - self._mean[number])
            self._grown += area * (square / self._square[number].clamp_min(TINY))
        self._area[number], self._fresh[number] = area, 1
        self._mean[number], self._square[number] = mean, square
        return self._of_all()

    def _grow(self, like: Tensor) -> None:
        room = max(len(self._area), 16)
        one, more = like.new_zeros(room), like.new_zeros(room, *like.shape)
        if not len(self._area):
            self._area, self._fresh, self._mean, self._square = one, one.clone(), more, more.clone()
            return
        self._area, self._fresh = (torch.cat((old, one)) for old in (self._area, self._fresh))
        self._mean, self._square = (torch.cat((old, more)) for old in (self._mean, self._square))

    def _of_all(self) -> tuple[Tensor, Tensor]:
        """Room that is not used has no area."""
        stale = (1 - self._fresh)[:, None, None]
        added, grown = torch.zeros_like(self._added), torch.ones_like(self._grown)
        if self._changed:
            added, grown = self._added / self._changed, self._grown / self._changed
        area = self._area[:, None, None]
        first = (area * (self._mean + stale * added)).sum(0)
        second = (area * self._square * (1 + stale * (grown - 1))).sum(0)
        total = self._area.sum()
        return first / total, second / total


class Cells:
    """What self-attention reads of a picture at one layer: means of cells of `side` x `side`
    places, each from the tile that counts most there."""

    def __init__(self, where: TilePlace, states: Tensor) -> None:
        whole = where.whole
        self.side = max(1, math.ceil(math.sqrt(whole.pixels / (MOST * states.shape[1]))))
        rows, columns = -(-whole.height // self.side), -(-whole.width // self.side)
        self._cells = states.new_zeros(states.shape[0], rows, columns, states.shape[2])
        self._weight = torch.full((rows, columns), -1.0, device=states.device)

    def keep(self, where: TilePlace, states: Tensor) -> None:
        """What a tile reads itself, `(n, places, c)`, in the cells that lie in it."""
        box, side = where.box, self.side
        left, top = -(-box.x // side), -(-box.y // side)
        grid = states.view(states.shape[0], box.height, box.width, -1)
        weight = _at_size(where.weight, grid.shape[1:3]).to(states.device)
        rows, columns = slice(top * side - box.y, None), slice(left * side - box.x, None)
        means = self._means(grid[:, rows, columns], where)
        weight = self._means(weight[None, rows, columns, None], where)[0, ..., 0]
        area = (slice(top, top + weight.shape[0]), slice(left, left + weight.shape[1]))
        here = weight >= self._weight[area]
        self._cells[:, area[0], area[1]][:, here] = means[:, here]
        self._weight[area][here] = weight[here]

    def _means(self, grid: Tensor, where: TilePlace) -> Tensor:
        """`(n, rows, columns, c)` of whole cells, at the borders of what there is of them."""
        if self.side == 1:
            return grid
        box, whole = where.box, where.whole
        down = box.bottom == whole.height
        across = box.right == whole.width
        height, width = grid.shape[1], grid.shape[2]
        if not down:
            grid = grid[:, : height // self.side * self.side]
        if not across:
            grid = grid[:, :, : width // self.side * self.side]
        if not grid.shape[1] or not grid.shape[2]:
            return grid
        pooled = functional.avg_pool2d(grid.permute(0, 3, 1, 2), self.side, ceil_mode=True)
        return pooled.permute(0, 2, 3, 1)

    def read(self, where: TilePlace, states: Tensor) -> Tensor:
        """What a tile's places are compared with, `(n, any, c)`: all of a picture that is kept as
        it is, else the tile and the cells beyond it. Each counts for one place, however large it
        is, since no model was trained to look at so many."""
        known = self._weight >= 0
        if self.side == 1:
            return self._cells[:, known]
        side, box = self.side, where.box
        middle = side // 2
        rows = slice(max(-(-(box.y - middle) // side), 0), -(-(box.bottom - middle) // side))
        columns = slice(max(-(-(box.x - middle) // side), 0), -(-(box.right - middle) // side))
        known[rows, columns] = False
        return torch.cat((states, self._cells[:, known]), 1)


def _scaled(place: TilePlace, places: int) -> TilePlace:
    """In places of a layer that has so many of them for a tile."""
    scale = math.sqrt(places / place.box.size.pixels)
    columns = round(place.box.width * scale)
    left, top = round(place.box.x * scale), round(place.box.y * scale)
    whole = Size(round(place.whole.width * scale), round(place.whole.height * scale))
    return TilePlace(Box(left, top, columns, places // columns), whole, place.weight)


def _at_size(weight: Tensor, size: Any) -> Tensor:
    return functional.adaptive_avg_pool2d(weight[None, None], tuple(size))[0, 0]


@contextmanager
def _forward(module: Any, forward: Callable[..., Tensor]) -> Iterator[None]:
    own = vars(module).get("forward")
    module.forward = forward
    try:
        yield
    finally:
        if own is None:
            del module.forward
        else:
            module.forward = own
