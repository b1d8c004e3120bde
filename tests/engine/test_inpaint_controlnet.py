"""ControlNets that read the picture around a selection: as diffusers' own pipeline has them, chosen
by themselves where new content begins with the surroundings, and refused where there are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    ControlNetModel,
    DDIMScheduler,
    DiffusionPipeline,
    StableDiffusionControlNetInpaintPipeline,
)
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from tests.engine.bench import Bench, photo
from tests.support.tiny_addons import write_controlnet
from tests.support.tiny_inpaint_models import write_sd15_inpaint
from tests.support.tiny_models import write_sd15, write_sdxl

from pentimento.core.errors import BadInput
from pentimento.core.geometry import Size, Work
from pentimento.engine.conditioning import controlnet
from pentimento.imaging.canvas import Canvas
from pentimento.imaging.pixels import to_float
from pentimento.models.library.registry import Registry
from pentimento.schema.job import PixelFormat

WIDTH, HEIGHT, STEPS, SEED = 96, 64, 4, 7
NET = "control_v11p_sd15_inpaint"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fill")
    sd15 = write_sd15(folder / "models" / "sd15")
    write_sd15_inpaint(folder / "models" / "sd15-inpaint")
    write_sdxl(folder / "models" / "sdxl")
    write_controlnet(sd15, folder / "controlnets" / NET)
    write_controlnet(sd15, folder / "controlnets" / "sd15-canny")
    return folder


@pytest.fixture(scope="module")
def registry(data_dir: Path) -> Registry:
    return Registry(data_dir)


def source() -> np.ndarray:
    picture = photo(WIDTH, HEIGHT)
    picture[..., 3] = 255
    return picture


def mask() -> np.ndarray:
    found = np.zeros((HEIGHT, WIDTH), np.uint8)
    found[16:48, 24:72] = 255
    return found


def fill(bench: Bench, model: str = "sd15", **wanted: Any) -> Any:
    asked: dict[str, Any] = {"mode": "inpaint", "source": source(), "mask": mask()}
    asked |= {"steps": STEPS, "seed": SEED, "sampler": "DDIM"}
    return bench.make(model, **asked | wanted)


def test_it_fills_as_diffusers_does(
    bench: Bench, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the same noise, over the same levels; the source's latents are the most likely ones in
    both."""
    ours = fill(bench, controls=[{"type": "inpaint"}], color_match=False).pixels()[..., :3]
    parts = DiffusionPipeline.from_pretrained(data_dir / "models" / "sd15").components
    parts["controlnet"] = ControlNetModel.from_pretrained(data_dir / "controlnets" / NET)
    exact = {"timestep_spacing": "trailing", "set_alpha_to_one": True, "clip_sample": False}
    parts["scheduler"] = DDIMScheduler.from_config(parts["scheduler"].config, **exact)
    pipe = StableDiffusionControlNetInpaintPipeline(**parts)
    pipe.set_progress_bar_config(disable=True)
    monkeypatch.setattr(DiagonalGaussianDistribution, "sample", lambda one, *_, **__: one.mode())
    picture = torch.from_numpy(to_float(source())[..., :3]).permute(2, 0, 1)[None]
    hole = torch.from_numpy(mask() / np.float32(255))[None, None]
    shape = (1, 4, HEIGHT // 8, WIDTH // 8)
    wanted = pipe(
        "a red ball",
        negative_prompt="",
        image=picture,
        mask_image=hole,
        control_image=torch.where(hole > 0.5, torch.tensor(-1.0), picture),
        latents=torch.randn(shape, generator=torch.Generator().manual_seed(SEED)),
        controlnet_conditioning_scale=1.0,
        strength=1.0,
        guidance_scale=3.5,
        num_inference_steps=STEPS,
        width=WIDTH,
        height=HEIGHT,
        output_type="np",
    ).images[0]
    inside = mask() > 0
    assert ours[inside].std() > 1
    assert np.abs(ours[inside] - wanted[inside] * 255).max() < 1.0
    assert (ours[~inside] == source()[~inside][:, :3]).all()
    plain = fill(bench, color_match=False).pixels()[..., :3].astype(int)
    assert np.abs(plain[inside] - ours[inside]).max() > 5


def test_what_is_selected_is_marked_and_what_is_around_is_the_picture(bench: Bench) -> None:
    """Also what is selected a little, since it may change."""
    soft = np.float32(mask())
    soft[60, 90] = 1
    size = Size(WIDTH, HEIGHT)
    canvas = Canvas(size, Work.whole(size), PixelFormat.RGBA_U8, source(), soft)
    asked: dict[str, Any] = {"mode": "inpaint", "source": source(), "mask": mask()}
    job = bench.job(**asked, controls=[{"type": "inpaint"}])
    hint = controlnet.steering(job, canvas, lambda _, picture: picture)[0].hint
    seen = hint[0].permute(1, 2, 0).numpy()
    assert (seen[soft > 0] == -1).all()
    np.testing.assert_array_equal(seen[soft == 0], to_float(source())[soft == 0][:, :3])


def test_new_content_that_begins_with_the_surroundings_takes_it_by_itself(bench: Bench) -> None:
    for intent in ("fill", "remove", "replace_background"):
        chosen = bench.job(mode="inpaint", source=source(), mask=mask(), intent=intent)
        assert [(one.type, one.model) for one in chosen.task.request.controls] == [("inpaint", NET)]
    made = fill(bench, intent="fill").pixels()
    off = fill(bench, intent="fill", controls=[{"type": "inpaint", "weight": 0.0}]).pixels()
    assert (made[mask() > 0] != off[mask() > 0]).any()
    assert (made[mask() == 0] == source()[mask() == 0]).all()
    for other in ({}, {"intent": "add"}, {"intent": "refine", "strength": 0.5}):
        asked: dict[str, Any] = {"mode": "inpaint", "source": source(), "mask": mask()}
        assert bench.job(**asked | other).task.request.controls == []
    for model in ("sd15-inpaint", "sdxl"):  # it fills without; none fits
        asked = {"mode": "inpaint", "source": source(), "mask": mask(), "intent": "fill"}
        assert bench.job(model, **asked).task.request.controls == []


def test_in_tiles_and_beside_another_control_it_counts_too(bench: Bench) -> None:
    both = [{"type": "inpaint"}, {"type": "canny"}]
    made = fill(bench, controls=both, strength=0.6, observe=True)
    alone = fill(bench, controls=[{"type": "inpaint"}], strength=0.6)
    assert (made.pixels() != alone.pixels()).any()
    assert (made.pixels()[mask() == 0] == source()[mask() == 0]).all()


@pytest.mark.parametrize(
    "wanted",
    [
        {"mode": "txt2img", "width": 64, "height": 64},
        {"mode": "img2img", "source": source()},
        {"mode": "inpaint", "source": source(), "mask": mask(), "image": source()},
    ],
    ids=["txt2img", "img2img", "a picture of its own"],
)
def test_it_needs_a_selection_and_no_map(bench: Bench, wanted: dict[str, Any]) -> None:
    wanted = dict(wanted)
    one = {"type": "inpaint"} | ({"image": wanted.pop("image")} if "image" in wanted else {})
    with pytest.raises(BadInput, match="reads the source around a selection"):
        bench.job(**wanted, controls=[one])


def test_the_list_knows_it(registry: Registry) -> None:
    told = {one.id: one.controls for one in registry.addons.of("controlnet")}
    assert told[NET] == ("inpaint",)
    assert told["sd15-canny"] == ("canny",)
