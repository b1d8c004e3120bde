"""The kinds of LoRAs and the ways of writing them that test_lora_formulas.py has not, on layers
of a few numbers: the weights that the engine really applies, against formulas computed here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import FluxTransformer2DModel
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from pentimento.core.errors import JobFailed
from pentimento.engine.conditioning import lora
from pentimento.engine.conditioning.lora import Wanted
from pentimento.schema.plan import Notice

Weights = dict[str, Tensor]
Made = tuple[Weights, Tensor]  # what the file has of a layer, by its ends, and the new weight
Maker = Callable[[Any], Made]
ERROR = 1e-3  # of the largest change of a weight


def noise(*shape: int) -> Tensor:
    return torch.randn(shape) * 0.3


def net() -> nn.Module:
    """Layers of every kind that a trainer may change, none of them square."""
    torch.manual_seed(0)
    made = nn.Module()
    made.to_q = nn.Linear(6, 8)
    made.ff = nn.Sequential(nn.Linear(8, 12, bias=False), nn.Linear(12, 4))
    made.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
    made.point = nn.Conv2d(8, 4, 1)
    return made


def layers(host: Any) -> Iterator[tuple[str, Any]]:
    for name, module in (getattr(host, "unet", None) or host.transformer).named_modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            yield name, module


def applied(module: Any) -> Tensor:
    """The weight with which a layer computes: what it makes of one number at a time."""
    if isinstance(module, nn.Linear):
        into = module.in_features
        return (module(torch.eye(into)) - module(torch.zeros(1, into))).T
    into, (high, wide) = module.in_channels, module.kernel_size
    x = torch.zeros(into * high * wide, into, high, wide)
    x.view(-1, into * high * wide).copy_(torch.eye(into * high * wide))
    padding, module.padding = module.padding, (0, 0)  # so that the kernel has one place
    try:
        made = module(x) - module(torch.zeros_like(x[:1]))
    finally:
        module.padding = padding
    return made.flatten(1).T.reshape(module.weight.shape)


def low_rank(module: Any, alpha: float | None, rank: int = 2) -> Made:
    weight = module.weight
    down = noise(rank, *weight.shape[1:])
    up = noise(weight.shape[0], rank, *[1] * (weight.ndim - 2))
    scale = 1.0 if alpha is None else alpha / rank
    ends = {"lora_down.weight": down, "lora_up.weight": up}
    ends |= {} if alpha is None else {"alpha": torch.tensor(alpha)}
    difference = (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)
    return ends, weight + scale * difference


def loha(module: Any, alpha: float) -> Made:
    weight, rank = module.weight, 3
    out, into = weight.shape[0], weight[0].numel()
    one, two = ((noise(out, rank), noise(rank, into)) for _ in range(2))
    ends = {"hada_w1_a": one[0], "hada_w1_b": one[1], "hada_w2_a": two[0], "hada_w2_b": two[1]}
    difference = (one[0] @ one[1]) * (two[0] @ two[1]) * alpha / rank
    return ends | {"alpha": torch.tensor(alpha)}, weight + difference.reshape(weight.shape)


def lokr(module: Any, alpha: float) -> Made:
    """Both sides are products: the rank is that of the second."""
    weight = module.weight
    out, into = weight.shape[0] // 2, weight[0].numel()
    one = noise(2, 1), noise(1, 1)
    two = noise(out, 3), noise(3, into)
    names = ("lokr_w1_a", "lokr_w1_b"), ("lokr_w2_a", "lokr_w2_b")
    ends = dict(zip(names[0], one, strict=True)) | dict(zip(names[1], two, strict=True))
    difference = torch.kron(one[0] @ one[1], two[0] @ two[1]) * alpha / 3
    return ends | {"alpha": torch.tensor(alpha)}, weight + difference.reshape(weight.shape)


def ia3(module: Any, *, on_input: bool) -> Made:
    weight = module.weight
    factors = noise(weight.shape[1 if on_input else 0])
    shape = [1] * weight.ndim
    shape[1 if on_input else 0] = -1
    told = factors.reshape(1, -1, 1, 1) if weight.ndim == 4 else factors  # as LyCORIS writes it
    ends = {"weight": told, "on_input": torch.tensor(int(on_input))}
    return ends, weight * (1 + factors.reshape(shape))


def oft(
    module: Any, *, alpha: float | None = None, rescaled: bool = False, strong: float = 1.0
) -> Made:
    """Every block of rows is turned for itself; Q has as large a norm as alpha lets it."""
    weight, number = module.weight, 2
    rows = weight.shape[0]
    side = rows // number
    blocks = noise(number, side, side) * strong
    skew = torch.stack([block - block.T for block in blocks])
    if alpha:
        most = alpha * rows
        skew = skew * min(1.0, most / float(skew.pow(2).sum().sqrt()))
    one = torch.eye(side)
    turns = [(one + q) @ torch.inverse(one - q) for q in skew]
    changed = torch.block_diag(*turns).T @ weight.flatten(1)
    ends = {"oft_blocks": blocks}
    ends |= {} if alpha is None else {"alpha": torch.tensor(alpha)}
    if rescaled:
        ends["rescale"] = 1 + noise(rows, *[1] * (weight.ndim - 1))
        changed = changed * ends["rescale"].reshape(-1, 1)
    return ends, changed.reshape(weight.shape)


def boft(module: Any, *, alpha: float | None = None, rescaled: bool = False) -> Made:
    """Every factor turns rows that lie a power of two of half blocks apart, pair by pair."""
    weight = module.weight
    rows = weight.shape[0]
    number = 4 if rows % 8 == 0 else 2  # a power of two, of blocks with an even side
    side, factors = rows // number, number.bit_length()
    blocks = noise(factors, number, side, side)
    skew = blocks - blocks.transpose(-1, -2)
    if alpha:
        skew = skew * min(1.0, alpha * rows / float(skew.pow(2).sum().sqrt()))
    one, changed = torch.eye(side), weight.flatten(1).clone()
    for factor, turns in enumerate(skew):
        apart = 2**factor * side // 2
        order = [
            start + place + half * apart
            for start in range(0, rows, 2 * apart)
            for place in range(apart)
            for half in (0, 1)
        ]
        before = changed.clone()
        for block, q in enumerate(turns):
            those = order[block * side : (block + 1) * side]
            changed[those] = (one + q) @ torch.inverse(one - q) @ before[those]
    ends = {"oft_blocks": blocks} | ({} if alpha is None else {"alpha": torch.tensor(alpha)})
    if rescaled:
        ends["rescale"] = 1 + noise(rows, *[1] * (weight.ndim - 1))
        changed = changed * ends["rescale"].reshape(-1, 1)
    return ends, changed.reshape(weight.shape)


def glora(module: Any, *, alpha: float, first: bool = False) -> Made:
    """W + W A + B; `first` is how the first LyCORIS that had it named the factors."""
    weight, rank = module.weight, 2
    out, into = weight.shape[:2]
    a, b = (
        (noise(into, rank), noise(rank, into)),
        (noise(out, rank), noise(rank, weight[0].numel())),
    )
    general = torch.stack([torch.einsum("oi,ij->oj", one, a[0] @ a[1]) for one in taps(weight)])
    change = general.permute(1, 2, 0).reshape(weight.shape) + (b[0] @ b[1]).reshape(weight.shape)
    names = ("a2", "a1", "b2", "b1") if first else ("a1", "a2", "b1", "b2")
    ends = {f"{name}.weight": one for name, one in zip(names, (*a, *b), strict=True)}
    if weight.ndim == 4:  # written as the kernels that they are
        ends = {name: one.reshape(*one.shape, 1, 1) for name, one in ends.items()}
        ends[f"{names[3]}.weight"] = b[1].reshape(rank, *weight.shape[1:])
    ends["alpha"] = torch.tensor(alpha)
    return ends, weight + change * alpha / rank


def taps(weight: Tensor) -> list[Tensor]:
    """A matrix for each place of a kernel."""
    return list(weight.reshape(*weight.shape[:2], -1).permute(2, 0, 1))


KINDS: dict[str, tuple[str, Maker]] = {  # prefix of the names, and the formula
    "lora, alpha": ("lora_unet_", lambda module: low_rank(module, 1.0)),
    "lora, no alpha": ("lora_unet_", lambda module: low_rank(module, None)),
    "lora, alpha 0": ("lora_unet_", lambda module: low_rank(module, 0.0)),
    "loha, alpha": ("lora_unet_", lambda module: loha(module, 6.0)),
    "loha, alpha 0": ("lora_unet_", lambda module: loha(module, 0.0)),
    "lokr, alpha": ("lycoris_", lambda module: lokr(module, 6.0)),
    "lokr, alpha 0": ("lora_unet_", lambda module: lokr(module, 0.0)),
    "ia3 on outputs": ("lora_unet_", lambda module: ia3(module, on_input=False)),
    "ia3 on inputs": ("lycoris_", lambda module: ia3(module, on_input=True)),
    "glora": ("lora_unet_", lambda module: glora(module, alpha=3.0)),
    "glora, named as at first": ("lycoris_", lambda module: glora(module, alpha=1.0, first=True)),
    "glora, alpha 0": ("lora_unet_", lambda module: glora(module, alpha=0.0)),
    "oft": ("lora_unet_", oft),
    "oft, alpha 0 binds nothing": ("lora_unet_", lambda module: oft(module, alpha=0.0)),
    "oft, alpha that binds": ("oft_unet_", lambda module: oft(module, alpha=0.01, strong=3.0)),
    "oft, alpha that does not": ("oft_unet_", lambda module: oft(module, alpha=9.0)),
    "boft": ("lora_unet_", boft),
    "boft, alpha that binds": ("lycoris_", lambda module: boft(module, alpha=0.01)),
    "boft, rescaled": ("lora_unet_", lambda module: boft(module, rescaled=True)),
    "oft, rescaled": ("lora_unet_", lambda module: oft(module, rescaled=True)),
}


def written(folder: Path, state: Weights) -> Path:
    file = folder / "Größe ' 1.safetensors"
    save_file({name: tensor.contiguous().clone() for name, tensor in state.items()}, file)
    return file


def work(host: Any, file: Path, weight: float = 1.0) -> list[Notice]:
    return lora.apply(host, [Wanted(file, weight)])


def compare(host: Any, expected: dict[str, Tensor]) -> None:
    """All weights, the new ones and those that stay."""
    for name, module in layers(host):
        own, wanted = module.weight, expected.get(name, module.weight)
        largest = float((wanted - own).abs().max())
        error = float((applied(module) - wanted).abs().max())
        assert error <= max(ERROR * largest, 1e-6), f"{name}: {error} of {largest}"


@torch.no_grad()
@pytest.mark.parametrize("weight", [1.0, 0.5, -0.7])
@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_applied_are_those_of_the_formula(
    tmp_path: Path, kind: str, weight: float
) -> None:
    prefix, make = KINDS[kind]
    host = SimpleNamespace(unet=net())
    state: Weights = {}
    expected: Weights = {}
    torch.manual_seed(5)
    for name, module in layers(host):
        ends, changed = make(module)
        state |= {f"{prefix}{name.replace('.', '_')}.{end}": one for end, one in ends.items()}
        expected[name] = module.weight + weight * (changed - module.weight)
    same = all(torch.equal(module.weight, expected[name]) for name, module in layers(host))
    assert same == ("alpha 0" in kind and "oft" not in kind), "nothing is compared"
    file = written(tmp_path, state)
    assert work(host, file, weight) == []
    compare(host, expected)
    lora.apply(host, [])
    compare(host, {})


def flux() -> Any:
    torch.manual_seed(1)
    made: Any = FluxTransformer2DModel(
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=12,
        pooled_projection_dim=6,
        in_channels=4,
        axes_dims_rope=(2, 2, 4),
    )
    return SimpleNamespace(transformer=made.eval())


QKV = ("attn.to_q", "attn.to_k", "attn.to_v")
ADDED = ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj")
XLABS = {  # what XLabs calls it -> our layers
    "double_blocks.1.processor.qkv_lora1": ("transformer_blocks.1", QKV),
    "double_blocks.1.processor.qkv_lora2": ("transformer_blocks.1", ADDED),
    "double_blocks.0.processor.proj_lora1": ("transformer_blocks.0", ("attn.to_out.0",)),
    "double_blocks.0.processor.proj_lora2": ("transformer_blocks.0", ("attn.to_add_out",)),
    "single_blocks.1.processor.qkv_lora": ("single_transformer_blocks.1", QKV),
    "single_blocks.0.processor.proj_lora": ("single_transformer_blocks.0", ("proj_out",)),
}
BFL = {  # what Black Forest Labs call it -> our layers
    "double_blocks.1.img_attn.qkv": ("transformer_blocks.1", QKV),
    "double_blocks.0.txt_mlp.2": ("transformer_blocks.0", ("ff_context.net.2",)),
    "single_blocks.1.linear1": ("single_transformer_blocks.1", (*QKV, "proj_mlp")),
    "single_blocks.0.linear2": ("single_transformer_blocks.0", ("proj_out",)),
}


def fused(
    host: Any, names: dict[str, tuple[str, tuple[str, ...]]], ends: tuple[str, str], rank: int = 3
) -> tuple[Weights, Weights]:
    own = dict(layers(host))
    state: Weights = {}
    expected: Weights = {}
    for name, (block, parts) in names.items():
        modules = [own[f"{block}.{part}"] for part in parts]
        down = noise(rank, modules[0].in_features)
        up = noise(sum(module.out_features for module in modules), rank)
        state |= {f"{name}{ends[0]}": down, f"{name}{ends[1]}": up}
        rows = (up @ down).split([module.out_features for module in modules])
        for part, module, difference in zip(parts, modules, rows, strict=True):
            expected[f"{block}.{part}"] = module.weight + difference
    return state, expected


@torch.no_grad()
def test_xlabs_attention_processors_are_read(tmp_path: Path) -> None:
    """They were unknown, and offered where they lay in the folder of LoRAs."""
    host = flux()
    state, expected = fused(host, XLABS, (".down.weight", ".up.weight"))
    assert len(expected) == 12
    assert work(host, written(tmp_path, state)) == []
    compare(host, expected)


@torch.no_grad()
def test_biases_that_come_with_low_rank_parts_are_added(tmp_path: Path) -> None:
    """As in the LoRAs that Black Forest Labs took out of their models."""
    host = flux()
    state, expected = fused(host, BFL, (".lora_A.weight", ".lora_B.weight"))
    biases = {
        name.replace(".lora_B.weight", ".lora_B.bias"): noise(tensor.shape[0])
        for name, tensor in state.items()
        if ".lora_B." in name
    }
    assert work(host, written(tmp_path, state | biases), 0.5) == []
    own = dict(layers(host))
    for name, (block, parts) in BFL.items():
        sizes = [own[f"{block}.{part}"].out_features for part in parts]
        shifts = biases[f"{name}.lora_B.bias"].split(sizes)
        for part, shift in zip(parts, shifts, strict=True):
            module, wanted = own[f"{block}.{part}"], expected[f"{block}.{part}"]
            x = noise(4, module.in_features)
            plain = functional.linear(x, module.weight, module.bias)
            change = functional.linear(x, wanted - module.weight, shift)
            assert torch.allclose(module(x), plain + 0.5 * change, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(
    ("layer", "ends", "words"),
    [
        ("lora_unet_to_q", {"oft_blocks": (2, 3, 3)}, "8 × 6 and the file's blocks are 2 of 3 row"),
        ("lora_unet_to_q", {"oft_blocks": (3, 2, 4, 4)}, "has 3 factors of 2 blocks of 4 rows"),
        ("lora_unet_to_q", {"oft_blocks": (2, 2, 4, 3)}, "its blocks are no squares"),
        ("lora_unet_to_q", {"oft_diag": (2, 4, 4)}, "OFT of early LyCORIS, which is not supported"),
        ("to_q", {"oft_R.weight": (2, 6)}, "OFT of PEFT, which is not supported; take one trained"),
        (
            "lora_unet_to_q",
            {"a1.weight": (8, 2), "a2.weight": (2, 8), "b1.weight": (6, 2), "b2.weight": (2, 8)},
            "8 × 6 and the file's 6 × 8, of 8 channels",
        ),
        ("lora_unet_to_q", {"weight": (6,), "on_input": ()}, "8 × 6 and the file has 6 factors"),
    ],
)
def test_what_would_be_applied_wrongly_is_refused(
    tmp_path: Path, layer: str, ends: dict[str, tuple[int, ...]], words: str
) -> None:
    host = SimpleNamespace(unet=net())
    state = {f"{layer}.{end}": torch.zeros(shape) for end, shape in ends.items()}
    with pytest.raises(JobFailed, match=words):
        work(host, written(tmp_path, state))
    compare(host, {})


@torch.no_grad()
def test_turning_rows_of_a_fused_layer_works_where_no_block_lies_across_two(
    tmp_path: Path,
) -> None:
    host = flux()
    own = dict(layers(host))
    names = [f"transformer_blocks.0.{part}" for part in QKV]
    whole = torch.cat([own[name].weight for name in names])
    side = whole.shape[0] // 6
    blocks = noise(6, side, side)
    turns = [torch.eye(side) + block - block.T for block in blocks]
    turn = torch.block_diag(*[one @ torch.inverse(one.T) for one in turns])
    name = "double_blocks.0.img_attn.qkv.oft_blocks"
    assert work(host, written(tmp_path, {name: blocks})) == []
    compare(host, dict(zip(names, (turn.T @ whole).chunk(3), strict=True)))
    with pytest.raises(JobFailed, match="those of other layers with it"):
        work(host, written(tmp_path, {name: noise(2, 3 * side, 3 * side)}))
