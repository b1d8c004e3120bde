"""A ControlNet in one file steers as the folder that it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file
from tests.engine.bench import Bench
from tests.engine.test_controls import control
from tests.support.control_files import write_control_file
from tests.support.single_file import unet_name
from tests.support.tiny_addons import write_controlnet
from tests.support.tiny_inpaint_models import write_sd15_inpaint
from tests.support.tiny_models import write_sd15, write_sdxl

from pentimento.core.errors import BadInput, JobFailed
from pentimento.models.library.registry import Registry

ASKED: dict[str, Any] = {"mode": "txt2img", "width": 64, "height": 64, "steps": 2}
LAYOUTS = {"original": "control_model.", "original-bare": "", "diffusers": ""}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("control-files")
    nets = folder / "controlnets"
    for family, write in {"sd15": write_sd15, "sdxl": write_sdxl}.items():
        model = write(folder / "models" / family)
        net = write_controlnet(model, nets / f"{family}-depth")
        for layout, prefix in LAYOUTS.items():
            file = nets / f"{family}_canny-{layout}.safetensors"
            write_control_file(net, model, file, layout.removesuffix("-bare"), prefix)
    write_sd15_inpaint(folder / "models" / "sd15-inpaint")
    holed = load_file(nets / "sd15_canny-original.safetensors")
    del holed["control_model.zero_convs.1.0.weight"]
    save_file(holed, nets / "holed-canny.safetensors")
    return folder


@pytest.fixture(scope="module")
def registry(data_dir: Path) -> Registry:
    return Registry(data_dir)


def make(bench: Bench, model: str, net: str, kind: str = "canny") -> bytes:
    return bench.make(model, **ASKED, controls=[control(type=kind, model=net)]).pixels().tobytes()


@pytest.mark.parametrize("model", ["sd15", "sdxl"])
def test_every_layout_steers_as_its_folder_does(bench: Bench, model: str) -> None:
    wanted = make(bench, model, f"{model}-depth", "depth")
    assert wanted != bench.make(model, **ASKED).pixels().tobytes()
    for layout in LAYOUTS:
        assert make(bench, model, f"{model}_canny-{layout}") == wanted, layout


def test_it_steers_an_inpainting_model_too(bench: Bench) -> None:
    found = make(bench, "sd15-inpaint", "sd15_canny-original")
    assert found == make(bench, "sd15-inpaint", "sd15-depth", "depth")
    assert found != bench.make("sd15-inpaint", **ASKED).pixels().tobytes()


def test_it_is_loaded_once(bench: Bench) -> None:
    make(bench, "sd15", "sd15_canny-original")
    again = bench.make(**ASKED, controls=[control(model="sd15_canny-original")])
    assert again.facts["loaded"] == []


def test_one_that_lacks_weights_is_refused_by_name(bench: Bench) -> None:
    with pytest.raises(JobFailed, match=r"controlnet_down_blocks\.1\.weight") as failed:
        make(bench, "sd15", "holed-canny")
    assert failed.value.code == "model_damaged"


def test_it_fits_models_of_its_own_build_only(bench: Bench) -> None:
    with pytest.raises(BadInput, match="not made for models like"):
        bench.job("sdxl", **ASKED, controls=[control(model="sd15_canny-original")])


@pytest.mark.parametrize("model", ["sd15", "sdxl"])
def test_row_11_a_difference_is_added_to_the_unet_that_it_steers(
    bench: Bench, data_dir: Path, model: str
) -> None:
    """kohya's ControlNet-diff-modules were used as if they were whole."""
    nets = data_dir / "controlnets"
    prefix, folder = "control_model.", data_dir / "models" / model
    whole = load_file(nets / f"{model}_canny-original.safetensors")
    own = UNet2DConditionModel.from_pretrained(folder / "unet")
    theirs = {
        prefix + unet_name(own.config, name): weight
        for name, weight in own.state_dict().items()
        if not name.startswith(("up_blocks", "conv_norm_out", "conv_out"))
    }
    shared = [name for name in whole if name in theirs]
    assert len(shared) > len(whole) / 2
    difference = whole | {name: whole[name] - theirs[name] for name in shared}
    file = nets / f"{model}-difference-canny.safetensors"
    save_file(difference | {"difference": torch.zeros(1)}, file)
    asked = ASKED | {"controls": [control(type="canny", model=f"{model}_canny-original")]}
    wanted = bench.make(model, **asked).pixels().astype(float)
    asked["controls"] = [control(type="canny", model=file.stem)]
    made = bench.make(model, **asked).pixels()
    plain = bench.make(model, **ASKED).pixels()
    assert np.abs(made - wanted).mean() < 0.01 * np.abs(plain - wanted).mean()
