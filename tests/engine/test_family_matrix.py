"""Every family keeps every promise: a row is a model, a column is a claim.

The models are tiny ones of the real classes with random weights, and the starter, whose weights are
trained. Whatever the rows go through, the picture made first has to come out again to the byte.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.engine.bench import Bench, Outcome, photo

from pentimento.core.errors import Cancelled
from pentimento.engine.cancel import StopFlag
from pentimento.engine.worker import Worker
from pentimento.imaging import decode
from pentimento.jobs.plan import make_plan
from pentimento.models.library.registry import Registry
from pentimento.models.tables.architectures import FAMILIES
from pentimento.schema.plan import PlanRequest
from pentimento.schema.task import Event, Preview, Step

SIDE, STEPS = 64, 3
WORDS: dict[str, Any] = {"mode": "txt2img", "width": SIDE, "height": SIDE, "steps": STEPS}
STRENGTHS = (0.1, 0.5, 0.9)
OTHER_WORDS = "a boat"


@dataclass(frozen=True)
class Row:
    family: str
    loras: tuple[str, ...] = ()  # that fit it
    control: str = ""  # a ControlNet for edges that fits it
    trained: bool = False  # so that its pictures are like their sources and previews


def two_of(model: str) -> tuple[str, str]:
    return f"{model}-1", f"{model}-2"


ROWS = {
    "sd15": Row("sd15", two_of("sd15"), "sd15-canny"),
    "starter": Row("sd15", ("blueprint",), "canny", trained=True),  # predicts v, zero SNR
    "sdxl": Row("sdxl", two_of("sdxl"), "sdxl-canny"),
    "sd15-inpaint": Row("sd15", two_of("sd15-inpaint"), "sd15-canny"),
    "sdxl-inpaint": Row("sdxl", two_of("sdxl-inpaint"), "sdxl-canny"),
    "sd3": Row("sd3", two_of("sd3"), "sd3-canny"),
    "flux": Row("flux", two_of("flux"), "flux-canny"),
    "flux-schnell": Row("flux", two_of("flux-schnell"), "flux-canny"),
    "flux-fill": Row("flux", two_of("flux-fill")),
    "flux2-klein": Row("flux2-klein", two_of("flux2-klein")),
    "flux2-dev": Row("flux2-dev", two_of("flux2-dev")),
    "z-image": Row("z-image", two_of("z-image"), "z-image-union"),
    "qwen-image": Row("qwen-image", two_of("qwen-image"), "qwen-canny"),
    "chroma": Row("chroma", two_of("chroma")),
    "ernie-image": Row("ernie-image", two_of("ernie-image")),
    "krea2": Row("krea2", two_of("krea2")),
    "longcat-image": Row("longcat-image", two_of("longcat-image")),
    "ovis-image": Row("ovis-image", two_of("ovis-image")),
    "lumina2": Row("lumina2", two_of("lumina2")),
}
every = pytest.mark.parametrize("model", ROWS)


@pytest.fixture(scope="module")
def first(
    worker: Worker, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], bytes]:
    """The pixels a model made of `WORDS` before it was asked for anything else."""
    bench = Bench(worker, registry, tmp_path_factory.mktemp("first"))
    return cache(lambda model: plain(bench, model))


def plain(bench: Bench, model: str, **changes: Any) -> bytes:
    return bench.make(model, **WORDS | changes).pixels().tobytes()


def shown(preview: Preview) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(preview.jpeg)).convert("RGB"), float)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one[..., :3].astype(float) - other[..., :3]).mean())


def test_there_is_a_row_for_every_family(registry: Registry) -> None:
    assert {row.family for row in ROWS.values()} == set(FAMILIES)
    for model, row in ROWS.items():
        assert registry.get(model).family == row.family


@every
def test_words_and_seed_make_a_picture_and_the_same_ones_the_same(
    bench: Bench, first: Callable[[str], bytes], model: str
) -> None:
    picture = np.frombuffer(first(model), np.uint8).reshape(SIDE, SIDE, 4)
    assert picture[..., :3].std() > 1
    others = {plain(bench, model, seed=8), plain(bench, model, prompt=OTHER_WORDS)}
    assert len(others | {first(model)}) == 3
    assert plain(bench, model) == first(model)


@every
def test_the_lower_the_strength_the_nearer_to_the_source(
    bench: Bench, first: Callable[[str], bytes], registry: Registry, model: str
) -> None:
    source = photo(SIDE, SIDE)

    def changed(strength: float, picture: np.ndarray = source) -> Outcome:
        asked = {"mode": "img2img", "source": picture, "strength": strength, "preview": True}
        return bench.make(model, **asked, steps=STEPS)

    untouched = shown(changed(0.02).previews[-1])
    made = [changed(strength) for strength in STRENGTHS]
    apart = [distance(one.pixels(), source) for one in made]
    latents_apart = [distance(shown(one.previews[-1]), untouched) for one in made]
    for distances in (apart, latents_apart):
        assert all(nearer < farther for nearer, farther in itertools.pairwise(distances))
    assert not ROWS[model].trained or apart[0] < apart[-1] / 4
    negative = changed(STRENGTHS[0], np.ascontiguousarray(255 - source))
    assert distance(shown(negative.previews[-1]), shown(made[0].previews[-1])) > 1
    for strength, one in zip(STRENGTHS, made, strict=True):
        facts, plan = one.images[0].facts, planned(registry, model, strength)
        assert len(one.steps) == facts["steps_run"] == plan.steps_run
        assert facts["start_noise"] == pytest.approx(plan.start_noise, abs=1e-6)
    whole = changed(1.0)
    assert whole.pixels()[..., :3].tobytes() == opaque(first(model)).tobytes()


def planned(registry: Registry, model: str, strength: float) -> Any:
    request = {"mode": "img2img", "model": model, "strength": strength, "steps": STEPS}
    rectangle = {"x": 0, "y": 0, "width": SIDE, "height": SIDE}
    asked = {"source": rectangle, "sampler": "Euler"} | request
    return make_plan(PlanRequest.model_validate(asked), registry)


def opaque(picture: bytes) -> np.ndarray:
    return np.frombuffer(picture, np.uint8).reshape(SIDE, SIDE, 4)[..., :3]


@every
def test_a_soft_fill_is_exact_outside_and_in_proportion_at_its_edge(
    bench: Bench, model: str
) -> None:
    source, mask = photo(96, SIDE), np.zeros((SIDE, 96), np.uint8)
    mask[:, 32:64], mask[:, 64:] = 128, 255
    asked = {"mode": "inpaint", "source": source, "strength": 0.8, "steps": STEPS}
    made = bench.make(model, **asked, mask=mask).pixels()
    assert made[:, :32].tobytes() == source[:, :32].tobytes()
    change = np.abs(made[..., :3].astype(float) - source[..., :3]).mean((0, 2))
    assert 0 < change[32:64].mean() < change[64:].mean()
    assert (made[..., 3] == source[..., 3]).all()
    held = {"mask": np.zeros_like(mask), "composite": False}  # not laid over the source
    kept = [bench.make(model, **asked, **held, seed=seed).pixels().tobytes() for seed in (1, 2)]
    assert kept[0] == kept[1]  # nothing of the noise is left where nothing is selected


@every
def test_steps_and_stages_are_shown_and_come_to_the_result(
    bench: Bench, first: Callable[[str], bytes], model: str
) -> None:
    made = bench.make(model, **WORDS, preview=True, observe=True)
    assert made.pixels().tobytes() == first(model)  # whoever looks changes nothing
    assert [step.step for step in made.steps] == list(range(1, STEPS + 1))
    assert {1, STEPS} <= {preview.step for preview in made.previews}
    previews = [shown(preview) for preview in made.previews]
    assert all(picture.shape == (SIDE, SIDE, 3) for picture in previews)
    assert all(picture.std() > 5 for picture in previews)
    assert distance(previews[0], previews[-1]) > 0
    if ROWS[model].trained:
        result = made.pixels()
        assert distance(previews[-1], result) < min(distance(previews[0], result), 16)
    stages = [stage for stage in made.events if getattr(stage, "kind", "") == "stage"]
    pictures = {stage.name: decode.read(stage.file) for stage in stages}
    early = next(decode.read(stage.file) for stage in stages if stage.name == "estimate")
    assert distance(pictures["estimate"], pictures["decode"]) <= 1
    assert distance(early, pictures["decode"]) > distance(pictures["estimate"], pictures["decode"])


@every
def test_a_job_ends_in_the_step_where_it_is_stopped_and_the_next_one_is_unharmed(
    bench: Bench, first: Callable[[str], bytes], model: str
) -> None:
    stop, seen = StopFlag(), []

    def stop_at_the_second(event: Event) -> None:
        if isinstance(event, Step):
            seen.append(event.step)
            if event.step == 2:
                stop.set()

    with pytest.raises(Cancelled):
        bench.run(bench.job(model, **WORDS | {"steps": 8}), on_event=stop_at_the_second, stop=stop)
    assert seen == [1, 2]
    assert plain(bench, model) == first(model)


@pytest.mark.parametrize("model", [model for model, row in ROWS.items() if row.loras])
def test_loras_count_by_weight_add_up_and_leave_no_trace(
    bench: Bench, first: Callable[[str], bytes], model: str
) -> None:
    def styled(*weights: float) -> bytes:
        loras = zip(ROWS[model].loras, weights, strict=False)
        return plain(bench, model, loras=[{"id": name, "weight": w} for name, w in loras])

    asked = [(1.0,), (0.5,), (0.0, 1.0), (1.0, 1.0)][: 2 * len(ROWS[model].loras)]
    assert len({first(model), *(styled(*weights) for weights in asked)}) == 1 + len(asked)
    assert styled(0.0, 0.0) == first(model)
    assert plain(bench, model) == first(model)


@pytest.mark.parametrize("model", [model for model, row in ROWS.items() if row.control])
def test_a_control_steers_and_one_without_weight_does_not(
    bench: Bench, first: Callable[[str], bytes], model: str
) -> None:
    drawing = np.zeros((SIDE, SIDE, 4), np.uint8)
    drawing[..., 3] = 255
    cv2.circle(drawing, (SIDE // 2, SIDE // 2), SIDE // 3, (255,) * 4, 2)

    def steered(weight: float) -> bytes:
        control = {"type": "canny", "image": drawing, "weight": weight}
        return plain(bench, model, controls=[control | {"model": ROWS[model].control}])

    one = opaque(steered(1.0)).astype(int)
    assert np.abs(one - opaque(first(model))).max() > 3
    assert steered(0.0) == first(model)
    assert plain(bench, model) == first(model)


@every
def test_a_region_of_the_whole_picture_is_its_prompt_and_without_weight_nothing(
    bench: Bench, first: Callable[[str], bytes], model: str
) -> None:
    def covered(weight: float) -> np.ndarray:
        everywhere = np.full((SIDE, SIDE), 255, np.uint8)
        region = {"mask": everywhere, "prompt": OTHER_WORDS, "weight": weight}
        return bench.make(model, **WORDS, regions=[region]).pixels()

    other = bench.make(model, **WORDS, prompt=OTHER_WORDS).pixels()
    assert np.abs(covered(1.0).astype(int) - other).max() <= 1
    assert other.tobytes() != first(model) == covered(0.0).tobytes()
