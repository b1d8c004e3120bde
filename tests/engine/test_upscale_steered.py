"""Detail that is painted over an enlarged picture: by a ControlNet for tiles, and by regions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engine.bench import IMAGE, Bench, photo
from tests.support.tiny_addons import write_controlnet
from tests.support.tiny_models import write_sd15, write_sdxl

from pentimento.core.geometry import Size
from pentimento.jobs import plan
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest

SIZE = Size(72, 56)
ASKED: dict[str, Any] = {
    "mode": "upscale",
    "scale": 1.5,
    "upscaler": "plain",
    "detail": 0.8,
    "strength": 0.5,
    "faithfulness": 0.0,
}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of this file's own: elsewhere there is no ControlNet for tiles."""
    folder = tmp_path_factory.mktemp("steered")
    sd15 = write_sd15(folder / "models" / "sd15")
    write_sdxl(folder / "models" / "sdxl")
    write_controlnet(sd15, folder / "controlnets" / "sd15-tile")
    return folder


@pytest.fixture(scope="module")
def registry(data_dir: Path) -> Registry:
    return Registry(data_dir)


def resolved(registry: Registry, **wanted: Any) -> JobRequest:
    asked = JobRequest.model_validate(
        {"mode": "upscale", "source": {"blob": IMAGE}, "model": "sd15"} | wanted
    )
    return plan.resolve(asked, registry, SIZE)


def made(bench: Bench, **wanted: Any) -> np.ndarray:
    source = photo(SIZE.width, SIZE.height)
    source[..., 3] = 255
    outcome = bench.run(bench.job(source=source, **(ASKED | wanted)))
    left = {file.name for file in outcome.images[0].file.path.parent.iterdir() if file.is_dir()}
    assert left == set()
    return outcome.pixels()[..., :3].astype(int)


def test_a_controlnet_for_tiles_keeps_to_the_picture_as_far_as_is_asked(
    registry: Registry,
) -> None:
    [tile] = resolved(registry, detail=0.5, faithfulness=0.8).controls
    assert (tile.type, tile.model, tile.preprocess) == ("tile", "sd15-tile", True)
    assert (tile.weight, tile.end) == (pytest.approx(0.82), pytest.approx(0.7))
    [free] = resolved(registry, detail=0.5, faithfulness=0.0).controls
    assert (free.weight, free.end) == (pytest.approx(0.3), pytest.approx(0.3))
    own = [{"type": "tile", "preprocess": True, "weight": 0.1}]
    assert resolved(registry, detail=0.5, controls=own).controls[0].weight == pytest.approx(0.1)
    assert resolved(registry, detail=0.5, model="sdxl").controls == []
    assert resolved(registry).controls == []


def test_it_steers_what_is_painted(bench: Bench) -> None:
    plain = made(bench)
    steered = made(bench, controls=[{"type": "tile", "preprocess": True}])
    assert plain.shape == (84, 108, 3)
    assert np.abs(plain - steered).max() > 2


def test_words_of_a_region_count_where_it_lies_in_the_small_picture(bench: Bench) -> None:
    right = np.zeros((SIZE.height, SIZE.width), np.uint8)
    right[:, SIZE.width // 2 :] = 255
    plain = made(bench)
    changed = np.abs(made(bench, regions=[{"mask": right, "prompt": "雪 “snow” é"}]) - plain)
    third = changed.shape[1] // 3
    shares = [changed[:, part * third :][:, :third].mean() for part in range(3)]
    assert shares[2] > 4 * shares[0], shares
    assert shares[2] > shares[1], shares


@pytest.mark.parametrize(
    ("field", "entry"),
    [
        ("controls", {"type": "tile"}),
        ("regions", {"mask": {"blob": IMAGE}, "prompt": "snow"}),
        ("references", {"image": {"blob": IMAGE}}),
    ],
)
def test_without_detail_there_is_nothing_to_steer(field: str, entry: dict[str, Any]) -> None:
    asked = {"mode": "upscale", "source": {"blob": IMAGE}, field: [entry]}
    with pytest.raises(ValueError, match="without detail"):
        JobRequest.model_validate(asked)
    JobRequest.model_validate(asked | {"detail": 0.3})
