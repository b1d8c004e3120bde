"""A checkpoint in one file gives the very same parts as the folder it was made from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.support.single_file import write_single_file
from tests.support.tiny_inpaint_models import write_sd15_inpaint, write_sdxl_inpaint
from tests.support.tiny_models import write_sd2

from pentimento.core.errors import JobFailed
from pentimento.engine.loading.sources import ModelFile, ModelFolder, clip_tokenizer
from pentimento.models.library.checkpoint import CONFIGS

PARTS = {
    "sd15": ("unet", "vae", "text_encoder"),
    "sd2": ("unet", "vae", "text_encoder"),
    "sdxl": ("unet", "vae", "text_encoder", "text_encoder_2"),
}

INPAINTING = {"sd15": write_sd15_inpaint, "sdxl": write_sdxl_inpaint}


def like(family: str) -> str:
    """Whose row of our table it has."""
    return "sd15" if family == "sd2" else family


@pytest.fixture(scope="module")
def folders(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    known = {family: data_dir / "models" / family for family in PARTS}
    return known | {"sd2": write_sd2(tmp_path_factory.mktemp("folders") / "sd2")}


@pytest.fixture(scope="module")
def files(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("files")
    return {
        family: write_single_file(folders[family], place / f"{family}.safetensors")
        for family in PARTS
    }


@pytest.mark.parametrize(("family", "part"), [(f, p) for f, parts in PARTS.items() for p in parts])
def test_every_part_is_that_of_the_folder(
    files: dict[str, Path], folders: dict[str, Path], family: str, part: str
) -> None:
    folder = folders[family]
    wanted = ModelFolder(folder).read(part, torch.float32).state_dict()
    found = ModelFile(files[family], like(family), folder).read(part, torch.float32).state_dict()
    assert wanted.keys() == found.keys()
    for name, weight in wanted.items():
        assert torch.equal(weight, found[name]), name


def test_an_encoder_in_the_names_of_older_merges_is_read(
    files: dict[str, Path], folders: dict[str, Path], tmp_path: Path
) -> None:
    """NovelAI's: without `text_model.`. The job failed for want of a valid CLIP model."""
    weights = load_file(files["sd15"])
    older = {
        name.replace(".transformer.text_model.", ".transformer."): w for name, w in weights.items()
    }
    assert older.keys() != weights.keys()
    save_file(older, tmp_path / "older.safetensors")
    wanted, found = (
        ModelFile(file, "sd15", folders["sd15"]).read("text_encoder", torch.float32).state_dict()
        for file in (files["sd15"], tmp_path / "older.safetensors")
    )
    assert wanted.keys() == found.keys()
    assert all(torch.equal(weight, found[name]) for name, weight in wanted.items())


@pytest.mark.parametrize("family", INPAINTING)
def test_an_inpainting_unet_is_read_with_the_ordinary_configuration(
    data_dir: Path, tmp_path: Path, family: str
) -> None:
    """It is the only one that is bundled, and differs in the channels that the UNet takes."""
    folder = INPAINTING[family](tmp_path / "model")
    file = write_single_file(folder, tmp_path / "model.safetensors")
    wanted = ModelFolder(folder).read("unet", torch.float32)
    found = ModelFile(file, family, data_dir / "models" / family).read("unet", torch.float32)
    assert found.config["in_channels"] == 9
    for name, weight in wanted.state_dict().items():
        assert torch.equal(weight, found.state_dict()[name]), name


def test_a_file_without_a_part_says_so(
    files: dict[str, Path], tmp_path: Path, data_dir: Path
) -> None:
    kept = {k: w for k, w in load_file(files["sd15"]).items() if "first_stage" not in k}
    save_file(kept, tmp_path / "bare.safetensors")
    model = ModelFile(tmp_path / "bare.safetensors", "sd15", data_dir / "models" / "sd15")
    with pytest.raises(JobFailed, match="no weights called first_stage_model"):
        model.read("vae", torch.float32)


def test_a_part_that_lacks_weights_is_refused(
    files: dict[str, Path], tmp_path: Path, data_dir: Path
) -> None:
    kept = load_file(files["sd15"])
    del kept["model.diffusion_model.middle_block.0.in_layers.2.weight"]
    save_file(kept, tmp_path / "holed.safetensors")
    model = ModelFile(tmp_path / "holed.safetensors", "sd15", data_dir / "models" / "sd15")
    with pytest.raises(JobFailed, match="unet"):
        model.read("unet", torch.float32)


def test_a_file_cut_short_is_refused(files: dict[str, Path], tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(files["sd15"].read_bytes()[:-1000])
    with pytest.raises(JobFailed, match="cut short"):
        ModelFile(cut, "sd15").read("vae", torch.float32)


def test_the_tokenizer_has_clips_own_numbers() -> None:
    """Those of the example in the documentation of CLIP's tokenizer."""
    words = "a photo of an astronaut riding a horse on mars"
    ids = [320, 1125, 539, 550, 18376, 6765, 320, 4558, 525, 7496]
    assert clip_tokenizer("<|endoftext|>")(words).input_ids == [49406, *ids, 49407]


@pytest.mark.parametrize("name", ["sd15", "sd2", "sd2-v", "sdxl"])
def test_the_bundled_configurations_are_a_models(name: str) -> None:
    """All but the weights that a folder of this family has."""
    family = name.removesuffix("-v")
    model = ModelFile(CONFIGS / "clip_merges.txt", like(family), CONFIGS / name)  # reads no weights
    assert model.config("unet")["in_channels"] == model.config("vae")["latent_channels"] == 4
    for part in PARTS[family]:
        assert model.config(part)


@pytest.mark.parametrize("part", ["unet", "text_encoder"])
def test_weights_stored_in_fp8_are_read_as_what_is_computed_in(
    files: dict[str, Path], tmp_path: Path, data_dir: Path, part: str
) -> None:
    folder, small = data_dir / "models" / "sd15", tmp_path / "fp8.safetensors"
    eight = torch.float8_e4m3fn
    save_file({name: weight.to(eight) for name, weight in load_file(files["sd15"]).items()}, small)
    found = ModelFile(small, "sd15", folder).read(part, torch.float32).state_dict()
    for name, weight in ModelFolder(folder).read(part, torch.float32).state_dict().items():
        assert found[name].dtype == weight.dtype
        if weight.is_floating_point():
            assert torch.equal(found[name], weight.to(eight).to(weight.dtype)), name


def test_sd2_pads_its_prompts_as_it_was_trained() -> None:
    file = CONFIGS / "clip_merges.txt"
    padding = [
        ModelFile(file, "sd15", CONFIGS / name).read("tokenizer", torch.float32).pad_token_id
        for name in ("sd15", "sd2", "sd2-v")
    ]
    assert padding == [49407, 0, 0]
