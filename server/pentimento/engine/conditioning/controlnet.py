"""ControlNets, several in one (union), and T2I-Adapters: hints from pictures, and how they steer.

What a UNet's pipeline takes of them goes into its call. For transformers a net reads what the
transformer is called with, and a map; what it finds is added to what the transformer's blocks find.
What differs between families is one small class each beside the family's adapter. The pipeline is
the family's own for text to image, so nets work in every mode.
"""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    ControlNetModel,
    ControlNetUnionModel,
    FluxControlNetModel,
    QwenImageControlNetModel,
    SD3ControlNetModel,
    T2IAdapter,
    ZImageControlNetModel,
)
from torch import Tensor, nn
from torch.nn import functional

from pentimento.engine.conditioning import inpaint_model
from pentimento.engine.sampling import latents
from pentimento.engine_ipc.messages import EngineJob
from pentimento.imaging import decode, pixels
from pentimento.imaging.canvas import Canvas
from pentimento.models.library.parts.controlnet_lora import place_of
from pentimento.models.library.sidecar import read_json
from pentimento.models.tables import control_types
from pentimento.models.tables.control_types import UNION_MODES, class_of
from pentimento.schema.job import Control
from pentimento.schema.vocabulary import FROM_SELECTION

Draw = Callable[[Control, np.ndarray], np.ndarray]  # of an (h, w, 3) u8 picture


@dataclass(frozen=True, slots=True)
class Steering:
    """One ControlNet or T2I-Adapter at work. `hint` is `(1, 3, h, w)` 0..1 at the generation size,
    `read` what a transformer's ControlNet makes of it; it counts between `start` and `end`, shares
    of the steps that run. `hole` `(1, 1, h, w)` is 1 where the picture is to be filled, for a net
    that reads what is around it."""

    net: Path
    kind: str  # of its map
    hint: Tensor
    weight: float
    start: float
    end: float
    read: Tensor | None = None
    hole: Tensor | None = None

    def counts(self, step: int, steps: int) -> bool:
        """In this step; diffusers' own rule."""
        return step / steps >= self.start and (step + 1) / steps <= self.end


def steering(job: EngineJob, canvas: Canvas, draw: Draw) -> list[Steering]:
    """Of every control of the job that has any weight; raises BadInput for a damaged picture."""
    found = []
    for control in job.task.request.controls:
        if control.weight == 0:
            continue
        net = job.addons[place_of("controlnet", str(control.model))]
        hole = None
        if control.type == FROM_SELECTION:
            hole = inpaint_model.binary_mask(canvas)
            picture = _around(canvas, hole, control_types.hole_of(net))
        else:
            picture = _hint(job, canvas, control, draw)
        hint = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
        share = control.weight, control.start, control.end
        found.append(Steering(net, control.type, hint, *share, hole=hole))
    return found


def _hint(job: EngineJob, canvas: Canvas, control: Control, draw: Draw) -> np.ndarray:
    """`(h, w, 3)` float32 0..1. Without a picture of its own it is made from the source."""
    if control.image is None:
        seen = canvas.seen()
        assert seen is not None, "a control without a picture was admitted without a source"
        return _preprocessed(seen, control, draw)
    picture = decode.load(job.task.inputs[control.image.blob])
    if control.preprocess:
        return _preprocessed(canvas.laid(picture, canvas.fill), control, draw)
    return canvas.laid(picture, "black")  # maps are light on nothing


def _around(canvas: Canvas, hole: Tensor, inside: float) -> np.ndarray:
    """The picture with `inside` wherever it may change."""
    seen = canvas.seen()
    assert seen is not None, "a selection was admitted without a source"
    return np.where(hole[0, 0, :, :, None].numpy() > 0, np.float32(inside), seen)


def _preprocessed(seen: np.ndarray, control: Control, draw: Draw) -> np.ndarray:
    return pixels.to_float(draw(control, pixels.to_depth(seen, np.uint8)))


def at_step(controls: Sequence[Steering], step: int, steps: int) -> list[Steering]:
    """Those that count in this step, for a run of that step alone."""
    return [
        replace(control, start=0.0, end=1.0) for control in controls if control.counts(step, steps)
    ]


def arguments(controls: Sequence[Steering], steps: Sequence[int]) -> dict[str, Any]:
    """As the ControlNet pipelines' calls take them. `steps` says of each call of the model in which
    step it is; a pipeline counts calls."""
    if not controls:
        return {}
    spans = [_span(control, steps) for control in controls]
    return {
        "image": [control.hint for control in controls],
        "controlnet_conditioning_scale": [control.weight for control in controls],
        "control_guidance_start": [start for start, _ in spans],
        "control_guidance_end": [end for _, end in spans],
    }


def _span(control: Steering, steps: Sequence[int]) -> tuple[float, float]:
    """From where to where it counts, as shares of all calls: both calls of a step or neither."""
    count = steps[-1] + 1
    if count == len(steps):
        return control.start, control.end
    counted = [call for call, step in enumerate(steps) if control.counts(step, count)]
    if not counted:
        return control.start, control.end
    return counted[0] / len(steps), (counted[-1] + 1) / len(steps)


CLASSES = {
    control_types.CONTROL_NET: ControlNetModel,
    control_types.UNION: ControlNetUnionModel,
    control_types.T2I_ADAPTER: T2IAdapter,
    control_types.SD3: SD3ControlNetModel,
    control_types.FLUX: FluxControlNetModel,
    control_types.QWEN_IMAGE: QwenImageControlNetModel,
    control_types.Z_IMAGE: ZImageControlNetModel,
}
Working = tuple["Steering", nn.Module]


def kind_of(folder: Path) -> type[Any]:
    """The class of a network; the folder was inspected before."""
    return CLASSES[class_of(folder)]


class OneOfUnion(nn.Module):
    """A union ControlNet with one of its kinds chosen, to be called as an ordinary one."""

    def __init__(self, net: Any, control: str) -> None:
        super().__init__()
        self.net = net
        self.config = net.config
        self._mode = UNION_MODES[control]

    def forward(
        self,
        sample: Tensor,
        timestep: Any,
        encoder_hidden_states: Tensor,
        controlnet_cond: Tensor,
        **others: Any,
    ) -> Any:
        kinds = torch.zeros(len(sample), self.config.num_control_type)
        kinds[:, self._mode] = 1
        return self.net(
            sample,
            timestep,
            encoder_hidden_states,
            [controlnet_cond],
            control_type=kinds.to(sample),
            control_type_idx=[self._mode],
            **others,
        )


def is_adapter(net: nn.Module) -> bool:
    return isinstance(net, T2IAdapter)


def is_in_pipeline(net: nn.Module) -> bool:
    """Whether a pipeline is called with it, as UNets' ControlNets are."""
    return isinstance(net, (ControlNetModel, ControlNetUnionModel))


def ready(net: nn.Module, control: str) -> nn.Module:
    """As a ControlNet pipeline takes it, steered by that type of map."""
    return OneOfUnion(net, control) if isinstance(net, ControlNetUnionModel) else net


@contextmanager
def t2i_adapters_attached(
    unet: nn.Module,
    steering: Sequence[Working],
    step: Callable[[], int],
    steps: int,
) -> Iterator[None]:
    """While inside, the UNet adds what the T2I-Adapters read in their maps (C. Mou et al. 2023),
    each in its range of steps. They look at their maps once for a whole picture."""
    if not steering:
        yield
        return
    features = [(one, _features(net, one.hint)) for one, net in steering]

    def add(_unet: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        sample = args[0] if args else kwargs["sample"]
        at = step()
        counting = [
            [feature * one.weight for feature in found]
            for one, found in features
            if one.counts(at, steps)
        ]
        if counting:
            summed = [torch.stack(level).sum(0) for level in zip(*counting, strict=True)]
            kwargs["down_intrablock_additional_residuals"] = [
                level.repeat(len(sample), 1, 1, 1).to(sample) for level in summed
            ]
        return args, kwargs

    with unet.register_forward_pre_hook(add, with_kwargs=True):
        yield


def _features(net: Any, hint: Tensor) -> list[Tensor]:
    """Of a `(1, 3, h, w)` map 0..1, one for each level of the UNet."""
    place = next(net.parameters())
    seen = hint if net.config.in_channels == hint.shape[1] else hint.mean(1, keepdim=True)
    found: list[Tensor] = net(seen.to(place))
    return found


def read_net(nets: Nets, steering: Sequence[Steering], vae: Any) -> list[Steering]:
    """The same, with what a transformer's ControlNets read in the maps."""
    return [
        replace(
            one,
            read=nets.hint(
                read_json(one.net / "config.json"),
                vae,
                one.hint[0].permute(1, 2, 0).numpy(),
                one.hole,
            ),
        )
        for one in steering
    ]


@contextmanager
def controlnets_attached(
    nets: Nets | None,
    transformer: nn.Module,
    steering: Sequence[Working],
    step: Callable[[], int],
    steps: int,
    guidance: float,
) -> Iterator[None]:
    """While inside, the transformer adds what its ControlNets find, each in its range of steps."""
    if nets is None or not steering:
        yield
        return
    last: tuple[Any, dict[str, Any]] = (None, {})  # the latents seen, what was added

    def add(_transformer: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        nonlocal last
        at = step()
        counting = [
            Seen(net, one.read, one.kind, one.weight)
            for one, net in steering
            if one.read is not None and one.counts(at, steps)
        ]
        if not counting:
            return args, kwargs
        call = dict(zip(nets.positional, args, strict=False)) | kwargs
        if not nets.once or call[nets.latents] is not last[0]:
            last = call[nets.latents], nets.added(transformer, counting, call, guidance)
        return args, kwargs | last[1]

    with ExitStack() as stack:
        for _, net in steering:
            stack.enter_context(nets.bound(net, transformer))
        stack.enter_context(transformer.register_forward_pre_hook(add, with_kwargs=True))
        yield


Call = dict[str, Any]  # a transformer's inputs by name


@dataclass(frozen=True, slots=True)
class Seen:
    """A net at work in one step. `hint` is what `Nets.hint` made of its map, `kind` the map's."""

    net: Any
    hint: Tensor
    kind: str
    weight: float


class Nets(ABC):
    """Of one family."""

    latents: str  # the name of the latents among the inputs
    positional: tuple[str, ...] = ()  # names of the inputs that the pipeline gives without one
    once = False  # what a net found for the prompt counts for the negative prompt too

    def hint(
        self,
        config: Mapping[str, Any],
        vae: Any,
        picture: np.ndarray,
        hole: Tensor | None = None,
    ) -> Tensor:
        """What a net of this config reads of an `(h, w, 3)` float32 0..1 map, found once for a job:
        its latents `(1, c, h / f, w / f)`. With a `hole` `(1, 1, h, w)` it is the picture around
        it, and nets that fill read beside it what is to stay."""
        return latents.encode(vae, picture)

    @abstractmethod
    def added(self, transformer: Any, seen: Sequence[Seen], call: Call, guidance: float) -> Call:
        """More inputs for this call of the transformer."""

    def bound(self, net: Any, transformer: Any) -> AbstractContextManager[None]:
        """While inside, the net has what it shares with the transformer."""
        return nullcontext()


def kept(hole: Tensor, found: Tensor) -> Tensor:
    """`(1, 1, h / f, w / f)`, at the size of latents: 1 where the picture stays."""
    return 1 - functional.interpolate(hole, found.shape[-2:]).to(found)


Place = Callable[[int, int, int], int]  # block, blocks, residuals -> which residual it gets


def by_ceiling(block: int, blocks: int, residuals: int) -> int:
    return block // math.ceil(blocks / residuals)


def by_share(block: int, blocks: int, residuals: int) -> int:
    return int(block / (blocks / residuals))


def in_turn(block: int, blocks: int, residuals: int) -> int:
    return block % residuals


@dataclass(frozen=True, slots=True)
class Residuals:
    """What one net adds, from the first layer to the last."""

    found: Sequence[Tensor]
    place: Place


def summed(several: Sequence[Residuals], blocks: int) -> list[Tensor] | None:
    """One for each block of the transformer, so that nets of different depth add up. Blocks that
    get the same share it. None where there is nothing."""
    counting = [one for one in several if one.found]
    if not counting or not blocks:
        return None
    made: dict[tuple[int, ...], Tensor] = {}
    for block in range(blocks):
        key = _places(counting, block, blocks)
        if key not in made:
            parts = [one.found[place] for one, place in zip(counting, key, strict=True)]
            made[key] = functools.reduce(torch.add, parts)
    return [made[_places(counting, block, blocks)] for block in range(blocks)]


def _places(several: Sequence[Residuals], block: int, blocks: int) -> tuple[int, ...]:
    return tuple(one.place(block, blocks, len(one.found)) for one in several)


def for_all(hint: Tensor, sample: Tensor) -> Tensor:
    """The hint for every picture of a batch, guidance included, where and as `sample` is."""
    return hint.to(sample).expand(len(sample), *hint.shape[1:])


def move_to_device(part: nn.Module | nn.Parameter, device: torch.device) -> None:
    """Moves a submodule that offloading keeps in RAM to the device early; offloading's hooks move
    it back."""
    held = [*part.parameters(), *part.buffers()] if isinstance(part, nn.Module) else [part]
    for weight in held:
        if weight.device != device:
            weight.data = weight.data.to(device)
