"""Denoisers in a file of their own: which base completes them, and what to do where none does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.models.folders import safetensors, write_json
from tests.models.weight_files import write, write_gguf

from pentimento.core.errors import BadInput
from pentimento.models import manage
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.registry import Registry
from pentimento.models.tables.architectures import FAMILIES

NO_STARTER = Path("/nonexistent")

Z_IMAGE = {
    "cap_embedder.0.weight": [16],
    "cap_embedder.1.weight": [32, 16],
    "layers.0.adaLN_modulation.0.weight": [128, 32],
    "layers.1.adaLN_modulation.0.weight": [128, 32],
    "x_embedder.weight": [32, 64],
}
FLUX = {
    "double_blocks.0.img_attn.qkv.weight": [96, 32],
    "img_in.weight": [32, 64],
    "txt_in.weight": [32, 16],
    "vector_in.in_layer.weight": [32, 16],
}
GUIDED = {"guidance_in.in_layer.weight": [32, 256]}
SD3 = {
    "joint_blocks.0.context_block.adaLN_modulation.1.weight": [192, 32],
    "x_embedder.proj.weight": [32, 16, 2, 2],
    "context_embedder.weight": [32, 64],
}
CONFIGS: dict[str, dict[str, Any]] = {
    "z-image": {"in_channels": 16, "dim": 32, "n_layers": 2, "cap_feat_dim": 16},
    "flux": {
        "in_channels": 64,
        "num_layers": 1,
        "num_single_layers": 0,
        "num_attention_heads": 2,
        "attention_head_dim": 16,
        "joint_attention_dim": 16,
        "guidance_embeds": True,
    },
    "sd3": {
        "in_channels": 16,
        "num_layers": 1,
        "num_attention_heads": 2,
        "attention_head_dim": 16,
        "joint_attention_dim": 64,
    },
}
PIPELINES = {
    "z-image": "ZImagePipeline",
    "flux": "FluxPipeline",
    "sd3": "StableDiffusion3Pipeline",
}


def write_base(folder: Path, family: str, pipeline: str = "", **changed: Any) -> Path:
    """A whole folder of the family with empty weights; `changed` is in its denoiser's config."""
    known = FAMILIES[family]
    write_json(folder / "model_index.json", {"_class_name": pipeline or PIPELINES[family]})
    write_json(folder / "transformer" / "config.json", CONFIGS[family] | changed)
    vae = {"block_out_channels": [8] * 4, "latent_channels": 16}
    write_json(folder / "vae" / "config.json", vae)
    write_json(folder / "scheduler" / "scheduler_config.json", {"shift": 3.0})
    for name in ("transformer", "vae", *known.encoders):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "model.safetensors").write_bytes(safetensors())
    for name in known.tokenizers:
        write_json(folder / name / "vocab.json", {})
    return folder


def of(folder: Path, name: str = "mine") -> ModelInfo:
    return Registry(folder, starter=NO_STARTER).get(name)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def test_the_only_base_of_the_family_completes_a_file(models: Path) -> None:
    base = write_base(models / "turbo", "z-image")
    file = write(models / "mine.safetensors", Z_IMAGE, "BF16")
    info, whole = of(models.parent), of(models.parent, "turbo")
    assert info.ok, info.problem
    assert (info.family, info.precision, info.title) == ("z-image", "bf16", "mine")
    assert (info.path, info.base) == (file, base)
    assert (info.default_steps, info.native_size) == (whole.default_steps, whole.native_size)
    part = (base / "vae" / "model.safetensors").stat().st_size
    assert info.bytes == file.stat().st_size + whole.bytes - part


def test_gguf_and_files_of_other_programs_are_completed_too(tmp_path: Path, models: Path) -> None:
    write_base(models / "turbo", "z-image")
    write_gguf(tmp_path / "comfy" / "models" / "diffusion_models" / "packed.gguf", Z_IMAGE, "F16")
    registry = Registry(tmp_path, starter=NO_STARTER)
    registry.inventory.folders.add(tmp_path / "comfy")
    info = registry.get("packed")
    assert info.ok, info.problem
    assert (info.precision, info.source) == ("fp16", "ComfyUI")


def test_without_a_base_the_remedy_is_said(models: Path) -> None:
    write(models / "mine.safetensors", Z_IMAGE)
    info = of(models.parent)
    assert not info.ok
    assert "`pentimento models pull z-image-turbo`" in info.problem
    write_base(models / "turbo", "z-image")
    assert of(models.parent).ok


def test_a_folder_without_its_denoisers_weights_is_a_base(models: Path) -> None:
    write_base(models / "rest", "z-image")
    (models / "rest" / "transformer" / "model.safetensors").unlink()
    write(models / "mine.safetensors", Z_IMAGE)
    info, rest = of(models.parent), of(models.parent, "rest")
    assert info.ok, info.problem
    assert info.base == models / "rest"
    assert not rest.ok
    assert info.bytes == rest.bytes + info.path.stat().st_size
    added = manage.add(Registry(models.parent), models / "rest", "again", lambda file: None)
    assert "can be the base" in added.problem


def test_a_base_that_is_built_otherwise_is_none(models: Path) -> None:
    write_base(models / "larger", "z-image", n_layers=30)
    write(models / "mine.safetensors", Z_IMAGE)
    assert "larger: n_layers is 2 instead of 30" in of(models.parent).problem


@pytest.mark.parametrize(("more", "base"), [(GUIDED, "dev"), ({}, "schnell")])
def test_the_build_chooses_between_bases(models: Path, more: dict[str, Any], base: str) -> None:
    for name, guided in (("dev", True), ("schnell", False)):
        write_base(models / name, "flux", guidance_embeds=guided)
    write(models / "mine.safetensors", FLUX | more)
    info = of(models.parent)
    assert info.ok, info.problem
    assert info.base == models / base


def test_kontext_wants_its_own_base(models: Path) -> None:
    """Its weights do not tell it from FLUX.1 dev, metadata may."""
    write_base(models / "dev", "flux")
    told = {"modelspec.architecture": "flux-1-kontext"}
    write(models / "mine.safetensors", FLUX | GUIDED, **told)
    assert "dev: kind is kontext" in of(models.parent).problem
    write_base(models / "edits", "flux", "FluxKontextPipeline")
    info = of(models.parent)
    assert (info.base, info.editing) == (models / "edits", "kontext")
    write(models / "untold.safetensors", FLUX | GUIDED)
    assert "Several models can be its base (dev, edits)" in of(models.parent, "untold").problem


def test_between_several_bases_the_data_sheet_chooses(models: Path) -> None:
    for name in ("one", "two"):
        write_base(models / name, "z-image")
    write(models / "mine.safetensors", Z_IMAGE)
    problem = of(models.parent).problem
    assert "one, two" in problem
    assert 'mine.pentimento.json beside it, as {"base": "one"}' in problem
    write_json(
        models / "mine.pentimento.json", {"base": "two", "title": "Mine", "default_steps": 4}
    )
    info = of(models.parent)
    assert info.ok, info.problem
    assert (info.base, info.title, info.default_steps) == (models / "two", "Mine", 4)


@pytest.mark.parametrize(
    ("sheet", "problem"),
    [
        ('{"base": "gone"}', "names the base “gone”, which is no usable folder"),
        ('{"base": "../models/one"}', "which is no usable folder"),
        ('{"base": "flux"}', "no usable folder of the family z-image; there are: large, one"),
        ('{"base": "large"}', "Its base large is built otherwise: its n_layers is 2 instead of 30"),
        ('{"base": 3}', "which is no usable folder"),
        ('{"base": "one", "default_steps": "4"}', "wrong value for default_steps"),
        ("{", "is not valid JSON"),
    ],
)
def test_a_data_sheet_that_is_wrong_is_said(models: Path, sheet: str, problem: str) -> None:
    write_base(models / "one", "z-image")
    write_base(models / "large", "z-image", n_layers=30)
    write_base(models / "flux", "flux")
    write(models / "mine.safetensors", Z_IMAGE)
    (models / "mine.pentimento.json").write_text(sheet)
    info = of(models.parent)
    assert not info.ok
    assert problem in info.problem


def test_of_a_checkpoint_with_encoders_the_denoiser_is_read(models: Path) -> None:
    write_base(models / "medium", "sd3")
    parts = {"first_stage_model.decoder.conv_in.weight": [8, 16, 3, 3]}
    parts |= {"text_encoders.clip_l.transformer.text_model.final_layer_norm.weight": [8]}
    shapes = {"model.diffusion_model." + name: shape for name, shape in SD3.items()}
    write(models / "mine.safetensors", shapes | parts)
    assert of(models.parent).ok, of(models.parent).problem
    write_base(models / "other", "sd3", joint_attention_dim=4096)
    assert of(models.parent).base == models / "medium"


def test_what_is_packed_in_ways_that_cannot_be_read_says_so(models: Path) -> None:
    write_base(models / "turbo", "z-image")
    write(models / "four.safetensors", Z_IMAGE, "U8")
    assert "Weights of the type U8" in of(models.parent, "four").problem
    write(
        models / "flux3.safetensors",
        {
            "x_embedders.image.weight": [8, 8],
            "single_stream_modulations.image.linear.weight": [8, 8],
        },
    )
    assert "FLUX.3 Klein is not supported yet" in of(models.parent, "flux3").problem


def test_gguf_without_its_package_says_how_to_get_it(models: Path) -> None:
    write_base(models / "turbo", "z-image")
    write_gguf(models / "mine.gguf", Z_IMAGE, "F16")
    assert of(models.parent).ok
    program = (
        "import sys; sys.modules['gguf'] = None; from pathlib import Path;"
        "from pentimento.models import Registry;"
        f"print(Registry(Path({str(models.parent)!r})).get('mine').problem)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "pip install pentimento[gguf]" in told.stdout


def test_a_file_is_added_with_its_data_sheet_and_both_are_removed(
    tmp_path: Path, models: Path
) -> None:
    source = write_gguf(tmp_path / "downloads" / "mine.gguf", Z_IMAGE, "F16")
    sheet = source.with_name("mine.pentimento.json")
    sheet.write_text(json.dumps({"base": "one", "default_steps": 6}))
    registry = Registry(tmp_path, starter=NO_STARTER)
    with pytest.raises(BadInput, match="names the base “one”"):
        manage.add(registry, source, None, lambda file: None)
    assert not models.exists()
    write_base(models / "one", "z-image")
    info = manage.add(registry, source, "theirs", lambda file: None)
    assert (info.id, info.default_steps) == ("theirs", 6)
    assert registry.get("theirs") == info
    assert {file.name for file in models.iterdir()} == {
        "one",
        "theirs.gguf",
        "theirs.gguf.checksums.json",
        "theirs.pentimento.json",
    }
    manage.remove(registry, "theirs")
    assert [file.name for file in models.iterdir()] == ["one"]
    assert source.is_file()
    assert sheet.is_file()
