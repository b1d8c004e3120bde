"""What becomes of each weight of a file: which are used, which have no place in the model, and what
the model lacks.

Files in their authors' layout are renamed, split and joined on their way into diffusers' classes.
That way is walked once without numbers: every tensor there (on the device "meta") remembers the
names that it was made of, so that nothing needs to be known of any one layout.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders.single_file_model import SINGLE_FILE_LOADABLE_CLASSES
from torch.utils._pytree import tree_flatten, tree_map

from pentimento.engine.loading.weights import MARKS, SCALES
from pentimento.models.weights import check
from pentimento.models.weights.header import Shape
from pentimento.models.weights.layouts import prefix_of

LDM = "model.diffusion_model."  # what diffusers' conversion of UNets wants names to begin with
MOST_MISSING = 100  # that are counted where a conversion stops at each one
IDLE = re.compile(  # known, and of no use: diffusers' own conversions pass over them
    r"norm_final\.weight$|.*(?:position_ids|logit_scale)$|lm_head\.weight$"
)

Convert = Callable[[dict[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Account:
    """Names of a file's weights that are `unused`, and of weights that it lacks."""

    unused: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def shortage(self) -> str:
        """As the end of a sentence; empty where nothing is missing."""
        if not self.missing:
            return ""
        count = len(self.missing)
        least = "at least " if count >= MOST_MISSING else ""
        return f"it lacks {least}{count} weights, e.g. {self.missing[0]}"


class Traced(torch.Tensor):
    """Without numbers; `sources` has the names that it was made of. One that stands for a weight
    that a file lacks has any shape, and all that is made of it."""

    sources: frozenset[str]
    absent: bool

    @classmethod
    def of(cls, shape: Shape, sources: frozenset[str], absent: bool = False) -> Traced:
        return cls._marked(torch.empty(shape, device="meta"), sources, absent)

    @classmethod
    def _marked(cls, plain: torch.Tensor, sources: frozenset[str], absent: bool) -> Traced:
        found = plain.as_subclass(cls)
        found.sources, found.absent = sources, absent
        return found

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, cls)]
        sources = frozenset().union(*(getattr(one, "sources", ()) for one in given))
        absent = any(getattr(one, "absent", False) for one in given)
        try:
            made = super().__torch_function__(func, types, args, kwargs or {})
        except RuntimeError:  # shapes that do not go together
            if not absent:
                raise
            made = _stand_in(func, args)
        return tree_map(
            lambda one: cls._marked(one, sources, absent) if isinstance(one, torch.Tensor) else one,
            made,
        )


def _stand_in(func: Any, args: Any) -> Any:
    one = torch.empty((12, 12), device="meta")
    if func.__name__ in ("split", "chunk", "split_with_sizes"):
        pieces = args[1] if len(args) > 1 else 2
        return (one,) * (len(pieces) if isinstance(pieces, (list, tuple)) else int(pieces))
    return one


def of_denoiser(file: Path, kind: type[Any], config: Mapping[str, Any]) -> Account:
    """Of a denoiser's file in any layout, for the class and configuration of its base. Raises
    Damaged, OSError, and as diffusers' conversion does for what is built otherwise."""
    shapes = check.shapes(file)
    prefix = prefix_of(shapes)
    outside = [name for name in shapes if not name.startswith(prefix)]
    own = {
        name.removeprefix(prefix): shape
        for name, shape in shapes.items()
        if name.startswith(prefix)
    }
    own = {name: shape for name, shape in own.items() if not name.endswith((*SCALES, *MARKS))}
    with torch.device("meta"):
        module = kind.from_config(dict(config))
    if check.whole(file).layout == "diffusers":
        found = account(own, module, dict)
    else:
        classes: Any = SINGLE_FILE_LOADABLE_CLASSES
        change = classes[kind.__name__]["checkpoint_mapping_fn"]
        begin = LDM if kind is UNet2DConditionModel else ""
        found = account(own, module, lambda weights: change(weights, config=dict(config)), begin)
    unused = [prefix + name for name in found.unused]
    return Account((*unused, *_known_apart(outside)), found.missing)


def account(
    shapes: Mapping[str, Shape], module: torch.nn.Module, convert: Convert, begin: str = ""
) -> Account:
    """For a module whose names `convert` makes of those of a file, which begin with `begin`
    there."""
    weights: dict[str, Any] = {
        begin + name: Traced.of(shape, frozenset((name,))) for name, shape in shapes.items()
    }
    lacking: list[str] = []
    while True:
        try:
            changed = convert(dict(weights))
            break
        except KeyError as error:
            name = str(error.args[0])
            if begin + name in weights or len(lacking) >= MOST_MISSING:
                raise
            lacking.append(name)
            weights[begin + name] = Traced.of((12, 12), frozenset(), absent=True)
    wanted = module.state_dict().keys()
    used: set[str] = set()
    for name, weight in changed.items():
        if name in wanted and isinstance(weight, Traced):
            used |= weight.sources
    lacking += [name for name, _ in module.named_parameters() if name not in changed]
    return Account(_known_apart([name for name in shapes if name not in used]), tuple(lacking))


def _known_apart(names: list[str]) -> tuple[str, ...]:
    return tuple(
        name for name in names if not IDLE.match(name) and not name.endswith((*SCALES, *MARKS))
    )
