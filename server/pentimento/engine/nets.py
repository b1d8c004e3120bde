"""The networks that steer: ControlNets, those of several kinds in one (union), and T2I-Adapters.
How ControlNets steer transformers is in `families/nets.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

from pentimento.engine.families.nets import Nets, Seen
from pentimento.models import control_kinds
from pentimento.models.control_kinds import UNION_MODES, class_of
from pentimento.models.inspect import read_json

if TYPE_CHECKING:
    from pentimento.engine.controls import Steering

CLASSES = {
    control_kinds.CONTROL_NET: ControlNetModel,
    control_kinds.UNION: ControlNetUnionModel,
    control_kinds.T2I_ADAPTER: T2IAdapter,
    control_kinds.SD3: SD3ControlNetModel,
    control_kinds.FLUX: FluxControlNetModel,
    control_kinds.QWEN_IMAGE: QwenImageControlNetModel,
    control_kinds.Z_IMAGE: ZImageControlNetModel,
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
def adapted(
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


def read(nets: Nets, steering: Sequence[Steering], vae: Any) -> list[Steering]:
    """The same, with what a transformer's ControlNets read in the maps."""
    return [
        replace(
            one,
            read=nets.hint(
                read_json(one.net / "config.json"), vae, one.hint[0].permute(1, 2, 0).numpy()
            ),
        )
        for one in steering
    ]


@contextmanager
def steered(
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
