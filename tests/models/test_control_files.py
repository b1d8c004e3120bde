"""ControlNets in one file are listed with what they are, or with why they cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.models.header_shapes import CASES
from tests.models.weight_files import write

from pentimento.models.library.parts.controlnet_lora import Addons

UNET_NET = {
    "control_model.input_blocks.0.0.weight": [320, 4, 3, 3],
    "control_model.input_hint_block.0.weight": [16, 3, 3, 3],
    "control_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [320, 768],
}


def test_it_is_listed_as_its_name_and_header_tell(tmp_path: Path) -> None:
    write(tmp_path / "controlnets" / "control_v11p_sd15_canny.safetensors", UNET_NET)
    found = Addons(tmp_path).get("controlnet", "control_v11p_sd15_canny")
    assert found.ok, found.problem
    assert (found.control, found.family, found.precision) == ("canny", "sd15", "fp16")
    assert (found.context_dim, found.width) == (768, 320)


def test_a_file_beside_it_tells_its_maps_and_its_title(tmp_path: Path) -> None:
    write(tmp_path / "controlnets" / "mine.safetensors", UNET_NET)
    sheet = tmp_path / "controlnets" / "mine.pentimento.json"
    assert Addons(tmp_path).get("controlnet", "mine").control == ""
    sheet.write_text(json.dumps({"control": "depth", "title": "My own"}))
    found = Addons(tmp_path).get("controlnet", "mine")
    assert (found.control, found.title) == ("depth", "My own")
    sheet.write_text(json.dumps({"control": "smell"}))
    assert "wrong value for control" in Addons(tmp_path).get("controlnet", "mine").problem


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        ("controlnet-sdxl-union", "of several kinds"),
        ("control-lora", "packed as a LoRA"),
        ("controlnet-flux", "ControlNets for flux in one file cannot be used yet"),
        ("flux-fill", "It is no ControlNet, but a file of the kind denoiser"),
    ],
)
def test_what_cannot_be_used_says_why(tmp_path: Path, case: str, problem: str) -> None:
    write(tmp_path / "controlnets" / "other.safetensors", CASES[case][0])
    found = Addons(tmp_path).get("controlnet", "other")
    assert not found.ok
    assert problem in found.problem


def test_a_pickle_and_a_small_one_say_why(tmp_path: Path) -> None:
    folder = tmp_path / "controlnets"
    small = {name: shape for name, shape in UNET_NET.items() if "attn2" not in name}
    write(folder / "small.safetensors", small | {"add_embedding.linear_1.weight": [4, 4]})
    (folder / "pickle.safetensors").write_bytes(b"\x80\x04" + bytes(100))
    known = Addons(tmp_path)
    assert "is smaller than its UNet" in known.get("controlnet", "small").problem
    assert "pickle" in known.get("controlnet", "pickle").problem
