"""Another VAE for a job: read in every layout, refused where it does not fit, gone afterwards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from safetensors.torch import load_file, save_file
from tests.engine.bench import Bench
from tests.support.single_file import write_vae_file

from pentimento.core.errors import BadInput, NotFound
from pentimento.jobs.plan import resolve
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest

SIZE = {"mode": "txt2img", "width": 64, "height": 64, "steps": 2}
WEIGHTS = "diffusion_pytorch_model.safetensors"
DARKER = ("dark-folder", "dark-file", "dark-ldm")
LEVELS = 20  # of 255, by which the darker VAE's pictures are darker at least


@pytest.fixture(scope="module")
def vaes(data_dir: Path) -> Path:
    """The SD 1.5 model's own VAE again, a darker one in three layouts, and ones of no use."""
    folder, own = data_dir / "vaes", data_dir / "models" / "sd15" / "vae"
    shutil.copytree(own, folder / "own-again")
    dark = AutoencoderKL.from_pretrained(own)
    with torch.no_grad():
        dark.decoder.conv_out.bias -= 0.4
    dark.save_pretrained(folder / "dark-folder")
    save_file(load_file(folder / "dark-folder" / WEIGHTS), folder / "dark-file.safetensors")
    write_vae_file(folder / "dark-folder", folder / "dark-ldm.safetensors")
    shutil.copytree(data_dir / "models" / "flux" / "vae", folder / "of-flux")
    (folder / "pickled.safetensors").write_bytes(b"PK\x03\x04" + bytes(64))
    return folder


def test_the_models_own_one_changes_nothing(bench: Bench, vaes: Path) -> None:
    own = bench.make(**SIZE)
    again = bench.make(vae="own-again", **SIZE)
    assert again.pixels().tobytes() == own.pixels().tobytes()
    assert (own.facts["vae"], again.facts["vae"]) == ("model", "own-again")


def test_another_one_makes_the_same_pixels_in_every_layout(bench: Bench, vaes: Path) -> None:
    before = bench.make(**SIZE).pixels()
    made = [bench.make(vae=name, **SIZE).pixels() for name in DARKER]
    assert before.mean() - made[0].mean() > LEVELS
    assert {picture.tobytes() for picture in made} == {made[0].tobytes()}
    assert bench.make(**SIZE).pixels().tobytes() == before.tobytes()


def test_it_is_loaded_once(bench: Bench, vaes: Path) -> None:
    bench.make(vae="dark-folder", **SIZE)
    assert bench.make(vae="dark-folder", **SIZE).facts["loaded"] == []


def test_what_does_not_fit_is_refused_with_what_does(registry: Registry, vaes: Path) -> None:
    with pytest.raises(BadInput, match=r"its latents are scaled by 0\.3611") as caught:
        resolve(JobRequest(model="sd15", vae="of-flux"), registry, None)
    assert "dark-folder" in caught.value.hint
    assert "of-flux" not in caught.value.hint
    with pytest.raises(NotFound, match="no VAE called"):
        resolve(JobRequest(model="sd15", vae="unknown"), registry, None)
    with pytest.raises(BadInput, match="pickle"):
        resolve(JobRequest(model="sd15", vae="pickled"), registry, None)


def test_a_file_whose_inside_does_not_fit_fails_in_words(bench: Bench, vaes: Path) -> None:
    weights = load_file(vaes / "dark-folder" / WEIGHTS)
    name = "decoder.mid_block.resnets.0.conv1.weight"
    weights[name] = torch.zeros(3, 3)
    save_file(weights, vaes / "damaged.safetensors")
    with pytest.raises(Exception, match="the VAE damaged cannot be read") as caught:
        bench.make(vae="damaged", **SIZE)
    assert caught.value.code == "model_damaged"


def test_a_tiny_one_makes_previews_and_no_results(
    bench: Bench, vaes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = bench.make(preview=True, **SIZE)
    torch.manual_seed(0)
    tiny = AutoencoderTiny(
        encoder_block_out_channels=(8,) * 4,
        decoder_block_out_channels=(8,) * 4,
        num_encoder_blocks=(1,) * 4,
        num_decoder_blocks=(1,) * 4,
    )
    tiny.save_pretrained(vaes / "taesd")
    config = vaes / "taesd" / "config.json"
    told = json.loads(config.read_text())
    scaling = bench.registry.get("sd15").latent_scaling
    config.write_text(json.dumps(told | {"scaling_factor": scaling}))
    monkeypatch.setenv("PENTIMENTO_FINE_PREVIEWS", "1")
    fine = bench.make(preview=True, **SIZE)
    assert fine.pixels().tobytes() == plain.pixels().tobytes()
    assert fine.previews[0].jpeg != plain.previews[0].jpeg
