"""No weight of a file is dropped in silence: the record says how many have no place in a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.engine.bench import Bench
from tests.engine.test_controls import control
from tests.support.control_files import write_control_file
from tests.support.single_file import VAE_PREFIX, write_single_file
from tests.support.tiny_models import write_sd2, write_sd15, write_sdxl

from pentimento.engine.cancel import StopFlag
from pentimento.engine.loading.model import LoadedModel
from pentimento.models.weights import leftovers

ASKED: dict[str, Any] = {"mode": "txt2img", "width": 64, "height": 64, "steps": 1}
STRANGE = torch.ones(3)


def told(outcome: Any, code: str = "weights_unused") -> list[dict[str, Any]]:
    notices = outcome.facts.get("notices", [])
    return [one["params"] for one in notices if one["code"] == code]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("single")
    writers = {"sd15": write_sd15, "sd2": write_sd2, "sdxl": write_sdxl}
    return {
        name: write_single_file(write(folder / name), folder / f"{name}.safetensors")
        for name, write in writers.items()
    }


@pytest.mark.parametrize("family", ["sd15", "sd2", "sdxl"])
def test_every_name_of_a_whole_checkpoint_is_known(files: dict[str, Path], family: str) -> None:
    names = load_file(files[family])
    assert leftovers.of_names(names) == leftovers.Leftovers(total=len(names))


def test_what_belongs_to_no_part_is_told_apart_from_what_training_left(
    files: dict[str, Path],
) -> None:
    names = [*load_file(files["sd15"]), "model_ema.decay", "alphas_cumprod", "betas"]
    strange = ["model.diffusion_model.input_blocks.1.0.motion.weight", "extra.weight"]
    found = leftovers.of_names([*names, *strange])
    assert found.unknown == tuple(strange)
    assert found.training == ("model_ema.decay", "alphas_cumprod", "betas")
    assert f"2 of its {len(names) + 2} weights belong to no part of it" in found.sentence


def test_a_checkpoints_are_told_as_it_is_opened(
    bench: Bench, files: dict[str, Path], tmp_path: Path
) -> None:
    file = tmp_path / "odd.safetensors"
    save_file(load_file(files["sd15"]) | {"model.diffusion_model.odd.weight": STRANGE}, file)
    spec = replace(bench.spec("sd15"), path=file)
    opened = LoadedModel(bench.worker._shared, spec, lambda event: None, StopFlag())
    (notice,) = opened.file_notices
    assert (notice.code, notice.params["name"], notice.params["unused"]) == (
        *("weights_unused", "odd"),
        1,
    )
    assert notice.params["example"] == "model.diffusion_model.odd.weight"


def test_a_vaes_and_a_controlnets_are_told_in_the_record(bench: Bench, data_dir: Path) -> None:
    folder = data_dir / "models" / "sd15"
    whole = load_file(write_single_file(folder, data_dir / "whole.safetensors"))
    (data_dir / "whole.safetensors").unlink()
    vae = {
        key.removeprefix(VAE_PREFIX): t for key, t in whole.items() if key.startswith(VAE_PREFIX)
    }
    (data_dir / "vaes").mkdir(exist_ok=True)
    save_file(vae | {"loss.odd.weight": STRANGE}, data_dir / "vaes" / "odd-vae.safetensors")
    net = data_dir / "controlnets" / "odd-canny.safetensors"
    write_control_file(data_dir / "controlnets" / "sd15-canny", folder, net)
    save_file(load_file(net) | {"control_model.odd.weight": STRANGE}, net)
    try:
        for name in ("odd-vae", "odd-canny"):
            for _ in range(2):  # also where it was in memory already
                steering = [control(type="canny", model=name)] if name == "odd-canny" else []
                vae_of_job = {} if steering else {"vae": name}
                (params,) = told(bench.make(**ASKED, **vae_of_job, controls=steering))
                assert (params["name"], params["unused"]) == (name, 1)
                assert "odd" in params["example"]
        assert told(bench.make(**ASKED)) == []
    finally:
        net.unlink()
        (data_dir / "vaes" / "odd-vae.safetensors").unlink()
