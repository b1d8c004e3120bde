"""Pictures that are larger than what a UNet sees at one time.

In every step the UNet predicts tile by tile, each tile knowing of the others
(`sampling/surroundings.py`), and the predictions are mixed where tiles overlap. All else, the
sampler, the noise, the mask, works on the whole picture and knows nothing of tiles: so there are no
edges that could show, and the memory that a step takes is that of one tile.
(MultiDiffusion, Bar-Tal et al. 2023, mixes the pictures after a step instead, which samplers that
remember earlier steps do not take well.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pentimento.core.geometry import Box, Size, Work
from pentimento.engine.sampling import latents
from pentimento.engine.sampling.surroundings import Surroundings, TilePlace
from pentimento.imaging import tiles

RESIDUALS = ("down_block_additional_residuals", "mid_block_additional_residual")
ADAPTED = "down_intrablock_additional_residuals"


@dataclass(frozen=True, slots=True)
class Tile:
    """One view of the denoiser. `box` in latents; `weight` `(h, w)` says how much it counts."""

    box: Box
    weight: Tensor

    def cut(self, values: Tensor, whole: Size) -> Tensor:
        """This tile of `(n, c, h, w)` values, whatever their scale: `whole` in latents."""
        scale = values.shape[-1] / whole.width
        box = self.box.scaled(scale, scale)
        return values[..., box.y : box.bottom, box.x : box.right]


def of(work: Work, factor: int, mask: Tensor | None) -> list[Tile]:
    """The tiles of a pass, `factor` px a latent; none where the model sees all at once. Where all
    of a tile is held on the source, there is no need to look: `mask` is `(1, 1, h, w)` in
    latents."""
    if not work.tiled:
        return []
    boxes = [latents.scaled_down(box, factor) for box in work.tiles]
    size = Size(work.size.width // factor, work.size.height // factor)
    found = [
        Tile(box, torch.from_numpy(weight))
        for box, weight in zip(boxes, tiles.weights(boxes, size), strict=True)
    ]
    seen = [tile for tile in found if mask is None or bool(tile.cut(mask, size).any())]
    return seen or found[:1]


@contextmanager
def seen_in(
    unet: Any,
    views: Sequence[Tile],
    done: Callable[[int, int], None],
    networks: Sequence[nn.Module] = (),
    askers: int = 1,
) -> Iterator[None]:
    """While inside, the UNet works tile by tile, and tiles know of one another. `done` hears how
    many of how many a call has seen. `networks` are those that steer the UNet and are asked tile by
    tile as well, and `askers` is how many prompts take turns. Without views it works as ever."""
    if not views:
        yield
        return
    at_once = unet.forward
    beyond = Surroundings([unet, *networks], askers)

    def tile_by_tile(sample: Tensor, *positional: Any, **named: Any) -> tuple[Tensor]:
        whole = Size(sample.shape[-1], sample.shape[-2])
        # What tiles leave behind the first time was found by each of them alone.
        sweeps = 2 if len(views) > 1 and beyond.next_asker() else 1
        mixed: Tensor | None = None
        for number, view in enumerate(list(views) * sweeps):
            beyond.at(TilePlace(view.box, whole, view.weight))
            more = named | _residuals(named, view, whole)
            more |= {"return_dict": False}
            found = at_once(view.cut(sample, whole).contiguous(), *positional, **more)[0].float()
            if mixed is None:
                shape = (*found.shape[:2], whole.height, whole.width)
                mixed = torch.zeros(shape, device=found.device)
            if number >= len(views) * (sweeps - 1):
                view.cut(mixed, whole).add_(found * view.weight.to(found.device))
            done(number + 1, len(views) * sweeps)
        assert mixed is not None, "there is at least one view"
        return (mixed.to(sample.dtype),)

    own = vars(unet).get("forward")
    unet.forward = tile_by_tile
    try:
        with beyond.shared() if len(views) > 1 else nullcontext():
            yield
    finally:
        if own is None:
            del unet.forward
        else:
            unet.forward = own


def _residuals(named: dict[str, Any], view: Tile, whole: Size) -> dict[str, Any]:
    """What steers the UNet, for one tile."""
    found: dict[str, Any] = {}
    steering = named.get(RESIDUALS[0])
    if isinstance(steering, _Later):
        found |= dict(zip(RESIDUALS, steering.at(view, whole), strict=True))
    if named.get(ADAPTED) is not None:
        found[ADAPTED] = [view.cut(level, whole) for level in named[ADAPTED]]
    return found


@dataclass(frozen=True, slots=True)
class _Later:
    """What ControlNets will find, asked tile by tile: for all of a large picture there would be no
    room."""

    net: Callable[..., Any]
    positional: tuple[Any, ...]
    named: dict[str, Any]

    def at(self, view: Tile, whole: Size) -> Any:
        sample, *positional = self.positional
        hints = self.named["controlnet_cond"]
        scaled = {"controlnet_cond": [view.cut(hint, whole).contiguous() for hint in hints]}
        tile = view.cut(sample, whole).contiguous()
        return self.net(tile, *positional, **(self.named | scaled))


def in_views(controlnet: nn.Module) -> None:
    """From here on the ControlNets of a pipeline wait until the UNet asks them for a tile."""
    at_once = controlnet.forward

    def later(*positional: Any, **named: Any) -> tuple[_Later, _Later]:
        asked = _Later(at_once, positional, named)
        return asked, asked

    controlnet.forward = later
