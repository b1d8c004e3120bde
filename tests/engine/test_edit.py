"""Editing by instruction: as the models' own pipelines do it, and with our promises kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DiffusionPipeline,
    Flux2KleinPipeline,
    FluxKontextPipeline,
    LongCatImageEditPipeline,
    LongCatImagePipeline,
)
from diffusers.image_processor import VaeImageProcessor
from diffusers.pipelines.flux.pipeline_flux_kontext import PREFERRED_KONTEXT_RESOLUTIONS
from diffusers.pipelines.longcat_image import pipeline_longcat_image_edit as longcat
from diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus import (
    CONDITION_IMAGE_SIZE,
    VAE_IMAGE_SIZE,
    calculate_dimensions,
)
from PIL import Image
from tests.engine.bench import Bench, photo
from tests.support.tiny_addons import write_transformer_lora
from tests.support.tiny_editors import WRITERS, write_editor
from tests.support.tiny_flow_nets import write_all
from transformers import BatchFeature, Qwen2VLImageProcessorPil

from pentimento.core.errors import Cancelled
from pentimento.core.geometry import Size
from pentimento.engine.architectures import FAMILIES
from pentimento.engine.cancel import StopFlag
from pentimento.engine.worker import Worker
from pentimento.imaging import edit_sizes
from pentimento.imaging.pixels import to_depth
from pentimento.imaging.resize import resize
from pentimento.models.library.registry import Registry
from pentimento.models.tables.architectures import EDITS
from pentimento.schema.task import Event, Step

SIDE, STEPS, SEED = 64, 4, 7
NATIVE = 1024  # px of a side at which Kontext and Qwen-Image-Edit read their source
LIGHT = ("flux2-klein", "kontext")  # that read pictures quickly enough to be tried often


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("editors")
    for name in WRITERS:
        write_editor(name, folder / "models" / name)
    lora = folder / "loras" / "strokes.safetensors"
    write_transformer_lora(folder / "models" / "flux2-klein", lora, 1)
    write_all(folder / "controlnets")
    return folder


@pytest.fixture(scope="module")
def registry(data_dir: Path) -> Registry:
    return Registry(data_dir)


def opaque(width: int = SIDE, height: int = SIDE, seed: int = 3) -> np.ndarray:
    picture = photo(width, height, seed)
    picture[..., 3] = 255
    return picture


def pillow(picture: np.ndarray) -> Image.Image:
    return Image.fromarray(picture[..., :3])


def edited(bench: Bench, model: str, **wanted: Any) -> np.ndarray:
    made = bench.make(model, **{"mode": "edit", "source": opaque(), "seed": SEED} | wanted)
    return made.pixels()[..., :3].astype(float)


def own_pipeline(data_dir: Path, model: str) -> Any:
    pipe = DiffusionPipeline.from_pretrained(data_dir / "models" / model, processor=None)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def painted(pipe: Any, family: str, steps: int, **arguments: Any) -> np.ndarray:
    """What the model's own pipeline makes of the noise that our seed draws: `(h, w, 3)` 0..255."""
    channels, factor = (32, 16) if family.startswith("flux2") else (4, 8)
    shape = (1, channels, SIDE // factor, SIDE // factor)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(SEED))
    wanted = {
        "prompt": "a red ball",
        "latents": FAMILIES[family].start(noise),
        "num_inference_steps": steps,
        "width": SIDE,
        "height": SIDE,
        "output_type": "np",
    }
    return pipe(**wanted | arguments).images[0] * 255


def difference(ours: np.ndarray, wanted: np.ndarray) -> float:
    """In levels. What was generated smaller than its source has been enlarged again."""
    size = Size(ours.shape[1], ours.shape[0])
    enlarged = np.clip(resize(np.float32(wanted / 255), size), 0, 1) * 255
    assert ours.std() > 1
    return float(np.abs(ours - enlarged).max())


@pytest.mark.parametrize("model", ["flux2-klein", "flux2-dev"])
def test_flux_2_edits_as_its_own_pipeline_does(bench: Bench, data_dir: Path, model: str) -> None:
    further = [opaque(96, 64, seed) for seed in (5, 6)]
    references = [{"image": picture} for picture in further]
    ours = edited(bench, model, references=references)
    pictures = [pillow(picture) for picture in (opaque(), *further)]
    pipe = own_pipeline(data_dir, model)
    wanted = painted(pipe, model, STEPS, image=pictures, guidance_scale=3.5)
    assert difference(ours, wanted) < 1.0


def test_kontext_edits_as_its_own_pipeline_does(bench: Bench, data_dir: Path) -> None:
    source = opaque(NATIVE, NATIVE)
    ours = edited(bench, "kontext", source=source, steps=2)
    wanted = painted(
        own_pipeline(data_dir, "kontext"),
        *("flux", 2),
        image=pillow(source),
        guidance_scale=3.5,
        max_area=SIDE**2,
    )
    assert difference(ours, wanted) < 1.0


class Words:
    """A processor of the test's own: every picture as its tokens, then the words."""

    def __init__(self, tokenizer: Any, eyes: Any) -> None:
        self.tokenizer, self.eyes = tokenizer, eyes

    def __call__(self, text: list[str], images: list[Image.Image], **options: Any) -> BatchFeature:
        seen = self.eyes(images=images, return_tensors="pt")
        (words,) = text
        for _, rows, columns in seen["image_grid_thw"].tolist():
            pads = "<|a token|>" * (rows // 2 * (columns // 2))
            words = words.replace("<|image_pad|>", pads, 1)
        words = words.replace("<|a token|>", "<|image_pad|>")
        return BatchFeature(self.tokenizer([words], return_tensors="pt") | seen)


class OurSizes(VaeImageProcessor):
    """Changes sizes as we do."""

    def resize(self, image: Any, height: int, width: int, **_: Any) -> Any:
        values = np.float32(np.asarray(image)) / 255
        return Image.fromarray(to_depth(resize(values, Size(width, height)), np.uint8))


def seeing_pipeline(data_dir: Path, model: str) -> Any:
    pipe = own_pipeline(data_dir, model)
    eyes = Qwen2VLImageProcessorPil.from_pretrained(data_dir / "models" / model / "processor")
    pipe.processor = Words(pipe.tokenizer, eyes)
    pipe.image_processor = OurSizes(vae_scale_factor=16)
    return pipe


def tell_where_pictures_are(pipe: Any) -> None:
    picture_token = pipe.tokenizer.convert_tokens_to_ids("<|image_pad|>")

    def tell(_: Any, positional: Any, named: dict[str, Any]) -> Any:
        of_pictures = named["input_ids"] == picture_token
        return positional, named | {"mm_token_type_ids": of_pictures.int()}

    pipe.text_encoder.register_forward_pre_hook(tell, with_kwargs=True)


@torch.no_grad()
def test_qwen_is_told_where_the_pictures_are(data_dir: Path) -> None:
    pipe = seeing_pipeline(data_dir, "qwen-edit-plus")
    pictures = [opaque(56, 84), opaque(84, 56, seed=5)]
    parts = {"text_encoder": pipe.text_encoder, "tokenizer": pipe.tokenizer}
    ours = FAMILIES["qwen-image"].embed_seen(
        (parts | {"processor": pipe.processor.eyes}).__getitem__,
        *("a red ball", "", False),
        [picture[..., :3] for picture in pictures],
        EDITS["qwen-edit-plus"],
    )["prompt_embeds"]
    shown = [pillow(picture) for picture in pictures]
    untold, _ = pipe.encode_prompt("a red ball", image=shown)
    tell_where_pictures_are(pipe)
    told, _ = pipe.encode_prompt("a red ball", image=shown)
    assert torch.equal(ours, told)
    assert not torch.allclose(ours, untold, atol=1e-3)


@pytest.mark.parametrize("model", ["qwen-edit", "qwen-edit-plus"])
def test_qwen_edits_as_its_own_pipeline_does(bench: Bench, data_dir: Path, model: str) -> None:
    """But for one thing: with transformers 5 its pipeline does not tell the text encoder where the
    pictures are, so here it is told."""
    pictures = [opaque(NATIVE, NATIVE)]
    pictures += [opaque(NATIVE, NATIVE, seed=9)] if model == "qwen-edit-plus" else []
    ours = edited(
        *(bench, model),
        source=pictures[0],
        steps=2,
        references=[{"image": picture} for picture in pictures[1:]],
        negative_prompt="a box",
    )
    pipe = seeing_pipeline(data_dir, model)
    tell_where_pictures_are(pipe)
    shown = [pillow(picture) for picture in pictures]
    wanted = painted(
        *(pipe, "qwen-image", 2),
        image=shown if len(shown) > 1 else shown[0],
        negative_prompt="a box",
        true_cfg_scale=3.5,
    )
    assert difference(ours, wanted) < 1.0


def test_longcat_edits_as_its_own_pipeline_does(bench: Bench, data_dir: Path) -> None:
    """But for where its text encoder sees the picture, as with Qwen."""
    source = opaque(NATIVE, NATIVE)
    ours = edited(bench, "longcat-edit", source=source, steps=1, negative_prompt="a box")
    folder = data_dir / "models" / "longcat-edit"
    eyes = Qwen2VLImageProcessorPil.from_pretrained(folder / "text_processor")
    parts = LongCatImagePipeline.from_pretrained(folder, text_processor=None).components
    pipe: Any = LongCatImageEditPipeline(**parts | {"text_processor": Eyes(eyes)})
    pipe.set_progress_bar_config(disable=True)
    pipe.image_processor = OurSizes(vae_scale_factor=16)
    tell_where_pictures_are(pipe)
    noise = torch.randn(1, 16, 128, 128, generator=torch.Generator().manual_seed(SEED))
    wanted = pipe(
        image=pillow(source),
        prompt="a red ball",
        negative_prompt="a box",
        latents=FAMILIES["longcat-image"].pack(noise),
        num_inference_steps=1,
        guidance_scale=3.5,
        output_type="np",
    ).images[0]
    assert difference(ours, wanted * 255) < 1.0


class Eyes:
    """A processor of which nothing is asked but how it sees."""

    def __init__(self, image_processor: Any) -> None:
        self.image_processor = image_processor


def test_qwen_reads_its_instruction_with_the_picture(bench: Bench) -> None:
    """Not with one that the same words were about before; words may name what stands for one, and
    controls steer as well."""
    wanted = {"steps": 1, "guidance": 1.0}
    plain = edited(bench, "qwen-edit-plus", **wanted)
    again = opaque(seed=4)
    other = edited(bench, "qwen-edit-plus", **wanted, source=again)
    named = edited(bench, "qwen-edit-plus", **wanted, prompt="a red <|image_pad|>ball")
    control = {"type": "canny", "model": "qwen-canny"}
    steered = edited(bench, "qwen-edit-plus", **wanted, controls=[control])
    fresh = edited(
        replace(bench, worker=Worker(), number=50), "qwen-edit-plus", **wanted, source=again
    )
    assert np.array_equal(plain, named)
    assert np.array_equal(other, fresh)
    assert not np.array_equal(plain, other)
    assert not np.array_equal(plain, steered)


@pytest.mark.parametrize("width", range(300, 3001, 300))
def test_pictures_are_read_at_the_sizes_of_the_pipelines(width: int) -> None:
    size = Size(width, 1000)
    _, *sides = min((abs(size.aspect - w / h), w, h) for w, h in PREFERRED_KONTEXT_RESOLUTIONS)
    assert edit_sizes.kontext(size) == Size(*sides)
    for rule, area in (
        (edit_sizes.about_one_megapixel, VAE_IMAGE_SIZE),
        (edit_sizes.looked_at, CONDITION_IMAGE_SIZE),
    ):
        assert rule(size) == Size(*calculate_dimensions(area, size.aspect))
    sides = longcat.calculate_dimensions(1024 * 1024, size.aspect)
    assert edit_sizes.whole_megapixel(size) == Size(*sides)
    assert edit_sizes.half_as_wide(size) == Size(*(side // 2 for side in sides))


def test_tokens_of_pictures_lie_where_the_pipelines_put_them() -> None:
    noise, pictures = torch.zeros(1, 4, 16), [torch.randn(1, 4, 4, 6), torch.randn(1, 4, 2, 8)]
    klein = FAMILIES["flux2-klein"].shown(
        {"hidden_states": noise[..., :4], "img_ids": torch.zeros(1, 4, 4)}, pictures
    )
    assert torch.equal(klein["img_ids"][:, 4:], Flux2KleinPipeline._prepare_image_ids(pictures))
    flux = FAMILIES["flux"].shown({"hidden_states": noise, "img_ids": torch.zeros(4, 3)}, pictures)
    places = [
        FluxKontextPipeline._prepare_latent_image_ids(1, *sides, "cpu", torch.float32)
        for sides in ((2, 3), (1, 4))
    ]
    assert torch.equal(flux["img_ids"][4:, 1:], torch.cat(places)[:, 1:])
    assert flux["img_ids"][:, 0].tolist() == [0] * 4 + [1] * 10
    qwen = FAMILIES["qwen-image"].shown(
        {"hidden_states": noise, "img_shapes": [[(1, 2, 2)]]}, pictures
    )
    assert qwen["img_shapes"] == [[(1, 2, 2), (1, 2, 3), (1, 1, 4)]]
    assert flux["hidden_states"].shape == qwen["hidden_states"].shape == (1, 14, 16)


def test_the_source_and_the_words_count_and_strength_does_not(bench: Bench) -> None:
    plain = edited(bench, "flux2-klein")
    assert np.array_equal(edited(bench, "flux2-klein", strength=0.1), plain)
    for other in ({"source": opaque(seed=4)}, {"prompt": "a blue box"}, {"seed": SEED + 1}):
        assert not np.array_equal(edited(bench, "flux2-klein", **other), plain)


def test_a_control_steers_an_edit(bench: Bench) -> None:
    """It steers the noise and leaves the picture that is read alone."""
    wanted = {"steps": 1, "guidance": 1.0}
    control = {"type": "canny", "model": "flux-union"}
    steered = edited(bench, "kontext", **wanted, controls=[control])
    plain = edited(bench, "kontext", **wanted)
    unheard = edited(bench, "kontext", **wanted, controls=[control | {"end": 0.1}])
    assert not np.array_equal(steered, plain)
    assert np.array_equal(unheard, plain)


@pytest.mark.parametrize("model", LIGHT)
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


def test_an_edit_that_is_another_picture_is_kept_whole_and_says_so(bench: Bench) -> None:
    """Random weights paint something else; tests/imaging has edits that change a part."""
    free = bench.make("flux2-klein", mode="edit", source=opaque())
    laid = bench.make("flux2-klein", mode="edit", source=opaque(), only_changes=True)
    assert laid.images[0].facts["changes"] is None
    assert "changes" not in free.images[0].facts
    assert laid.pixels().tobytes() == free.pixels().tobytes()


def test_an_observed_edit_is_the_same_and_shows_its_stages(bench: Bench) -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, SIDE // 2 :] = 200
    wanted = {"mode": "edit", "source": opaque(), "mask": mask, "count": 2, "preview": True}
    plain = bench.make("flux2-klein", **wanted)
    seen = bench.make("flux2-klein", **wanted, observe=True)
    for index in range(2):
        assert plain.pixels(index).tobytes() == seen.pixels(index).tobytes()
    assert plain.pixels(0).tobytes() != plain.pixels(1).tobytes()
    assert {preview.step for preview in plain.previews} >= {1, STEPS}
    facts = plain.images[0].facts
    assert (facts["strength"], facts["steps_run"], facts["start_noise"]) == (1.0, STEPS, 1.0)
    codes = [result.name for result in seen.events if getattr(result, "kind", "") == "stage"]
    assert codes[:4] == ["source", "mask", "round_trip", "noised_start"]
    assert codes[-1] == "composite"


def test_regions_and_loras_work_in_an_edit(bench: Bench) -> None:
    plain = edited(bench, "flux2-klein")
    left = np.zeros((SIDE, SIDE), np.uint8)
    left[:, : SIDE // 2] = 255
    region = {"mask": left, "prompt": "a blue box"}
    assert not np.array_equal(edited(bench, "flux2-klein", regions=[region]), plain)
    lora = {"id": "strokes", "weight": 1.0}
    assert not np.array_equal(edited(bench, "flux2-klein", loras=[lora]), plain)
    assert np.array_equal(edited(bench, "flux2-klein", loras=[lora | {"weight": 0}]), plain)
