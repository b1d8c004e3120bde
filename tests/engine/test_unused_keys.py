"""What becomes of every key of a weight file: told where it is not used, refused with counts where
some are missing, in the layout of a model's authors and in folders, too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.engine.test_denoiser_files import AUTHORS, Paint, paint, place, read
from tests.engine.test_unused_weights import told
from tests.support.denoiser_files import COMFYUI, write_denoiser

from pentimento.core.errors import JobFailed
from pentimento.engine.loading.weights import UNUSED

__all__ = ["paint", "place"]  # fixtures

STRANGE = {"odd.重み 🎨.weight": torch.ones(3), "blocks.0.odd.bias": torch.ones(2)}


def with_strange(file: Path, prefix: str = "") -> int:
    """How many weights it has then."""
    weights = load_file(file) | {prefix + name: weight for name, weight in STRANGE.items()}
    save_file(weights, file)
    return len(weights)


@pytest.mark.parametrize("prefix", ["", COMFYUI])
@pytest.mark.parametrize("family", AUTHORS)
def test_a_denoiser_in_its_authors_layout_tells_what_is_not_used(
    place: Path, family: str, prefix: str
) -> None:
    file = place / "风格 mine.safetensors"
    write_denoiser(place / family, file, family, "original", prefix)
    assert getattr(read(file, family, place / family), UNUSED) == ()
    with_strange(file, prefix)
    unused = getattr(read(file, family, place / family), UNUSED)
    assert sorted(unused) == sorted(prefix + name for name in STRANGE)


@pytest.mark.parametrize("layout", ["original", "diffusers"])
def test_the_record_says_how_many(place: Path, paint: Paint, layout: str) -> None:
    file = place / "mine.safetensors"
    write_denoiser(place / "z-image", file, "z-image", layout, COMFYUI)
    total = with_strange(file, COMFYUI)
    for _ in range(2):  # also where it was in memory already
        (params,) = told(paint("mine"))
        assert (params["name"], params["unused"], params["total"]) == ("mine", 2, total)
        assert params["example"] in {COMFYUI + name for name in STRANGE}


@pytest.mark.parametrize("layout", ["original", "diffusers"])
@pytest.mark.parametrize("family", AUTHORS)
def test_a_denoiser_that_lacks_weights_is_refused_with_counts(
    place: Path, family: str, layout: str
) -> None:
    file = place / "short.safetensors"
    write_denoiser(place / family, file, family, layout)
    weights = load_file(file)
    lost = [name for name, weight in weights.items() if weight.ndim == 1][-2:]
    save_file({name: weight for name, weight in weights.items() if name not in lost}, file)
    with pytest.raises(JobFailed) as refused:
        read(file, family, place / family)
    assert refused.value.code == "model_damaged"
    assert "it lacks 2 weights, e.g. " in refused.value.message


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_folder_tells_what_is_not_used(place: Path, paint: Paint, part: str) -> None:
    assert told(paint("sd15")) == []
    (file,) = (place / "sd15" / part).glob("*.safetensors")
    weights = load_file(file)
    file.unlink()  # a link that other tests share
    save_file(weights | STRANGE, file, {"format": "pt"})
    for _ in range(2):
        (params,) = told(paint("sd15"))
        assert (params["name"], params["unused"]) == (f"sd15/{part}", 2)
        assert params["total"] == len(weights) + 2
        assert params["example"] in STRANGE


@pytest.mark.parametrize(
    "model", ["sdxl", "sd3", "flux", "flux2-klein", "qwen-image", "z-image", "krea2"]
)
def test_whole_folders_tell_nothing(place: Path, paint: Paint, model: str) -> None:
    assert told(paint(model)) == []
