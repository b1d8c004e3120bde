"""Repeatability, progress, previews, cancelling and the component cache of the worker."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from tests.engine.bench import Bench, photo

from pentimento.core.errors import Cancelled
from pentimento.core.geometry import Size
from pentimento.engine.cancel import StopFlag
from pentimento.engine.job.preview import LatentRgb
from pentimento.engine.loading.sources import ModelFolder
from pentimento.engine.memory.device import Device
from pentimento.engine.memory.placement import Components
from pentimento.engine.sampling import latents
from pentimento.imaging import model_input, pixels
from pentimento.schema.job import PixelFormat
from pentimento.schema.task import Loading


@pytest.mark.parametrize("sampler", ["Euler a", "DPM++ 2M Karras", "LCM"])
def test_picture_n_of_a_job_has_seed_plus_n(bench: Bench, sampler: str) -> None:
    three = bench.make(count=3, seed=20, sampler=sampler, steps=2)
    assert [image.seed for image in three.images] == [20, 21, 22]
    for index in (1, 2):
        alone = bench.make(seed=20 + index, sampler=sampler, steps=2)
        np.testing.assert_array_equal(three.pixels(index), alone.pixels())


def test_prompt_negative_prompt_and_guidance_count(bench: Bench) -> None:
    variants = [{}, {"prompt": "a boat"}, {"negative_prompt": "red"}, {"guidance": 6.0}]
    for model in ("sd15", "sdxl"):
        results = {bench.make(model, **variant).pixels().tobytes() for variant in variants}
        assert len(results) == len(variants)


def test_without_guidance_the_negative_prompt_has_no_say(bench: Bench) -> None:
    for model in ("sd15", "sdxl"):
        plain = bench.make(model, guidance=1.0)
        other = bench.make(model, guidance=1.0, negative_prompt="red")
        np.testing.assert_array_equal(plain.pixels(), other.pixels())


@pytest.mark.parametrize(
    ("format", "depth"),
    [("rgba-u8", "uint8"), ("rgba-u16", "uint16"), ("rgba-f32", "float32")],
)
def test_a_result_has_its_sources_size_format_and_alpha(
    bench: Bench, format: str, depth: str
) -> None:
    source = pixels.to_depth(photo(70, 45), depth)
    made = bench.make(mode="img2img", source=source, strength=0.5)
    file = made.images[0].file
    assert file.format == PixelFormat(format)
    assert (file.width, file.height) == (70, 45)
    assert file.path.stat().st_size == 70 * 45 * file.format.bytes_per_pixel
    np.testing.assert_array_equal(made.pixels()[..., 3], source[..., 3])


def test_a_text_to_image_result_has_the_asked_size_whatever_the_model_works_at(
    bench: Bench,
) -> None:
    made = bench.make(width=101, height=67)
    assert made.images[0].file.format is PixelFormat.RGB_U8
    assert made.pixels().shape == (67, 101, 4)
    worked_at = made.images[0].facts["generation"]
    assert worked_at["width"] % 16 == worked_at["height"] % 16 == 0


def test_every_step_is_reported_for_every_picture(bench: Bench) -> None:
    made = bench.make(count=2, steps=5)
    told = [(step.image, step.step, step.steps, step.images) for step in made.steps]
    assert told == [(image, step, 5, 2) for image in (0, 1) for step in range(1, 6)]
    assert isinstance(made.events[0], Loading)


def test_previews_come_with_the_first_and_the_last_step(bench: Bench) -> None:
    made = bench.make("starter", preview=True, steps=6, width=96, height=64)
    shown = [preview.step for preview in made.previews]
    assert (shown[0], shown[-1]) == (1, 6)
    picture = Image.open(io.BytesIO(made.previews[-1].jpeg))
    assert picture.format == "JPEG"
    assert picture.size == (96, 64)
    assert not bench.make(preview=False).previews


def test_a_models_own_preview_map_counts(bench: Bench) -> None:
    """Red only, from the first latent; the VAE is not even asked for."""
    sheet = {"latent_rgb": {"matrix": [[1, 0], [0, 0], [0, 0]], "bias": [0, -1, -1]}}
    shown = LatentRgb.of(sheet, lambda: pytest.fail("asked for the VAE"), 4)
    picture = shown.picture(torch.tensor([[[[0.0, 1.0]], [[5.0, 5.0]]]]))
    np.testing.assert_array_equal(picture, [[[127, 0, 0], [255, 0, 0]]])


def test_a_preview_map_is_fitted_where_a_model_brings_none(bench: Bench) -> None:
    """Fitted on a made-up picture, it has to show another one."""
    folder = ModelFolder(bench.spec("starter").path)
    vae = folder.read("vae", torch.float32)
    picture = model_input.model_rgb(photo(), Size(64, 64))
    fitted = LatentRgb.of({}, lambda: vae, 4).picture(latents.encode(vae, picture))
    wanted = cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA) * 255
    assert np.abs(fitted - wanted).mean() < 8


def test_cancelling_takes_effect_inside_a_step(bench: Bench) -> None:
    """The flag is looked at before each block of the networks, not only between steps."""

    class SetAfter(StopFlag):
        def __init__(self, place: int) -> None:
            super().__init__()
            self._place = place

        def check(self) -> None:
            if self.passed == self._place:
                self.set()
            super().check()

    counted = StopFlag()
    bench.run(bench.job(steps=1), stop=counted)
    assert counted.passed > 10
    for place in (1, counted.passed // 2, counted.passed - 1):
        with pytest.raises(Cancelled):
            bench.run(bench.job(steps=1), stop=SetAfter(place))


def test_parts_are_loaded_once_and_shared_between_models(
    bench: Bench, data_dir: Path, tmp_path: Path
) -> None:
    """A second model whose text encoder and VAE are the same files reads its own UNet only."""
    first, second = data_dir / "models" / "shared-a", data_dir / "models" / "shared-b"
    shutil.copytree(data_dir / "models" / "sd15", first)
    shutil.copytree(first, second, copy_function=os.link)
    shutil.rmtree(second / "unet")
    shutil.copytree(first / "unet", second / "unet")
    assert set(bench.make("shared-a").facts["loaded"]) == {
        "unet",
        "vae",
        "text_encoder",
        "tokenizer",
    }
    assert bench.make("shared-a").facts["loaded"] == []
    assert bench.make("shared-b", prompt="other words").facts["loaded"] == ["unet"]
    assert bench.make("shared-a").facts["loaded"] == []


def test_a_changed_file_is_read_again(bench: Bench, data_dir: Path) -> None:
    folder = data_dir / "models" / "changing"
    shutil.copytree(data_dir / "models" / "sd15", folder)
    before = bench.make("changing")
    os.utime(folder / "unet" / "diffusion_pytorch_model.safetensors", (1, 1))
    after = bench.make("changing")
    assert after.facts["loaded"] == ["unet"]
    np.testing.assert_array_equal(before.pixels(), after.pixels())


def test_the_cache_keeps_its_budget_and_drops_the_longest_unused() -> None:
    device = Device(torch.device("cpu"), torch.float32, "cpu")
    cache = Components(device, budget=2 * 4000)

    def use(name: str) -> bool:
        """Whether the part had to be loaded."""
        cache.new_job()
        cache.get(name, name, lambda: torch.nn.Linear(10, 100, bias=False))
        return bool(cache.loads)

    assert [use(name) for name in "aba"] == [True, True, False]
    assert use("c")
    assert cache.names == ["a", "c"]
    assert [use(name) for name in "acb"] == [False, False, True]


def test_repeated_prompts_are_not_encoded_again(bench: Bench) -> None:
    bench.make(prompt="words never said before")
    encoder = next(
        part.value
        for part in reversed(bench.worker._shared.components._parts.values())
        if part.name == "text_encoder"
    )
    calls = []
    hook = encoder.register_forward_pre_hook(lambda *_: calls.append(1))
    bench.make(prompt="words never said before", seed=8)
    assert calls == []
    bench.make(prompt="new words")
    assert calls
    hook.remove()


def test_a_prompt_that_is_too_long_is_used_as_far_as_it_is_read_and_told_of(bench: Bench) -> None:
    model = "sd3"
    words = "a ball and " * 40
    made = bench.make(model, prompt=words, negative_prompt="red", count=2)
    (told,) = made.facts["notices"]
    assert told["code"] == "prompt_cut"
    assert told["params"]["tokens"] > told["params"]["limit"] > 10
    unread = told["params"]["unread"]
    assert unread.replace(" ", "") in words.replace(" ", "")
    assert unread in told["message"]
    assert [image.facts["notices"] for image in made.images] == [[told]] * 2
    longer = bench.make(model, prompt=words + " in a red box", negative_prompt="red", count=2)
    np.testing.assert_array_equal(longer.pixels(), made.pixels())


def test_only_what_is_read_at_all_can_be_too_long(bench: Bench) -> None:
    long = {"negative_prompt": "red " * 60}
    (told,) = bench.make("sd3", **long, guidance=4.0).facts["notices"]
    assert told["code"] == "negative_prompt_cut"
    assert "notices" not in bench.make("sd3", **long, guidance=1.0).facts
