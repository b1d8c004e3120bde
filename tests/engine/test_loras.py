"""LoRAs: what they do, what fits, and what is refused. That they leave no trace in any family is in
test_family_matrix.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.engine.bench import Bench
from tests.support.tiny_flow_models import WRITERS

from pentimento.core.errors import BadInput, JobFailed, NotFound
from pentimento.jobs.plan import resolve
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest

SIZE = {"mode": "txt2img", "width": 64, "height": 64}


def loras(**weights: float) -> list[dict[str, Any]]:
    return [{"id": name.replace("_", "-"), "weight": weight} for name, weight in weights.items()]


def test_a_lora_is_loaded_once(bench: Bench) -> None:
    bench.make(loras=loras(sd15_1=1.0), **SIZE)
    again = bench.make(loras=loras(sd15_1=0.7), **SIZE)
    assert again.facts["loaded"] == []


def test_the_starters_lora_makes_blueprints(bench: Bench) -> None:
    """White lines on blue, whatever the prompt says of colours."""
    asked = SIZE | {"width": 128, "height": 128, "prompt": "a red house, blueprint", "steps": 6}
    blue = []
    for weights in ({}, {"blueprint": 1.0}):
        pictures = [
            bench.make("starter", loras=loras(**weights), seed=seed, **asked).pixels()
            for seed in range(2)
        ]
        red_green_blue = np.mean([p[..., :3].mean((0, 1)) for p in pictures], axis=0)
        blue.append(red_green_blue[2] - red_green_blue[0])
    assert blue[1] > blue[0] + 20


def test_what_does_not_fit_is_refused(registry: Registry) -> None:
    with pytest.raises(BadInput, match="not made for models like"):
        resolve(JobRequest(model="sd15", loras=loras(sdxl_1=1.0)), registry, None)
    with pytest.raises(BadInput, match="not made for models like"):
        resolve(JobRequest(model="flux", loras=loras(sd15_1=1.0)), registry, None)
    with pytest.raises(BadInput, match="not made for models like"):
        resolve(JobRequest(model="z-image", loras=loras(qwen_image_1=1.0)), registry, None)
    with pytest.raises(NotFound, match="no LoRA called"):
        resolve(JobRequest(model="sd15", loras=loras(unknown=1.0)), registry, None)


def test_a_file_that_fits_by_its_header_only_fails_in_words(
    bench: Bench, data_dir: Path, registry: Registry
) -> None:
    """The right width of embeddings, the wrong layers."""
    file = data_dir / "loras" / "strange.safetensors"
    weights = load_file(data_dir / "loras" / "sd15-1.safetensors")
    save_file(
        {name: torch.zeros(2, w.shape[1] if "attn2" in name else 5) for name, w in weights.items()},
        file,
    )
    try:
        with pytest.raises(JobFailed, match="cannot be used with this model"):
            bench.make(loras=loras(strange=1.0), **SIZE)
        assert bench.make(**SIZE).pixels().std() > 0
    finally:
        file.unlink()


@pytest.mark.parametrize("model", WRITERS)
@pytest.mark.parametrize("fault", ["a layer's width", "a norm"])
def test_a_file_that_would_change_a_transformer_for_good_leaves_it_as_it_is(
    bench: Bench, data_dir: Path, model: str, fault: str
) -> None:
    """diffusers itself widens layers of FLUX.1 and overwrites its norms."""
    before = bench.make(model, **SIZE).pixels()
    file = data_dir / "loras" / "strange.safetensors"
    weights = load_file(data_dir / "loras" / f"{model}-1.safetensors")
    name = next(name for name in weights if "lora_B" in name)
    if fault == "a norm":
        weights[name.replace("to_q.lora_B", "norm_q").replace("to_k.lora_B", "norm_k")] = (
            torch.full((16,), 9.0)
        )
    else:
        weights[name] = torch.cat([weights[name]] * 2)
    save_file(weights, file)
    try:
        with pytest.raises(JobFailed, match="cannot be used with this model") as failed:
            bench.make(model, loras=loras(strange=1.0), **SIZE)
        assert failed.value.code == "lora_unusable"
    finally:
        file.unlink()
    after = bench.make(model, **SIZE).pixels()
    assert before.tobytes() == after.tobytes()
