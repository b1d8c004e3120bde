"""Checkpoints in one file are told apart by their headers, and nothing is guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pentimento.core.errors import BadInput, Conflict
from pentimento.models import manage
from pentimento.models.library.registry import Registry

UNET = "model.diffusion_model."
SD15: dict[str, list[int]] = {
    UNET + "input_blocks.0.0.weight": [2, 4, 3, 3],
    UNET + "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [2, 768],
    UNET + "out.2.weight": [4, 2, 3, 3],
    "first_stage_model.decoder.conv_in.weight": [2, 2],
    "cond_stage_model.transformer.text_model.final_layer_norm.weight": [2],
}
SD2 = {name: shape for name, shape in SD15.items() if not name.startswith("cond")} | {
    UNET + "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [2, 1024],
    "cond_stage_model.model.ln_final.weight": [2],
}
SDXL = {name: shape for name, shape in SD15.items() if not name.startswith("cond")} | {
    UNET + "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [1, 2048],
    "conditioner.embedders.0.transformer.text_model.final_layer_norm.weight": [2],
    "conditioner.embedders.1.model.ln_final.weight": [2],
}


def without(shapes: dict[str, list[int]], start: str) -> dict[str, list[int]]:
    return {name: shape for name, shape in shapes.items() if not name.startswith(start)}


def write(file: Path, shapes: dict[str, list[int]], **metadata: str) -> None:
    """A whole file with weights of these shapes, all 0."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"} | metadata}
    at = 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    data = json.dumps(header).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(len(data).to_bytes(8, "little") + data + bytes(at))


@pytest.mark.parametrize(
    ("shapes", "family", "native"), [(SD15, "sd15", 512), (SDXL, "sdxl", 1024)]
)
@pytest.mark.parametrize(("channels", "variant"), [(4, ""), (9, "inpaint")])
def test_a_checkpoint_is_listed_with_its_family_and_variant(
    tmp_path: Path,
    shapes: dict[str, list[int]],
    family: str,
    native: int,
    channels: int,
    variant: str,
) -> None:
    first = {UNET + "input_blocks.0.0.weight": [2, channels, 3, 3]}
    write(tmp_path / "models" / "my model.safetensors", shapes | first)
    info = Registry(tmp_path).get("my-model")
    assert info.ok, info.problem
    assert (info.family, info.native_size, info.title) == (family, native, "my model")
    assert info.variant == variant
    assert info.default_sampler == "DPM++ 2M Karras"


@pytest.mark.parametrize(
    ("shapes", "problem"),
    [
        ({"lora_unet_down.weight": [2, 2]}, "holds no UNet"),
        (SD15 | {UNET + "input_blocks.0.0.weight": [2, 5, 3, 3]}, "takes 5 channels"),
        (SDXL | {UNET + "input_blocks.0.0.weight": [2, 8, 3, 3]}, "a picture to edit"),
        (without(SD15, "first_stage"), "no weights called first_stage_model."),
        (without(SDXL, "conditioner.embedders.1"), "no weights called conditioner.embedders.1."),
        (
            SD15 | {UNET + "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [2, 640]},
            "640 wide",
        ),
        (SD2, "nothing says what it predicts"),
        (without(SD2, "cond_stage"), "no weights called cond_stage_model.model."),
    ],
)
def test_what_cannot_be_read_is_listed_with_its_problem(
    tmp_path: Path, shapes: dict[str, list[int]], problem: str
) -> None:
    write(tmp_path / "models" / "strange.safetensors", shapes)
    info = Registry(tmp_path).get("strange")
    assert not info.ok
    assert problem in info.problem


@pytest.mark.parametrize(
    ("metadata", "sheet", "prediction", "native"),
    [
        ({"modelspec.prediction_type": "v"}, None, "v_prediction", 768),
        ({"modelspec.architecture": "stable-diffusion-v2-512"}, None, "epsilon", 512),
        ({}, {"prediction_type": "v_prediction"}, "v_prediction", 768),
        ({"modelspec.prediction_type": "v"}, {"prediction_type": "epsilon"}, "epsilon", 512),
    ],
)
def test_what_a_checkpoint_of_sd2_predicts_is_told(
    tmp_path: Path,
    metadata: dict[str, str],
    sheet: dict[str, str] | None,
    prediction: str,
    native: int,
) -> None:
    write(tmp_path / "models" / "mine.safetensors", SD2, **metadata)
    if sheet:
        (tmp_path / "models" / "mine.pentimento.json").write_text(json.dumps(sheet))
    info = Registry(tmp_path).get("mine")
    assert info.ok, info.problem
    assert (info.family, info.context_dim, info.native_size) == ("sd15", 1024, native)
    assert info.prediction_type == info.scheduler["prediction_type"] == prediction


def test_a_data_sheet_beside_a_checkpoint_corrects_it(tmp_path: Path) -> None:
    write(tmp_path / "models" / "mine.safetensors", SDXL)
    sheet = tmp_path / "models" / "mine.pentimento.json"
    sheet.write_text(json.dumps({"title": "Lightning", "default_steps": 4}))
    info = Registry(tmp_path).get("mine")
    assert (info.title, info.default_steps) == ("Lightning", 4)
    sheet.write_text(json.dumps({"default_steps": -4}))
    assert "do not fit together" in Registry(tmp_path).get("mine").problem


def test_a_pickle_and_a_cut_file_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    write(folder / "cut.safetensors", SD15)
    whole = (folder / "cut.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[:-1])
    (folder / "pickle.safetensors").write_bytes(b"\x80\x04" + bytes(100))
    registry = Registry(tmp_path)
    assert "cut short" in registry.get("cut").problem
    assert "pickle" in registry.get("pickle").problem


def test_a_file_is_added_verified_and_removed(tmp_path: Path) -> None:
    source, registry = tmp_path / "downloads" / "mine.safetensors", Registry(tmp_path / "data")
    write(source, SD15)
    info = manage.add(registry, source, None, lambda file: None)
    assert (info.id, info.family) == ("mine", "sd15")
    assert manage.verify(registry.get("mine"), lambda file: None) == []
    with pytest.raises(Conflict, match="mine"):
        manage.add(registry, source, None, lambda file: None)
    manage.remove(registry, "mine")
    assert [info.id for info in registry.list()] == ["starter"]
    assert source.is_file()


def test_a_file_that_is_no_checkpoint_is_not_added(tmp_path: Path) -> None:
    write(tmp_path / "lora.safetensors", {"lora_unet_down.weight": [2, 2]})
    registry = Registry(tmp_path / "data")
    with pytest.raises(BadInput, match="holds no UNet"):
        manage.add(registry, tmp_path / "lora.safetensors", None, lambda file: None)
    assert not registry.folder.exists()
