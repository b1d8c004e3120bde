"""A model put together from files: a denoiser, text encoders and a VAE, each as the programs that
keep them so name their weights, with a folder of configurations and tokenizers for the rest."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.engine.test_denoiser_files import Paint, difference, paint, place
from tests.support.denoiser_files import Weights, write_denoiser, write_gguf

from pentimento.core.errors import JobFailed
from pentimento.engine.loading import encoders
from pentimento.engine.loading.sources import CLASSES
from pentimento.models.library.registry import Registry
from pentimento.models.tables.architectures import FAMILIES
from pentimento.schema.vocabulary import ModelRole

__all__ = ["paint", "place"]  # fixtures
HALF_STEP = 2**-4  # of a number with three bits after the first one, relative
SEEN = re.compile(r"(^|\.)(visual|vision_tower|multi_modal_projector)\.")
WORDS = re.compile(r"^(model\.language_model\.|language_model\.model\.|language_model\.|model\.)?")


def of_part(folder: Path) -> Weights:
    found: Weights = {}
    for file in sorted(folder.glob("*.safetensors")):
        found |= load_file(file)
    return found


def emptied(folder: Path) -> None:
    for file in folder.glob("*.safetensors*"):
        file.unlink()


def as_comfyui(found: Weights) -> Weights:
    """The words as `model.layers…`, what sees pictures left out, as in files for painting; CLIP's
    under `text_model`, T5's as they are."""
    if any(name.startswith("encoder.block.") for name in found):
        return found
    clip = any("token_embedding" in name for name in found)
    named: Weights = {}
    for name, weight in found.items():
        if SEEN.search(name):
            continue
        bare = WORDS.sub("", name).removeprefix("text_model.")
        alone = bare.startswith(("lm_head", "text_projection"))
        named[bare if alone else ("text_model." if clip else "model.") + bare] = weight
    return named


def take_apart(place: Path, family: str, **more: Any) -> dict[str, Path]:
    """A model's denoiser and text encoders as files; its folder keeps no weights of them."""
    model, files = place / family, {}
    write_denoiser(model, place / "mine.safetensors", family)
    emptied(model / FAMILIES[family].denoiser)
    shelf = place.parent / "text_encoders"
    shelf.mkdir(exist_ok=True)
    for name in FAMILIES[family].encoders:
        files[name] = shelf / f"{family}-{name}.safetensors"
        save_file(as_comfyui(of_part(model / name)), files[name])
        emptied(model / name)
    if len(files) > 1:  # tiny ones of two kinds may be built the same, true ones are not
        parts = {name: file.stem for name, file in files.items()}
        (place / "mine.pentimento.json").write_text(json.dumps({"parts": parts}))
    return files


@pytest.mark.parametrize(
    "family",
    [
        *("sd3", "flux", "chroma", "z-image", "qwen-image", "flux2-klein", "flux2-dev"),
        *("krea2", "lumina2", "ernie-image", "longcat-image", "ovis-image"),
    ],
)
def test_files_of_text_encoders_paint_what_the_folders_did(
    place: Path, paint: Paint, family: str
) -> None:
    whole = paint(family)
    files = take_apart(place, family)
    info = Registry(place.parent).get("mine")
    assert info.ok, info.problem
    assert dict(info.parts) == files
    together = paint("mine")
    assert difference(together, whole) <= 1
    assert set(together.facts["loaded"]) >= set(files)


def scaled(found: Weights) -> Weights:
    """As ComfyUI's scaled fp8: matrices in eight bits with one scale each."""
    out: Weights = {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}
    for name, weight in found.items():
        if weight.ndim != 2 or "embed" in name or name == "shared.weight":
            out[name] = weight.half()
            continue
        scale = weight.abs().max() / 448
        out[name] = (weight / scale).to(torch.float8_e4m3fn)
        out[name.removesuffix("weight") + "scale_weight"] = scale.float()
    return out


@pytest.mark.parametrize("family", ["chroma", "z-image", "qwen-image"])
def test_scaled_fp8_and_tokenizers_in_the_file_are_read(place: Path, family: str) -> None:
    model, kept = place / family, of_part(place / family / "text_encoder")
    (file,) = take_apart(place, family).values()
    packed = scaled(load_file(file)) | {"spiece_model": torch.zeros(9, dtype=torch.uint8)}
    save_file(packed, file)
    index = json.loads((model / "model_index.json").read_text())
    kind = CLASSES[index["text_encoder"][1]]
    module = encoders.read(kind, model / "text_encoder", file, torch.float32, sees=False)
    found = dict(module.named_parameters())
    wanted = {name: weight for name, weight in kept.items() if not SEEN.search(name)}
    for name, weight in found.items():
        if "lm_head" in name:
            continue
        twin = next(other for key, other in wanted.items() if key.endswith(WORDS.sub("", name)))
        assert torch.allclose(weight, twin, rtol=HALF_STEP, atol=1e-3 * float(twin.abs().max())), (
            name
        )
    assert module.pentimento_unused == ()


GGUF_NAMES = {  # of llama.cpp (gguf-py, tensor_mapping.py)
    "t5encoder": [
        (r"^shared\.", "token_embd."),
        (r"^encoder\.final_layer_norm", "enc.output_norm"),
        (
            r"^encoder\.block\.(\d+)\.layer\.0\.SelfAttention\.relative_attention_bias",
            r"enc.blk.\1.attn_rel_b",
        ),
        (r"^encoder\.block\.(\d+)\.layer\.0\.SelfAttention\.(q|k|v|o)\.", r"enc.blk.\1.attn_\2."),
        (r"^encoder\.block\.(\d+)\.layer\.0\.layer_norm", r"enc.blk.\1.attn_norm"),
        (r"^encoder\.block\.(\d+)\.layer\.1\.DenseReluDense\.wi_0", r"enc.blk.\1.ffn_gate"),
        (r"^encoder\.block\.(\d+)\.layer\.1\.DenseReluDense\.wi(_1)?\.", r"enc.blk.\1.ffn_up."),
        (r"^encoder\.block\.(\d+)\.layer\.1\.DenseReluDense\.wo", r"enc.blk.\1.ffn_down"),
        (r"^encoder\.block\.(\d+)\.layer\.1\.layer_norm", r"enc.blk.\1.ffn_norm"),
    ],
    "qwen3": [
        (r"^model\.embed_tokens", "token_embd"),
        (r"^model\.norm\.", "output_norm."),
        (r"^lm_head", "output"),
        (r"^model\.layers\.(\d+)\.self_attn\.(q|k|v)_proj", r"blk.\1.attn_\2"),
        (r"^model\.layers\.(\d+)\.self_attn\.o_proj", r"blk.\1.attn_output"),
        (r"^model\.layers\.(\d+)\.self_attn\.(q|k)_norm", r"blk.\1.attn_\2_norm"),
        (r"^model\.layers\.(\d+)\.mlp\.(gate|up|down)_proj", r"blk.\1.ffn_\2"),
        (r"^model\.layers\.(\d+)\.input_layernorm", r"blk.\1.attn_norm"),
        (r"^model\.layers\.(\d+)\.post_attention_layernorm", r"blk.\1.ffn_norm"),
    ],
}


def renamed(name: str, named: str) -> str:
    for pattern, theirs in GGUF_NAMES[named]:
        name = re.sub(pattern, theirs, name)
    return name


@pytest.mark.parametrize(
    ("family", "named", "architecture"),
    [
        ("chroma", "t5encoder", "t5encoder"),
        ("chroma", "t5encoder", "t5"),
        ("z-image", "qwen3", "qwen3"),
        ("flux2-klein", "qwen3", "qwen3"),
        ("qwen-image", "qwen3", "qwen2vl"),
    ],
)
def test_gguf_of_a_text_encoder_paints_the_same_and_packed_nearly(
    place: Path, paint: Paint, family: str, named: str, architecture: str
) -> None:
    whole = paint(family)
    (file,) = take_apart(place, family).values()
    theirs = {renamed(name, named): weight for name, weight in load_file(file).items()}
    file.unlink()
    write_gguf(theirs, file.with_suffix(".gguf"), architecture=architecture)
    info = Registry(place.parent).get("mine")
    assert info.ok, info.problem
    assert difference(paint("mine"), whole) <= 1
    if family == "chroma":  # whose rows have whole blocks of 32
        write_gguf(theirs, file.with_suffix(".gguf"), "Q8_0", architecture=architecture)
        change = np.abs(paint("mine").pixels().astype(float) - whole.pixels()).mean()
        assert 0 < change < 4


def test_a_vae_of_one_file_stands_for_the_bases(place: Path, paint: Paint) -> None:
    whole = paint("z-image")
    take_apart(place, "z-image")
    (place.parent / "vaes").mkdir()
    file = place.parent / "vaes" / "ae.safetensors"
    save_file(of_part(place / "z-image" / "vae"), file)
    emptied(place / "z-image" / "vae")
    info = Registry(place.parent).get("mine")
    assert info.ok, info.problem
    assert dict(info.parts)["vae"] == file
    assert difference(paint("mine"), whole) <= 1
    save_file(load_file(file), file.with_name("other.safetensors"))
    info = Registry(place.parent).get("mine")
    assert not info.ok
    assert '{"parts": {"vae": "ae"}}' in info.problem
    (place / "mine.pentimento.json").write_text('{"parts": {"vae": "other"}}')
    info = Registry(place.parent).get("mine")
    assert dict(info.parts)["vae"].stem == "other"


def test_what_is_lacking_is_said_and_which_of_several_is_taken(place: Path) -> None:
    (file,) = take_apart(place, "z-image").values()
    rest = Registry(place.parent).get("z-image")
    assert not rest.ok
    assert "text_encoder and transformer" in rest.problem
    half = {name: weight.half() for name, weight in load_file(file).items()}
    save_file(half, file.with_name("a.safetensors"))
    assert dict(Registry(place.parent).get("mine").parts)["text_encoder"] == file
    for one in file.parent.iterdir():
        one.unlink()
    theirs = {renamed(name, "qwen3"): weight for name, weight in half.items()}
    write_gguf(theirs, file.with_suffix(".gguf"), architecture="llama")
    problem = Registry(place.parent).get("mine").problem
    assert "GGUF of the architecture llama cannot be read" in problem
    file.with_suffix(".gguf").unlink()
    problem = Registry(place.parent).get("mine").problem
    assert "lacks the weights of text_encoder" in problem
    assert "language model, 16 wide, 2 layers" in problem


def test_pictures_are_seen_only_with_what_sees_them(place: Path) -> None:
    model = place / "qwen-image"
    (file,) = take_apart(place, "qwen-image").values()
    kind = CLASSES["Qwen2_5_VLForConditionalGeneration"]
    blind = encoders.read(kind, model / "text_encoder", file, torch.float32, sees=False)
    assert not [name for name, _ in blind.named_parameters() if SEEN.search(name)]
    with pytest.raises(JobFailed) as caught:
        encoders.read(kind, model / "text_encoder", file, torch.float32, sees=True)
    assert caught.value.code == "model_damaged"


def test_files_of_other_programs_are_found(place: Path, tmp_path: Path) -> None:
    (file,) = take_apart(place, "z-image").values()
    comfy = tmp_path / "comfy" / "models" / "text_encoders"
    comfy.mkdir(parents=True)
    (tmp_path / "comfy" / "models" / "diffusion_models").mkdir()
    file.rename(comfy / "qwen_3_4b.safetensors")
    (place / "mine.safetensors").rename(
        tmp_path / "comfy" / "models" / "diffusion_models" / "painter.safetensors"
    )
    registry = Registry(place.parent)
    registry.inventory.folders.add(tmp_path / "comfy")
    info = registry.get("painter")
    assert info.ok, info.problem
    assert dict(info.parts) == {"text_encoder": comfy / "qwen_3_4b.safetensors"}
    roles = {item.id: item.role for item in registry.inventory.list()}
    assert roles["qwen_3_4b"] == ModelRole.TEXT_ENCODER
