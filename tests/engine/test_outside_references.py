"""IP-Adapters and image encoders as other programs keep them: files that lie apart."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from tests.engine.bench import Bench, photo
from tests.support.tiny_addons import write_ip_adapter
from tests.support.tiny_models import write_sd15
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from pentimento.core.errors import JobFailed
from pentimento.models.library.registry import Registry

ADAPTER, ENCODER = "ipadapter/ip-adapter_sd15.safetensors", "clip_vision/CLIP-ViT-H.safetensors"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """ComfyUI's folder."""
    (tmp_path / "ComfyUI" / "models" / "checkpoints").mkdir(parents=True)
    return tmp_path / "ComfyUI" / "models"


@pytest.fixture
def registry(tmp_path: Path, program: Path) -> Registry:
    """The same adapter twice: in a folder with its encoder, and as ComfyUI has both."""
    data = tmp_path / "data"
    write_sd15(data / "models" / "sd15")
    folder = write_ip_adapter(data / "models" / "sd15", data / "ip_adapters" / "own")
    shutil.rmtree(folder / "image_encoder")
    sizes = {"hidden_size": 1280, "intermediate_size": 16, "projection_dim": 16}
    config = CLIPVisionConfig(
        **sizes,
        num_hidden_layers=2,
        num_attention_heads=16,
        image_size=32,
        patch_size=16,
        hidden_act="gelu",
    )
    CLIPVisionModelWithProjection(config).save_pretrained(folder / "image_encoder")
    for place, file in (
        (ADAPTER, folder / "ip-adapter.safetensors"),
        (ENCODER, folder / "image_encoder" / "model.safetensors"),
    ):
        (program / place).parent.mkdir()
        shutil.copy(file, program / place)
    found = Registry(data)
    found.inventory.folders.add(program.parent)
    return found


def make(bench: Bench, adapter: str) -> bytes:
    asked = {"mode": "txt2img", "width": 64, "height": 64, "steps": 2}
    shown = [{"image": photo(90, 60), "model": adapter}]
    return bench.make("sd15", **asked, references=shown).pixels().tobytes()


def test_it_counts_as_the_same_one_in_a_folder_of_ours(bench: Bench, registry: Registry) -> None:
    known = {adapter.id: adapter for adapter in registry.ip_adapters.list()}
    assert {name: adapter.problem for name, adapter in known.items()} == {
        "own": "",
        "ip-adapter_sd15": "",
    }
    assert make(bench, "ip-adapter_sd15") == make(bench, "own")


def test_without_its_encoder_it_says_which_one_is_missing(
    registry: Registry, program: Path
) -> None:
    (program / ENCODER).unlink()
    adapter = registry.ip_adapters.get("ip-adapter_sd15")
    assert not adapter.ok
    assert "image encoder (CLIP, 16 wide) lies in none" in adapter.problem


def test_an_encoder_that_lacks_weights_is_refused(
    bench: Bench, registry: Registry, program: Path
) -> None:
    weights = load_file(program / ENCODER)
    del weights["vision_model.encoder.layers.1.mlp.fc1.bias"]
    save_file(weights, program / ENCODER)
    with pytest.raises(JobFailed, match="lacks 1 weights"):
        make(bench, "ip-adapter_sd15")
