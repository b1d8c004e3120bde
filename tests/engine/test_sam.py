"""SAM 2.1 as a segmenter: a tiny model of the real classes gives the numbers of transformers' own
forward pass; its embedding is kept, it can be stopped, and without it GrabCut selects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.engine.bench import IMAGE, MASK, Bench, photo, store
from tests.support.tiny_annotators import write_sam2
from transformers import Sam2Model

from pentimento.core.errors import Cancelled, NotFound
from pentimento.core.geometry import Box
from pentimento.engine.cancel import StopFlag
from pentimento.engine.job import segmenters
from pentimento.engine_ipc.messages import EngineJob
from pentimento.imaging import matting
from pentimento.imaging.object_selection import Click, bounds_of, reach_of
from pentimento.jobs.plan import resolve
from pentimento.models.library.registry import Registry
from pentimento.schema.job import GRABCUT, JobRequest
from pentimento.schema.task import Task

NAME, SIDE = "sam2.1-tiny", 128
ON, BESIDE, BOX = Click(30, 40), Click(80, 10, wanted=False), Box(12, 8, 60, 50)
PROMPTS: dict[str, tuple[tuple[Click, ...], Box | None]] = {
    "click": ((ON,), None),
    "clicks": ((ON, BESIDE), None),
    "box": ((), BOX),
    "box and clicks": ((ON, BESIDE), BOX),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("选择 “sam”")
    torch.manual_seed(11)
    write_sam2(folder / "annotators" / NAME)
    return folder


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    segmenters.forget()


def opaque(width: int, height: int) -> np.ndarray:
    picture = photo(width, height).copy()
    picture[..., 3] = 255
    return picture


def job(bench: Bench, data: Path, picture: np.ndarray, **asked: Any) -> EngineJob:
    registry = Registry(data)
    file = store(picture, bench.folder / f"{picture.shape}-{picture.sum()}.raw")
    blob = IMAGE if picture.sum() % 2 else IMAGE[::-1]
    body = {"mode": "select", "source": {"blob": blob}, **asked}
    request = resolve(JobRequest.model_validate(body), registry, None)
    task = Task("select", request, {blob: file}, bench.folder / "made")
    return EngineJob(task, None, registry.annotators.places(request))


def hints(clicks: tuple[Click, ...], box: Box | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "points": [{"x": one.x, "y": one.y, "label": int(one.wanted)} for one in clicks]
    }
    if box:
        found["box"] = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
    return found


def reference(
    data: Path,
    picture: np.ndarray,
    clicks: tuple[Click, ...],
    box: Box | None,
    rough: np.ndarray | None = None,
) -> np.ndarray:
    """As the model's own page tells to do it, pixels in and masks out in one pass."""
    height, width = picture.shape[:2]
    model = Sam2Model.from_pretrained(data / "annotators" / NAME).eval()
    whole = torch.from_numpy(picture).permute(2, 0, 1)[None]
    seen = torch.nn.functional.interpolate(
        whole, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False
    )
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    values = torch.stack([(seen[0, c].float() / 255 - mean[c]) / std[c] for c in range(3)])[None]
    more: dict[str, Any] = {}
    if clicks:
        more["input_points"] = torch.tensor(
            [[[[one.x * SIDE / width, one.y * SIDE / height] for one in clicks]]]
        )
        more["input_labels"] = torch.tensor([[[int(one.wanted) for one in clicks]]])
    if box:
        across, down = SIDE / width, SIDE / height
        corners = [box.x * across, box.y * down, box.right * across, box.bottom * down]
        more["input_boxes"] = torch.tensor([[corners]])
    if rough is not None:
        more["input_masks"] = torch.from_numpy(np.where(rough, 10.0, -10.0))[None, None].float()
    single = len(clicks) == 1 and box is None
    with torch.no_grad():
        answer = model(pixel_values=values, multimask_output=single, **more)
        best = int(answer.iou_scores[0, 0].argmax()) if single else 0
        large = torch.nn.functional.interpolate(
            answer.pred_masks[0], (height, width), mode="bilinear", align_corners=False
        )
    return large[0, best].numpy()


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_numbers_are_those_of_transformers(bench: Bench, data: Path, prompt: str) -> None:
    picture, (clicks, box) = opaque(100, 70)[..., :3], PROMPTS[prompt]
    folder = data / "annotators" / NAME
    segmenter = segmenters.Segmenter(bench.worker._shared, folder, StopFlag())
    embedding, _known = segmenter.embedding(picture, "a")
    found = segmenter.logits(embedding, (70, 100), clicks, box)
    wanted = reference(data, np.ascontiguousarray(picture), clicks, box)
    assert np.abs(found - wanted).max() <= 1e-5 * max(1.0, np.abs(wanted).max())
    assert (wanted > 0).any()
    assert (wanted < 0).any()
    outcome = bench.run(job(bench, data, opaque(100, 70), **hints(clicks, box)))
    alpha = matting.soft_alpha(
        np.ascontiguousarray(picture), wanted > 0, matting.band_of((70, 100))
    )
    mask = outcome.pixels()[..., 0]
    assert np.abs(mask - np.rint(alpha * 255)).max() <= 1
    assert outcome.images[0].facts["segmenter"] == NAME


def test_the_embedding_is_kept_for_the_next_click_and_only_for_that_picture(
    bench: Bench, data: Path
) -> None:
    first = bench.run(job(bench, data, opaque(64, 48), **hints((ON,), None)))
    second = bench.run(job(bench, data, opaque(64, 48), **hints((ON,), None)))
    again = bench.run(job(bench, data, opaque(64, 48), transparent_fill="white"))
    kept = [one.images[0].facts["embedding_kept"] for one in (first, second, again)]
    assert kept == [False, True, False]
    assert first.pixels().tobytes() == second.pixels().tobytes()


def test_the_object_comes_along_and_without_hints_the_middle_is_asked_for(
    bench: Bench, data: Path
) -> None:
    made = bench.run(job(bench, data, opaque(64, 48), cut_out=True))
    boxed = bench.run(
        job(bench, data, opaque(64, 48), **hints((), Box(3, 2, 58, 44)), cut_out=True)
    )
    assert [image.facts.get("cut_out") for image in made.images] == [None, True]
    assert made.pixels().tobytes() == boxed.pixels().tobytes()
    assert np.array_equal(made.pixels(1)[..., 3], made.pixels(0)[..., 0])


def test_it_can_be_stopped(bench: Bench, data: Path) -> None:
    stop = StopFlag()
    stop.set()
    with pytest.raises(Cancelled):
        bench.run(job(bench, data, opaque(64, 48)), stop=stop)
    done = bench.run(job(bench, data, opaque(64, 48)))
    assert done.images[0].facts["embedding_kept"] is False


def test_the_model_can_be_named_and_none_is_needed(data: Path, tmp_path: Path) -> None:
    assert Registry(data).annotators.segmenter(None) == NAME
    assert Registry(data).annotators.segmenter(GRABCUT) == GRABCUT
    assert Registry(tmp_path).annotators.segmenter(None) == GRABCUT
    with pytest.raises(NotFound, match="sam-9"):
        Registry(data).annotators.segmenter("sam-9")


def test_a_rough_selection_is_a_prompt_of_its_own_and_holds_the_object(
    bench: Bench, data: Path
) -> None:
    """The numbers are those of transformers with the mask as its prompt; away from the
    selection's edge the selection stays."""
    picture = opaque(100, 70)
    rough = np.zeros((70, 100), np.uint8)
    rough[10:60, 20:75] = 255
    rough[10:20, 20:30] = 0
    segmenter = segmenters.Segmenter(bench.worker._shared, data / "annotators" / NAME, StopFlag())
    embedding, _known = segmenter.embedding(picture[..., :3], "a")
    box = bounds_of(rough > 0)
    found = segmenter.logits(embedding, (70, 100), (), box, rough > 0)
    wanted = reference(data, np.ascontiguousarray(picture[..., :3]), (), box, rough > 0)
    assert np.abs(found - wanted).max() <= 1e-5 * max(1.0, np.abs(wanted).max())
    plain = reference(data, np.ascontiguousarray(picture[..., :3]), (), box)
    assert np.abs(plain - wanted).max() > 1e-3
    asked = job(bench, data, picture, mask={"blob": MASK})
    asked.task.inputs[MASK] = store(rough, bench.folder / "rough.raw")
    mask = bench.run(asked).pixels()[..., 0]
    inside, outside = matting.known(rough > 0, reach_of(rough > 0) + matting.band_of((70, 100)))
    assert inside.any()
    assert outside.any()
    assert (mask[inside] == 255).all()
    assert not mask[outside].any()
