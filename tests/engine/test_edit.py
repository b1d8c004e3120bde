"""Editing by instruction: as the models' own pipelines do it, and with our promises kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from PIL import Image
from tests.engine.bench import Bench, photo

from pentimento.backends.base import Event, Step
from pentimento.engine.families import FAMILIES
from pentimento.engine.stop import StopFlag
from pentimento.errors import Cancelled

SIDE, STEPS, SEED = 64, 4, 7
EDITORS = ("flux2-klein",)


def opaque(width: int = SIDE, height: int = SIDE, seed: int = 3) -> np.ndarray:
    picture = photo(width, height, seed)
    picture[..., 3] = 255
    return picture


def pillow(picture: np.ndarray) -> Image.Image:
    return Image.fromarray(picture[..., :3])


def edited(bench: Bench, model: str, **wanted: Any) -> np.ndarray:
    made = bench.make(model, **{"mode": "edit", "source": opaque(), "seed": SEED} | wanted)
    return made.pixels()[..., :3].astype(float)


def by_diffusers(data_dir: Path, model: str, **arguments: Any) -> np.ndarray:
    """What the model's own pipeline makes of the noise that our seed draws, as 0..255."""
    pipe = DiffusionPipeline.from_pretrained(data_dir / "models" / model)
    pipe.set_progress_bar_config(disable=True)
    channels, factor = (32, 16) if model == "flux2-klein" else (4, 8)
    shape = (1, channels, SIDE // factor, SIDE // factor)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(SEED))
    wanted = {
        "prompt": "a red ball",
        "latents": FAMILIES[pipe_family(model)].start(noise),
        "num_inference_steps": STEPS,
        "width": SIDE,
        "height": SIDE,
        "output_type": "np",
    }
    return pipe(**wanted | arguments).images[0] * 255


def pipe_family(model: str) -> str:
    return model


def test_klein_edits_as_its_own_pipeline_does(bench: Bench, data_dir: Path) -> None:
    further = [opaque(96, 64, seed) for seed in (5, 6)]
    references = [{"image": picture} for picture in further]
    ours = edited(bench, "flux2-klein", references=references)
    pictures = [pillow(picture) for picture in (opaque(), *further)]
    wanted = by_diffusers(data_dir, "flux2-klein", image=pictures, guidance_scale=3.5)
    assert ours.std() > 1
    assert np.abs(ours - wanted).max() < 1.0


@pytest.mark.parametrize("model", EDITORS)
def test_the_source_and_the_words_count_and_strength_does_not(bench: Bench, model: str) -> None:
    plain = edited(bench, model)
    assert np.array_equal(edited(bench, model, strength=0.1), plain)
    for other in ({"source": opaque(seed=4)}, {"prompt": "a blue box"}, {"seed": SEED + 1}):
        assert not np.array_equal(edited(bench, model, **other), plain)


@pytest.mark.parametrize("model", EDITORS)
def test_the_next_picture_is_free_of_the_source(bench: Bench, model: str) -> None:
    """The hooks are off the model, after an edit that was stopped half-way too."""
    stop = StopFlag()

    def stop_at_the_second(event: Event) -> None:
        if isinstance(event, Step) and event.step == 2:
            stop.set()

    before = bench.make(model, mode="txt2img", width=SIDE, height=SIDE).pixels()
    job = bench.job(model, mode="edit", source=opaque())
    with pytest.raises(Cancelled):
        bench.run(job, on_event=stop_at_the_second, stop=stop)
    after = bench.make(model, mode="txt2img", width=SIDE, height=SIDE).pixels()
    assert before.tobytes() == after.tobytes()


def test_outside_of_a_mask_the_source_stays(bench: Bench) -> None:
    source = photo(96, 64)
    mask = np.zeros((64, 96), np.uint8)
    mask[:, 32:64], mask[:, 64:] = 128, 255
    made = bench.make("flux2-klein", mode="edit", source=source, mask=mask)
    result = made.pixels()
    assert result[:, :32].tobytes() == source[:, :32].tobytes()
    free = bench.make("flux2-klein", mode="edit", source=source).pixels()
    assert result[:, 64:].tobytes() == free[:, 64:].tobytes()
    change = np.abs(result[..., :3].astype(float) - source[..., :3]).mean((0, 2))
    assert 0 < change[32:64].mean() < change[64:].mean()
    assert np.array_equal(result[..., 3], source[..., 3])


def test_an_observed_edit_is_the_same_and_shows_its_stages(bench: Bench) -> None:
    wanted = {"mode": "edit", "source": opaque(), "count": 2, "preview": True}
    plain = bench.make("flux2-klein", **wanted)
    seen = bench.make("flux2-klein", **wanted, observe=True)
    for index in range(2):
        assert plain.pixels(index).tobytes() == seen.pixels(index).tobytes()
    assert plain.pixels(0).tobytes() != plain.pixels(1).tobytes()
    assert {preview.step for preview in plain.previews} >= {1, STEPS}
    facts = plain.images[0].facts
    assert (facts["strength"], facts["steps_run"], facts["start_noise"]) == (1.0, STEPS, 1.0)
    codes = [result.name for result in seen.events if getattr(result, "kind", "") == "stage"]
    assert codes[:3] == ["source", "round_trip", "noised_start"]
    assert codes[-1] == "result"


def test_regions_and_loras_work_in_an_edit(bench: Bench) -> None:
    plain = edited(bench, "flux2-klein")
    left = np.zeros((SIDE, SIDE), np.uint8)
    left[:, : SIDE // 2] = 255
    region = {"mask": left, "prompt": "a blue box"}
    assert not np.array_equal(edited(bench, "flux2-klein", regions=[region]), plain)
    lora = {"id": "flux2-klein-1", "weight": 1.0}
    assert not np.array_equal(edited(bench, "flux2-klein", loras=[lora]), plain)
    assert np.array_equal(edited(bench, "flux2-klein", loras=[lora | {"weight": 0}]), plain)
