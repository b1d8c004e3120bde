"""Rows 03 to 08: what LoRA files do to a model, against weights that the formulas of their makers
give, computed here; and that no weight of a file is dropped in silence."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from tests.support.denoiser_files import original
from tests.support.single_file import unet_name
from torch import Tensor, nn
from transformers import CLIPTextModel

from pentimento.core.errors import JobFailed
from pentimento.engine.conditioning import lora
from pentimento.engine.conditioning.lora import Wanted

Weights = dict[str, Tensor]
ERROR = 1e-3  # of the change that is expected
RANKS = (2, 4, 1, 3)


class Host:
    """A pipeline's denoiser and text encoder, and nothing else of it."""

    def __init__(self, model: Path) -> None:
        torch.manual_seed(0)
        self.unet: Any = UNet2DConditionModel.from_pretrained(model / "unet").eval()
        self.text_encoder: Any = CLIPTextModel.from_pretrained(model / "text_encoder").eval()

    @torch.inference_mode()
    def output(self) -> Tensor:
        """Of both, in one vector."""
        chance = torch.Generator().manual_seed(1)
        tokens = torch.randint(0, 400, (1, 8), generator=chance)
        words = self.text_encoder(tokens).last_hidden_state
        wide = self.unet.config.cross_attention_dim
        x = torch.randn(1, 4, 16, 16, generator=chance)
        context = torch.randn(1, 8, wide, generator=chance)
        return torch.cat([self.unet(x, 500, context).sample.flatten(), words.flatten()])


@pytest.fixture(scope="module")
def plain(data_dir: Path) -> Host:
    return Host(data_dir / "models" / "sd15")


@pytest.fixture
def host(plain: Host) -> Host:
    return copy.deepcopy(plain)


def layers(host: Host) -> Iterator[tuple[str, str, Any]]:
    """Part, name and module of all that a trainer may change."""
    for part in ("unet", "text_encoder"):
        for name, module in getattr(host, part).named_modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                yield part, name, module


def kohya(part: str, name: str) -> str:
    if part == "unet":
        return "lora_unet_" + name.replace(".", "_")
    bare = "text_model." + name.removeprefix("text_model.")
    return "lora_te_" + bare.replace(".", "_")


def noise(*shape: int) -> Tensor:
    return torch.randn(shape) * 0.2


Made = tuple[Weights, Tensor]  # the weights of one layer's file entry by their ends, and W'
Maker = Callable[[int, Any], Made]


def low_rank(number: int, module: Any, alpha: float | None = None) -> Made:
    """down, up and alpha, whose rank differs from layer to layer."""
    weight, rank = module.weight, RANKS[number % 4]
    down = noise(rank, *weight.shape[1:])
    up = noise(weight.shape[0], rank, *[1] * (weight.ndim - 2))
    difference = (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)
    ends = {"lora_down.weight": down, "lora_up.weight": up}
    if alpha is not None:
        ends["alpha"] = torch.tensor(alpha)
        difference = difference * alpha / rank
    return ends, weight + difference


def resized(number: int, module: Any) -> Made:
    """As kohya's resize_lora.py and LyCORIS' extraction write: each layer its own alpha."""
    return low_rank(number, module, alpha=float(1 + number % 5))


def half_alpha(number: int, module: Any) -> Made:
    return low_rank(number, module, alpha=1.0 if number % 2 else None)


def middle(number: int, module: Any) -> Made:
    """LoCon with a CP decomposition of its kernels."""
    weight = module.weight
    if weight.ndim != 4 or weight.shape[2] == 1:
        return low_rank(number, module, 1.0)
    rank = 3
    down, mid, up = (
        noise(rank, weight.shape[1], 1, 1),
        noise(rank, rank, 3, 3),
        noise(weight.shape[0], rank, 1, 1),
    )
    difference = torch.einsum("om,mrhw,ri->oihw", up[..., 0, 0], mid, down[..., 0, 0])
    ends = {"lora_down.weight": down, "lora_mid.weight": mid, "lora_up.weight": up}
    return ends | {"alpha": torch.tensor(2.0)}, weight + difference * 2.0 / rank


def dora(number: int, module: Any, *, rows: bool) -> Made:
    ends, changed = low_rank(number, module, alpha=2.0)
    if rows:
        norms = changed.flatten(1).norm(dim=1).reshape(-1, *[1] * (changed.ndim - 1))
    else:
        norms = changed.transpose(0, 1).flatten(1).norm(dim=1)
        norms = norms.reshape(1, -1, *[1] * (changed.ndim - 2))
    magnitude = norms * (1 + 0.3 * torch.randn(norms.shape))
    return ends | {"dora_scale": magnitude}, changed * magnitude / norms


def loha(number: int, module: Any) -> Made:
    weight, rank = module.weight, 2
    out, into = weight.shape[0], weight[0].numel()
    first, second = (noise(out, rank), noise(rank, into)), (noise(out, rank), noise(rank, into))
    difference = (first[0] @ first[1]) * (second[0] @ second[1]) * 5
    ends = {"hada_w1_a": first[0] * 5, "hada_w1_b": first[1], "hada_w2_a": second[0]}
    ends |= {"hada_w2_b": second[1], "alpha": torch.tensor(1.0)}
    return ends, weight + difference.reshape(weight.shape) / rank


def loha_tucker(number: int, module: Any) -> Made:
    weight, rank = module.weight, 2
    if weight.ndim != 4 or weight.shape[2] == 1:
        return loha(number, module)
    sides, ends = [], {"alpha": torch.tensor(4.0)}
    for place in ("1", "2"):
        core, a, b = (
            torch.randn(rank, rank, 3, 3),
            noise(rank, weight.shape[0]),
            noise(rank, weight.shape[1]),
        )
        sides.append(torch.einsum("ijhw,jr,ip->prhw", core, b, a))
        ends |= {f"hada_t{place}": core, f"hada_w{place}_a": a, f"hada_w{place}_b": b}
    return ends, weight + sides[0] * sides[1] * 4.0 / rank


def lokr(number: int, module: Any) -> Made:
    """Two whole factors, of which nothing has a rank: alpha does not count."""
    weight = module.weight
    rows, columns = math.gcd(weight.shape[0], 4), math.gcd(weight.shape[1], 4)
    first = noise(rows, columns)
    second = noise(weight.shape[0] // rows, weight.shape[1] // columns, *weight.shape[2:])
    big = first.reshape(*first.shape, *[1] * (weight.ndim - 2))
    ends = {"lokr_w1": first, "lokr_w2": second, "alpha": torch.tensor(7.0)}
    return ends, weight + torch.kron(big, second)


def lokr_products(number: int, module: Any) -> Made:
    weight, rank = module.weight, 2
    rows, columns = math.gcd(weight.shape[0], 4), math.gcd(weight.shape[1], 4)
    first = noise(rows, columns)
    a, b = noise(weight.shape[0] // rows, rank), noise(rank, weight[0].numel() // columns)
    ends = {"lokr_w1": first, "lokr_w2_a": a, "lokr_w2_b": b, "alpha": torch.tensor(1.0)}
    return ends, weight + torch.kron(first, a @ b).reshape(weight.shape) * 1.0 / rank


def full(number: int, module: Any) -> Made:
    difference = noise(*module.weight.shape) / 4
    return {"diff": difference}, module.weight + difference


MAKERS: dict[str, Maker] = {
    "03 resized": resized,
    "03 alpha in half of the layers": half_alpha,
    "03 no alpha": low_rank,
    "05 locon with a middle": middle,
    "04 dora by rows": lambda number, module: dora(number, module, rows=True),
    "04 dora by columns": lambda number, module: dora(number, module, rows=False),
    "05 loha": loha,
    "05 loha in tucker form": loha_tucker,
    "05 lokr": lokr,
    "05 lokr of products": lokr_products,
    "05 full difference": full,
}


def trained(
    host: Host, make: Maker, name: Callable[[str, str], str] = kohya, **how: Any
) -> Weights:
    """A file for all layers; the host gets the weights that the formula gives."""
    torch.manual_seed(5)
    state: Weights = {}
    for number, (part, path, module) in enumerate(layers(host)):
        ends, changed = make(number, module)
        state |= {f"{name(part, path)}.{end}": t.clone().contiguous() for end, t in ends.items()}
        module.weight.data = changed.detach()
    return state


def error(host: Host, plain: Host, expected: Host) -> float:
    """Distance to the expected output, in terms of the expected change."""
    before, wanted = plain.output(), expected.output()
    return float((host.output() - wanted).norm() / (wanted - before).norm())


def at_work(host: Host, file: Path, weight: float = 1.0) -> list[Any]:
    return lora.apply(host, [Wanted(file, weight)])


@pytest.mark.parametrize("kind", MAKERS)
def test_a_file_does_what_its_formula_says(
    host: Host, plain: Host, tmp_path: Path, kind: str
) -> None:
    expected = copy.deepcopy(plain)
    file = tmp_path / "one.safetensors"
    save_file(trained(expected, MAKERS[kind]), file)
    assert at_work(host, file) == []
    assert error(host, plain, expected) < ERROR
    lora.apply(host, [])
    assert torch.equal(host.output(), plain.output())


@pytest.mark.parametrize("kind", MAKERS)
def test_half_the_weight_is_half_the_change_of_the_weights(
    host: Host, plain: Host, tmp_path: Path, kind: str
) -> None:
    whole, expected = copy.deepcopy(plain), copy.deepcopy(plain)
    file = tmp_path / "one.safetensors"
    save_file(trained(whole, MAKERS[kind]), file)
    for (_, _, half), (_, _, changed) in zip(layers(expected), layers(whole), strict=True):
        half.weight.data = (half.weight.data + changed.weight.data) / 2
    at_work(host, file, 0.5)
    assert error(host, plain, expected) < ERROR


def dotted(prefix: str) -> Callable[[str, str], str]:
    return lambda part, name: f"{prefix}{name}" if part == "unet" else f"text_encoder.{name}"


def ldm(part: str, name: str) -> str:
    if part != "unet":
        return kohya(part, name)
    theirs = unet_name(LDM["config"], f"{name}.weight").removesuffix(".weight")
    return "lora_unet_" + theirs.replace(".", "_")


LDM: dict[str, Any] = {}
PEFT = {"lora_down": "lora_A", "lora_up": "lora_B"}
NAMINGS: dict[str, tuple[Callable[[str, str], str], dict[str, str]]] = {
    "kohya": (kohya, {}),
    "CompVis' names": (ldm, {}),
    "peft": (dotted("unet."), PEFT),
    "07 bare": (dotted(""), PEFT),
    "07 base_model": (dotted("base_model.model."), PEFT),
    "07 default": (dotted("unet."), {"lora_down": "lora_A.default", "lora_up": "lora_B.default"}),
    "diffusers": (dotted("unet."), {"lora_down": "lora.down", "lora_up": "lora.up"}),
    "08 down and up with alpha": (dotted("unet."), {}),
}


@pytest.mark.parametrize("naming", NAMINGS)
def test_rows_06_07_every_way_of_naming_layers_is_read(
    host: Host, plain: Host, tmp_path: Path, naming: str
) -> None:
    """Names that were not known gave a ValueError, or were passed over."""
    LDM["config"] = plain.unet.config
    name, ends = NAMINGS[naming]
    expected = copy.deepcopy(plain)
    state = trained(expected, resized, name)
    for old, new in ends.items():
        state = {key.replace(old, new): tensor for key, tensor in state.items()}
    file = tmp_path / "one.safetensors"
    save_file(state, file)
    assert at_work(host, file) == []
    assert error(host, plain, expected) < ERROR


def test_row_06_attention_processors_of_old_diffusers_are_read(
    host: Host, plain: Host, tmp_path: Path
) -> None:
    expected, state = copy.deepcopy(plain), {}
    for path, module in expected.unet.named_modules():
        if path.endswith(("to_q", "to_k", "to_v", "to_out.0")):
            down, up = noise(2, module.in_features), noise(module.out_features, 2)
            block, layer = path.removesuffix(".0").rsplit(".", 1)
            for end, tensor in (("down", down), ("up", up)):
                state[f"unet.{block}.processor.{layer}_lora.{end}.weight"] = tensor
            module.weight.data += up @ down
    file = tmp_path / "one.safetensors"
    save_file(state, file)
    assert at_work(host, file) == []
    assert error(host, plain, expected) < ERROR


def test_row_05_norms_and_biases_are_changed_too(host: Host, plain: Host, tmp_path: Path) -> None:
    expected, state = copy.deepcopy(plain), {}
    for part in ("unet", "text_encoder"):
        for path, module in getattr(expected, part).named_modules():
            name = kohya(part, path)
            if isinstance(module, nn.LayerNorm | nn.GroupNorm):
                scale, shift = noise(*module.weight.shape), noise(*module.weight.shape)
                state |= {f"{name}.w_norm": scale, f"{name}.b_norm": shift}
                module.weight.data += scale
                module.bias.data += shift
            elif isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None:
                state[f"{name}.diff_b"] = noise(*module.bias.shape)
                module.bias.data += state[f"{name}.diff_b"]
    file = tmp_path / "one.safetensors"
    save_file(state, file)
    assert at_work(host, file) == []
    assert error(host, plain, expected) < ERROR


@pytest.mark.parametrize("slow", [False, True], ids=["alpha / r", "alpha / sqrt(r)"])
def test_pefts_own_configuration_scales_its_layers(
    host: Host, plain: Host, tmp_path: Path, slow: bool
) -> None:
    expected = copy.deepcopy(plain)

    def make(number: int, module: Any) -> Made:
        rank = RANKS[number % 4]
        ends, changed = low_rank(number, module, None)
        scale = 8 / (math.sqrt(rank) if slow else rank)
        own = module.weight
        return ends, own + (changed - own) * scale

    state = trained(expected, make, dotted("unet."))
    state = {
        key.replace("lora_down", "lora_A").replace("lora_up", "lora_B"): tensor
        for key, tensor in state.items()
        if key.startswith("unet.")
    }
    expected.text_encoder = copy.deepcopy(plain.text_encoder)
    file, told = tmp_path / "one.safetensors", {"unet.lora_alpha": 8, "unet.use_rslora": slow}
    save_file(state, file, {"lora_adapter_metadata": json.dumps(told)})
    at_work(host, file)
    assert error(host, plain, expected) < ERROR


def test_two_files_add_up(host: Host, plain: Host, tmp_path: Path) -> None:
    expected = copy.deepcopy(plain)
    files = [tmp_path / "one.safetensors", tmp_path / "two.safetensors"]
    save_file(trained(expected, resized), files[0])
    changed = copy.deepcopy(plain)
    save_file(trained(changed, lokr), files[1])
    rows = zip(layers(expected), layers(changed), layers(plain), strict=True)
    for (_, _, sum_of), (_, _, second), (_, _, own) in rows:
        sum_of.weight.data += second.weight.data - own.weight.data
    lora.apply(host, [Wanted(file, 1.0) for file in files])
    assert error(host, plain, expected) < ERROR


def test_no_weight_of_a_file_is_dropped_in_silence(host: Host, plain: Host, tmp_path: Path) -> None:
    expected = copy.deepcopy(plain)
    state = trained(expected, resized)
    strange = {
        "lora_unet_no_such_layer.lora_down.weight": noise(2, 8),
        "lora_unet_no_such_layer.lora_up.weight": noise(8, 2),
        "something.else": noise(3),
    }
    file = tmp_path / "one.safetensors"
    save_file(state | strange, file)
    (told,) = at_work(host, file)
    assert (told.code, told.params["unused"], told.params["total"]) == (
        *("lora_partly_used", 3),
        len(state) + 3,
    )
    assert told.params["example"] in strange
    assert error(host, plain, expected) < ERROR  # what belongs to the model is used


def test_row_07_a_file_of_which_nothing_matches_is_refused_with_counts(
    host: Host, plain: Host, tmp_path: Path
) -> None:
    """It was “The engine failed while computing (ValueError)”."""
    name = "transformer.transformer_blocks.{}.attn1.to_k"
    state = {
        f"{name.format(n)}.{end}.weight": noise(*shape)
        for n in range(3)
        for end, shape in (("lora_A", (2, 8)), ("lora_B", (8, 2)))
    }
    file = tmp_path / "strange.safetensors"
    save_file(state, file)
    with pytest.raises(JobFailed, match="none of its 3 layers is one of this model") as failed:
        at_work(host, file)
    assert failed.value.code == "lora_unusable"
    assert name.format(0) in failed.value.message
    assert torch.equal(host.output(), plain.output())


def test_a_layer_of_another_size_refuses_the_file(host: Host, plain: Host, tmp_path: Path) -> None:
    state = trained(copy.deepcopy(plain), resized)
    key = next(key for key in state if key.endswith("attn2_to_k.lora_down.weight"))
    state[key] = noise(state[key].shape[0], 5)
    file = tmp_path / "wide.safetensors"
    save_file(state, file)
    with pytest.raises(JobFailed, match=r"attn2\.to_k is \d+ × \d+ and the file's \d+ × 5"):
        at_work(host, file)
    assert torch.equal(host.output(), plain.output())


class Denoiser:
    """A pipeline of nothing but a transformer."""

    def __init__(self, model: Path) -> None:
        index = diffusers.DiffusionPipeline.load_config(model)
        kind = getattr(diffusers, index["transformer"][1])
        self.transformer: Any = kind.from_pretrained(model / "transformer").eval()


@pytest.mark.parametrize("prefix", ["diffusion_model.", "lora_unet_"])
@pytest.mark.parametrize(
    "family", ["flux", "chroma", "sd3", "flux2-klein", "z-image", "krea2", "lumina2"]
)
def test_row_01_the_names_of_a_transformers_authors_stand_for_its_layers(
    data_dir: Path, tmp_path: Path, family: str, prefix: str
) -> None:
    """Fused layers are taken apart, and those whose halves lie the other way round turned: held
    against the conversion of whole files in tests/support."""
    torch.manual_seed(3)
    model = data_dir / "models" / family
    host = Denoiser(model)
    own = dict(host.transformer.named_modules())
    changes = {
        f"{name}.weight": torch.randn_like(module.weight)
        for name, module in own.items()
        if isinstance(module, nn.Linear)
    }
    nothing = {key: torch.zeros_like(t) for key, t in host.transformer.state_dict().items()}
    state: Weights = {}
    for key, change in original(nothing | changes, family, model).items():
        if key.endswith(".weight") and change.ndim == 2 and change.any():
            name = key.removesuffix(".weight")
            name = name.replace(".", "_") if prefix == "lora_unet_" else name
            ends = ("lora_down", "lora_up") if prefix == "lora_unet_" else ("lora_A", "lora_B")
            state[f"{prefix}{name}.{ends[0]}.weight"] = torch.eye(change.shape[1])
            state[f"{prefix}{name}.{ends[1]}.weight"] = change.contiguous()
    file = tmp_path / "one.safetensors"
    save_file(state, file)
    assert lora.apply(host, [Wanted(file, 1.0)]) == []
    for key, change in changes.items():
        module: Any = own[key.removesuffix(".weight")]
        x = torch.randn(3, module.in_features)
        expected = nn.functional.linear(x, module.weight + change, module.bias)
        assert torch.allclose(module(x), expected, atol=1e-4, rtol=1e-4), key
