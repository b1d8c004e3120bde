"""What the weights of a LoRA's file are: the layers that it changes, by which formula, and what it
holds besides. Names are as trainers write them: kohya, LyCORIS, PEFT, diffusers of every age.

Every weight ends in one of three places: a layer, an embedding that comes along, or `unknown`. No
torch here; the formulas are those of `engine/conditioning/lora_math.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from math import prod

from pentimento.models.weights.header import Shape


class LoraKind(StrEnum):
    """How a layer's weights are changed. Those that are not `COMPUTED` are known by name alone."""

    LORA = "LoRA"
    LOHA = "LoHa"
    LOKR = "LoKr"
    FULL = "full difference"
    NORM = "difference of norms"
    IA3 = "IA3"
    OFT = "OFT"
    EARLY_OFT = "OFT of early LyCORIS"
    PEFT_OFT = "OFT of PEFT"
    GLORA = "GLoRA"
    REPLACED = "replaced weights"


COMPUTED = frozenset(
    {
        *(LoraKind.LORA, LoraKind.LOHA, LoraKind.LOKR, LoraKind.FULL, LoraKind.NORM),
        *(LoraKind.IA3, LoraKind.OFT, LoraKind.GLORA),
    }
)
ENDS: tuple[tuple[str, str], ...] = (  # end of a weight's name -> what it is of its layer
    (r"(?<=_lora[12])\.(?P<what>down|up)\.weight", ""),  # XLabs: of the picture, of the words
    (r"(?:[._]lora|\.lora_linear_layer)\.(?P<what>down|up)\.weight", ""),
    (r"\.lora_(?P<what>down|up|mid)(?:\.weight)?", ""),
    (r"\.lora_A(?:(?:\.\w+)?\.weight)?", "down"),
    (r"\.lora_B(?:(?:\.\w+)?\.weight)?", "up"),
    (r"\.lora_B(?:\.\w+)?\.bias", "up_bias"),
    (r"(?:\.lora)?\.(?P<what>alpha|scalar|dora_scale)", ""),
    (r"\.lora_magnitude_vector(?:\.\w+)?", "dora_scale"),
    (r"\.(?P<what>hada_w[12]_[ab]|hada_t[12]|lokr_w[12](?:_[ab])?|lokr_t2)", ""),
    (r"\.(?P<what>diff|diff_b|w_norm|b_norm|on_input|set_weight)", ""),
    (r"\.(?P<what>oft_blocks|oft_diag|rescale)", ""),
    (r"\.oft_R(?:\.\w+)?\.weight", "oft_r"),
    (r"\.(?P<what>[ab][12]|bm)\.weight", ""),
)
END = [(re.compile(rf"^(?P<layer>.+?)(?:{end})$"), role) for end, role in ENDS]
REACH = 24  # characters before the last two parts of a name that an end reaches into, and more
IA3_WEIGHT = re.compile(r"^((?:lora|lycoris)_\w+)\.weight$")
BUNDLED = re.compile(
    r"^bundle_emb\.(?P<name>.+)\.(?P<end>string_to_param\.\*|emb_params|clip_[lg])$"
)
BUNDLED_ENDS = ("string_to_param.*", "emb_params", "clip_l", "clip_g")
MARKS = (  # any of these and its layer is of that kind
    (LoraKind.LOHA, {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"}),
    (LoraKind.LORA, {"down", "up"}),
    (LoraKind.FULL, {"diff"}),
    (LoraKind.FULL, {"diff_b"}),
    (LoraKind.NORM, {"w_norm"}),
    (LoraKind.NORM, {"b_norm"}),
    (LoraKind.IA3, {"ia3", "on_input"}),
    (LoraKind.OFT, {"oft_blocks"}),
    (LoraKind.EARLY_OFT, {"oft_diag"}),
    (LoraKind.PEFT_OFT, {"oft_r"}),
    (LoraKind.GLORA, {"a1", "a2", "b1", "b2"}),
    (LoraKind.REPLACED, {"set_weight"}),
)
INSTEAD = "take one trained as LoRA, DoRA, LoHa or LoKr"  # of what is not computed
LOKR_SIDES = ({"lokr_w1"}, {"lokr_w1_a", "lokr_w1_b"}), ({"lokr_w2"}, {"lokr_w2_a", "lokr_w2_b"})


@dataclass(frozen=True, slots=True)
class Layer:
    """`name` is as the file has it; `keys` has the full names of its weights by what they are."""

    name: str
    kind: LoraKind
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Layout:
    """`embeddings` are those that come along: the name a prompt says, and the weights of it."""

    layers: tuple[Layer, ...] = ()
    embeddings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    @property
    def not_computed(self) -> tuple[LoraKind, ...]:
        """The kinds of its layers that no formula is known for here."""
        kinds = {layer.kind for layer in self.layers} - COMPUTED
        return tuple(sorted(kinds))


def of(names: Iterable[str]) -> Layout:
    parts: dict[str, dict[str, str]] = {}
    embeddings: dict[str, dict[str, str]] = {}
    unknown: list[str] = []
    for name in names:
        if name.startswith("bundle_emb.") and (bundled := BUNDLED.match(name)):
            embeddings.setdefault(bundled["name"], {})[bundled["end"]] = name
        elif (found := _split(name)) is not None:
            parts.setdefault(found[0], {})[found[1]] = name
        else:
            unknown.append(name)
    layers = []
    for layer, keys in parts.items():
        kind = _kind(tuple(keys))
        if kind is None:
            unknown += keys.values()
        else:
            layers.append(Layer(layer, kind, keys))
    return Layout(
        tuple(layers),
        {name: _in_order(ends) for name, ends in embeddings.items()},
        tuple(unknown),
    )


def inputs(layer: Layer, shapes: Mapping[str, Shape]) -> int | None:
    """Channels that a layer takes, of a kernel too; None where its weights do not tell."""
    shape = {role: shapes[key] for role, key in layer.keys.items()}
    match layer.kind:
        case LoraKind.LORA if len(shape["down"]) > 1:
            return shape["down"][1]
        case LoraKind.LOHA if len(shape["hada_w1_b"]) == 2 and "hada_t1" not in shape:
            return shape["hada_w1_b"][1]
        case LoraKind.GLORA if len(shape["a1"]) > 1:
            return max(shape["a1"][:2])
        case LoraKind.LOKR:
            return _lokr_inputs(shape)
        case LoraKind.FULL if len(shape.get("diff", ())) > 1:
            return shape["diff"][1]
    return None


def outputs(layer: Layer, shapes: Mapping[str, Shape]) -> int | None:
    """Channels that a plain LoRA's layer makes."""
    up = shapes[layer.keys["up"]] if layer.kind is LoraKind.LORA else ()
    return up[0] if len(up) > 1 else None


def _lokr_inputs(shape: Mapping[str, Shape]) -> int | None:
    sides = []
    for number in ("1", "2"):
        side = shape.get(f"lokr_w{number}") or shape.get(f"lokr_w{number}_b", ())
        if len(side) < 2:
            return None
        sides.append(side[1])
    return prod(sides)


def _in_order(ends: Mapping[str, str]) -> tuple[str, ...]:
    """As the text encoders are."""
    return tuple(ends[end] for end in BUNDLED_ENDS if end in ends)


def _split(name: str) -> tuple[str, str] | None:
    """The layer, and what of it a weight is."""
    last = name.rfind(".", 0, max(name.rfind("."), 0))
    cut = max(last - REACH, 0) if last >= 0 and "\n" not in name else 0
    if found := _end(name[cut:]):
        return name[:cut] + found[0], found[1]
    if ia3 := IA3_WEIGHT.match(name):
        return ia3[1], "ia3"
    return None


@lru_cache(maxsize=8192)
def _end(tail: str) -> tuple[str, str] | None:
    """Of the end of a name, as `_split`. Thousands of files have the same few ends, and to compare
    each name with all patterns was most of the time that a long list took."""
    for end, role in END:
        if found := end.match(tail):
            return found["layer"], role or found["what"]
    return None


@lru_cache(maxsize=1024)
def _kind(roles: tuple[str, ...]) -> LoraKind | None:
    """None where what a layer's formula needs is not all there."""
    there = set(roles)
    if all(any(side <= there for side in sides) for sides in LOKR_SIDES):
        return LoraKind.LOKR
    return next((kind for kind, needed in MARKS if needed <= there), None)
