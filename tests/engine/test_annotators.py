"""Maps that take a model: drawn by tiny models of the real classes, as jobs and inside of jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.engine.bench import IMAGE, Bench, photo, store
from tests.support import tiny_annotators

from pentimento.core.errors import BadInput
from pentimento.engine_ipc.messages import EngineJob
from pentimento.imaging import control_maps
from pentimento.jobs.plan import resolve
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest
from pentimento.schema.task import Task

KINDS = ("depth", "normal", "seg", "openpose")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("annotated")
    torch.manual_seed(5)
    tiny_annotators.write_depth(folder / "annotators" / "depth-anything")
    tiny_annotators.write_segments(folder / "annotators" / "segformer")
    tiny_annotators.write_people(folder / "annotators" / "rt-detr")
    tiny_annotators.write_joints(folder / "annotators" / "vitpose")
    return folder


def drawn(bench: Bench, data: Path, kind: str, picture: np.ndarray) -> Any:
    """The outcome of a job of the mode `preprocess`."""
    registry = Registry(data)
    file = store(picture, bench.folder / f"{kind}-{picture.shape}.raw")
    asked = {"mode": "preprocess", "source": {"blob": IMAGE}, "controls": [{"type": kind}]}
    request = resolve(JobRequest.model_validate(asked), registry, None)
    task = Task("map", request, {IMAGE: file}, bench.folder / kind)
    return bench.run(EngineJob(task, None, registry.annotators.places(request)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_map_is_drawn_at_the_pictures_size(bench: Bench, data: Path, kind: str) -> None:
    outcome = drawn(bench, data, kind, photo(90, 70))
    found = outcome.pixels()[..., :3]
    assert found.shape == (70, 90, 3)
    assert found.std() > 0
    assert outcome.facts["drawn"] == kind
    if kind == "seg":
        colors = {tuple(color) for color in control_maps.SEGMENT_COLORS.tolist()}
        assert {tuple(color) for color in found.reshape(-1, 3).tolist()} <= colors
    if kind == "depth":
        assert (found.min(), found.max()) == (0, 255)
        assert (found[..., 0] == found[..., 2]).all()
    again = drawn(bench, data, kind, photo(90, 70))
    assert again.pixels().tobytes() == outcome.pixels().tobytes()
    assert "loaded" in again.facts


def test_dpt_sees_depth_as_well(bench: Bench, tmp_path: Path) -> None:
    tiny_annotators.write_dpt(tmp_path / "data" / "annotators" / "dpt")
    found = drawn(bench, tmp_path / "data", "depth", photo(64, 48)).pixels()
    assert int(found[..., 0].max()) - int(found[..., 0].min()) > 200


def test_what_is_not_installed_is_refused_with_what_it_takes(tmp_path: Path) -> None:
    annotators = Registry(tmp_path).annotators
    assert annotators.drawable() == ["canny", "scribble", "lineart", "softedge", "tile"]
    assert "Depth Anything" in annotators.missing()["depth"]
    with pytest.raises(BadInput, match=r"people .* joints") as refused:
        annotators.require("openpose", "controls.0")
    assert refused.value.code == "cannot_draw"
    assert "annotators/" in refused.value.hint


def test_a_pickle_is_no_annotator(tmp_path: Path, data: Path) -> None:
    folder = tmp_path / "annotators" / "depth"
    folder.mkdir(parents=True)
    config = data / "annotators" / "depth-anything" / "config.json"
    (folder / "config.json").write_bytes(config.read_bytes())
    (folder / "pytorch_model.bin").write_bytes(b"PK\x03\x04")
    assert "pickle" in Registry(tmp_path).annotators.missing()["depth"]


def test_everything_can_be_drawn_once_the_models_are_there(data: Path) -> None:
    assert Registry(data).annotators.missing() == {}
