"""Enlarging: parts against the whole, depths, transparency, networks from files, cancelling."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file
from tests.engine.bench import IMAGE, Outcome, photo, store
from tests.support.awkward_pictures import scene, u16

from pentimento.core.errors import Cancelled, JobFailed
from pentimento.core.geometry import Size
from pentimento.engine.cancel import StopFlag
from pentimento.engine.upscale import loading
from pentimento.engine.upscale.compact import Compact
from pentimento.engine.worker import Worker
from pentimento.engine_ipc.messages import EngineJob
from pentimento.imaging import pixels
from pentimento.imaging.enlarge import Enlargement, Learned
from pentimento.imaging.resample import Axis, resampled
from pentimento.models.library.parts.upscaler import PLACE, SHIPPED
from pentimento.schema.job import JobRequest
from pentimento.schema.task import Event, Step, Task

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {  # of spandrel: the class, and a tiny one
    "ESRGAN": (
        "ESRGAN.__arch.RRDB.RRDBNet",
        {"in_nc": 3, "out_nc": 3, "num_filters": 8, "num_blocks": 2, "scale": 4},
    ),
    "SPAN": (
        "SPAN.__arch.span.SPAN",
        {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 16, "upscale": 2},
    ),
    "SwinIR": (
        "SwinIR.__arch.SwinIR.SwinIR",
        {
            "upscale": 2,
            "img_size": 64,
            "window_size": 8,
            "depths": [2, 2],
            "embed_dim": 24,
            "num_heads": [2, 2],
            "mlp_ratio": 2,
            "upsampler": "pixelshuffle",
        },
    ),
    "DAT": (
        "DAT.__arch.DAT.DAT",
        {
            "img_size": 64,
            "upscale": 2,
            "depth": [2],
            "embed_dim": 24,
            "num_heads": [2],
            "expansion_factor": 2,
        },
    ),
}


@given(data=st.data(), length=st.integers(1, 90), made=st.integers(1, 300))
def test_a_part_of_a_side_is_what_the_whole_side_has_there(
    data: st.DataObject, length: int, made: int
) -> None:
    axis = Axis(length, made)
    start = data.draw(st.integers(0, made - 1))
    stop = data.draw(st.integers(start + 1, made))
    values = np.random.default_rng(length).random(length).astype(np.float32)
    whole = axis.weights(0, made) @ values
    low, high = axis.needed(start, stop)
    part = axis.weights(start, stop)
    np.testing.assert_allclose(part.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(part @ values[low:high], whole[start:stop], atol=1e-5)


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0, 3.7, 8.0])
def test_an_even_picture_stays_even(depth: str, scale: float) -> None:
    even = np.empty((37, 53, 4), np.float32)
    even[:] = (0.2, 0.6, 1.0, 1.0)
    source = pixels.to_depth(even, depth)
    made = whole(source, scale)
    assert made.dtype == source.dtype
    assert made.shape[:2] == (round(37 * scale), round(53 * scale))
    assert (made == source[0, 0]).all() or np.abs(made - source[0, 0]).max() < 1e-5


def test_at_scale_one_arithmetic_changes_nothing() -> None:
    source = u16(np.dstack([scene(61, 43)[..., :3], np.ones((43, 61))]))
    np.testing.assert_array_equal(whole(source, 1.0), source)


def test_what_is_transparent_has_no_color_that_bleeds() -> None:
    source = np.zeros((40, 40, 4), np.uint8)  # transparent black
    source[10:30, 10:30] = (255, 0, 0, 255)
    for learned in (None, of_file(SHIPPED / "x2.safetensors")):
        made = whole(source, 2.0, learned)
        seen = made[..., 3] > 8
        assert made[seen][:, 0].min() > 235, "the edge is dark"
        assert made[..., 3].min() == 0
        assert made[..., 3].max() == 255


def test_light_beyond_white_is_kept() -> None:
    source = np.ones((30, 30, 4), np.float32)
    source[10:20, 10:20, :3] = 4.0
    for learned in (None, of_file(SHIPPED / "x2.safetensors")):
        assert whole(source, 2.0, learned)[30, 30, 0] == pytest.approx(4.0, abs=0.1)


def test_parts_are_not_seen_in_what_the_shipped_network_makes() -> None:
    source = photo(150, 131)
    for scale in (2.0, 1.7):
        parts = of_file(SHIPPED / "x2.safetensors", part=32)
        at_once = of_file(SHIPPED / "x2.safetensors", part=1000)
        made, expected = whole(source, scale, parts), whole(source, scale, at_once)
        assert np.abs(made.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_file_of_each_architecture_makes_in_tiles_what_it_makes_at_once(
    name: str, tmp_path: Path
) -> None:
    file = written(name, tmp_path / "放大 “x2”.safetensors")
    source = photo(200, 168)
    source[..., 3] = 255
    loaded = loading.load(file, 2)
    assert loaded.kind == name
    tiled = whole(source, float(loaded.scale), learned_by(loaded, part=64))
    at_once = whole(source, float(loaded.scale), learned_by(loaded, part=1000))
    assert tiled.shape == (168 * loaded.scale, 200 * loaded.scale, 4)
    assert np.abs(tiled.astype(int) - at_once).max() <= 1
    assert len(np.unique(tiled)) > 20


def test_files_that_are_no_upscaler_are_refused_in_words(tmp_path: Path) -> None:
    foreign = tmp_path / "fremd 外.safetensors"
    save_file({"layers.0.weight": torch.zeros(4, 4)}, foreign)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes((SHIPPED / "x2.safetensors").read_bytes()[:9000])
    half = tmp_path / "half.safetensors"
    weights = Compact(2, 8, 2).state_dict()
    save_file({name: value for name, value in weights.items() if "body.2" not in name}, half)
    for file in (foreign, cut, half):
        with pytest.raises(JobFailed) as caught:
            loading.load(file, 2)
        assert caught.value.code == "model_damaged"
        assert file.name in caught.value.message


def test_the_shipped_network_beats_lanczos_on_photographs_that_it_never_saw() -> None:
    """Both are held out in training/upscaler.py."""
    gains = []
    for name in ("photo.jpg", "coffee.jpg"):
        picture = np.asarray(Image.open(EXAMPLES / name).convert("RGB"))
        height, width = (side - side % 2 for side in picture.shape[:2])
        picture = picture[:height, :width]
        half = Image.fromarray(picture).resize((width // 2, height // 2), Image.Resampling.BICUBIC)
        small = pixels.with_alpha(np.asarray(half))
        errors = [
            psnr(whole(small, 2.0, learned)[..., :3], picture)
            for learned in (None, of_file(SHIPPED / "x2.safetensors"))
        ]
        gains.append(errors[1] - errors[0])
    assert min(gains) > 0.5, gains
    assert np.mean(gains) > 0.8, gains


def test_a_job_writes_the_whole_result_and_tells_its_tiles(tmp_path: Path) -> None:
    source = pixels.to_depth(photo(180, 95), "uint16")
    made = run(job(source, tmp_path, SHIPPED, scale=3.0))
    [image] = made.images
    assert (image.file.width, image.file.height) == (540, 285)
    assert made.pixels().dtype == np.uint16
    assert image.facts["architecture"] == "Compact"
    assert made.steps[-1].step == made.steps[-1].steps == image.facts["tiles"]
    again = run(job(source, tmp_path / "again", SHIPPED, scale=3.0))
    np.testing.assert_array_equal(again.pixels(), made.pixels())


def test_parts_are_not_seen_where_the_network_is_used_twice(tmp_path: Path) -> None:
    source = photo(180, 95)
    made = run(job(source, tmp_path, SHIPPED, scale=3.0)).pixels()
    loaded = loading.load(SHIPPED, 3.0)

    @torch.inference_mode()
    def twice(seen: np.ndarray) -> np.ndarray:
        picture = torch.from_numpy(seen).permute(2, 0, 1)[None]
        larger = loaded(loaded(picture).clamp(0, 1))
        return larger[0].permute(1, 2, 0).numpy()

    at_once = whole(source, 3.0, Learned(twice, loaded.scale**2, 0, loaded.multiple, 4096))
    assert np.abs(made.astype(int) - at_once).max() <= 1


def test_cancelling_within_a_tile_leaves_nothing_behind(tmp_path: Path) -> None:
    stop = StopFlag()
    asked = job(photo(700, 600), tmp_path, SHIPPED, scale=2.0)
    seen: list[Event] = []

    def stop_after_the_first(event: Event) -> None:
        seen.append(event)
        if isinstance(event, Step):
            stop.set()

    with pytest.raises(Cancelled):
        Worker().run(asked, stop_after_the_first, stop)
    assert sum(isinstance(event, Step) for event in seen) == 1
    left = [file for file in asked.task.output_dir.iterdir() if file.suffix != ".icc"]
    assert left == []


def whole(source: np.ndarray, scale: float, learned: Learned | None = None) -> np.ndarray:
    size = Size(source.shape[1], source.shape[0]).scaled(scale)
    made = list(Enlargement(source, size, learned).bands(lambda number: None))
    return np.concatenate(made)


def of_file(file: Path, part: int = 256) -> Learned:
    return learned_by(loading.load(file, 2), part)


def learned_by(loaded: loading.Loaded, part: int) -> Learned:
    @torch.inference_mode()
    def network(seen: np.ndarray) -> np.ndarray:
        picture = torch.from_numpy(seen).permute(2, 0, 1)[None]
        return loaded(picture)[0].permute(1, 2, 0).numpy()

    return Learned(network, loaded.scale, loaded.margin, loaded.multiple, part)


def written(name: str, file: Path) -> Path:
    """A file of that architecture with random weights."""
    if not all(importlib.util.find_spec(needed) for needed in ("spandrel", "einops")):
        pytest.skip("spandrel is not installed")
    loading._spandrel()
    place, sizes = ARCHITECTURES[name]
    module, _, kind = place.rpartition(".")
    torch.manual_seed(5)
    net = getattr(importlib.import_module(f"spandrel.architectures.{module}"), kind)(**sizes)
    save_file({key: value.clone() for key, value in net.state_dict().items()}, file)
    return file


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    inside = slice(4, -4)
    error = (one[inside, inside].astype(float) - other[inside, inside]) ** 2
    return float(10 * np.log10(255**2 / error.mean()))


def job(source: np.ndarray, folder: Path, network: Path | None, **wanted: Any) -> EngineJob:
    folder.mkdir(exist_ok=True)
    inputs = {IMAGE: store(source, folder / "source.raw")}
    fields = {"mode": "upscale", "source": {"blob": IMAGE}, "seed": 1} | wanted
    task = Task("1", JobRequest.model_validate(fields), inputs, folder / "out")
    return EngineJob(task, None, {PLACE: network} if network else {})


def run(asked: EngineJob) -> Outcome:
    outcome = Outcome()
    outcome.facts = Worker().run(asked, outcome.events.append, StopFlag())
    return outcome


def test_resampling_keeps_its_channels_apart() -> None:
    part = np.zeros((5, 7, 3), np.float32)
    part[..., 1] = 1
    made = resampled(part, Axis(5, 10).weights(0, 10), Axis(7, 21).weights(0, 21))
    assert made.shape == (10, 21, 3)
    np.testing.assert_allclose(made[..., 1], 1, atol=1e-5)
    np.testing.assert_allclose(made[..., [0, 2]], 0, atol=1e-5)
