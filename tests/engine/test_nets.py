"""ControlNets of several kinds (union) and T2I-Adapters, and how their maps are recognised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engine.bench import Bench
from tests.engine.test_controls import control
from tests.support.tiny_addons import write_controlnet, write_t2i_adapter, write_union
from tests.support.tiny_models import write_sd15, write_sdxl

from pentimento.core.errors import BadInput
from pentimento.models.library.registry import Registry
from pentimento.models.tables.control_types import TYPES, UNION_MODES
from pentimento.schema.vocabulary import FROM_SELECTION

ASKED: dict[str, Any] = {"mode": "txt2img", "width": 64, "height": 64, "steps": 2}
NETS = [("sdxl", "union"), ("sdxl", "adapter"), ("sd15", "sd15-adapter")]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of this file's own: elsewhere there is no depth ControlNet."""
    folder = tmp_path_factory.mktemp("nets")
    write_sd15(folder / "models" / "sd15")
    sdxl = write_sdxl(folder / "models" / "sdxl")
    nets = folder / "controlnets"
    write_controlnet(sdxl, nets / "sdxl-canny")
    write_union(sdxl, nets / "union")
    write_union(sdxl, nets / "union-of-six", kinds=6)
    write_t2i_adapter(nets / "adapter")
    write_t2i_adapter(nets / "sd15-adapter")
    sheet = {"control": "depth", "family": "sd15", "title": "A depth adapter"}
    (nets / "sd15-adapter" / "pentimento.json").write_text(json.dumps(sheet))
    return folder


@pytest.fixture(scope="module")
def registry(data_dir: Path) -> Registry:
    return Registry(data_dir)


def make(bench: Bench, model: str, **wanted: Any) -> bytes:
    return bench.make(model, **ASKED, **wanted).pixels().tobytes()


@pytest.mark.parametrize(("model", "net"), NETS)
def test_it_steers_in_its_range_and_leaves_no_trace(bench: Bench, model: str, net: str) -> None:
    steered = [
        make(bench, model, controls=[control(type="depth", model=net, **fields)])
        for fields in ({}, {"weight": 0.5}, {"end": 0.5}, {"start": 0.5})
    ]
    plain = make(bench, model)
    assert len({*steered, plain}) == 5
    off = make(bench, model, controls=[control(type="depth", model=net, weight=0)])
    assert off == plain
    again = make(bench, model, controls=[control(type="depth", model=net)])
    assert again == steered[0]


def test_the_kinds_of_a_union_differ(bench: Bench) -> None:
    kinds = ("canny", "depth", "openpose", "seg")
    made = {make(bench, "sdxl", controls=[control(type=kind, model="union")]) for kind in kinds}
    assert len(made) == len(kinds)
    same = make(bench, "sdxl", controls=[control(type="lineart", model="union")])
    assert same in made  # the union was trained on them as one


def test_all_three_kinds_of_networks_together_and_with_regions(bench: Bench) -> None:
    together = [
        control(),
        control(type="depth", model="union", weight=0.4),
        control(type="canny", model="adapter", end=0.5),
    ]
    prompt = "snow"
    made = bench.make("sdxl", **ASKED, prompt=prompt, controls=[dict(one) for one in together])
    mask = np.full((64, 64), 255, np.uint8)
    covered = bench.make(
        "sdxl",
        **ASKED,
        controls=[dict(one) for one in together],
        regions=[{"mask": mask, "prompt": prompt}],
    )
    assert np.abs(made.pixels().astype(int) - covered.pixels()).max() <= 1
    assert made.pixels().tobytes() != make(bench, "sdxl", prompt=prompt, controls=[control()])


def test_a_guided_and_an_unguided_job_take_an_adapter(bench: Bench) -> None:
    steered = [control(type="depth", model="adapter")]
    assert make(bench, "sdxl", guidance=1.0, controls=steered) != make(bench, "sdxl", guidance=1.0)


def test_what_they_take_is_known(registry: Registry) -> None:
    found = {addon.id: addon for addon in registry.addons.list()}
    assert found["union"].controls == tuple(UNION_MODES)
    assert found["union"].control == "union"
    assert (found["sd15-adapter"].control, found["sd15-adapter"].title) == (
        "depth",
        "A depth adapter",
    )
    assert set(UNION_MODES) == {*TYPES, FROM_SELECTION}
    sdxl = registry.get("sdxl")
    assert registry.addons.control_for(sdxl, "canny").id == "sdxl-canny"  # before the union
    assert registry.addons.control_for(sdxl, "openpose").id == "union"
    assert not found["adapter"].fits(registry.get("sd15"))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sheet": {"control": "magic"}}, "wrong value for control"),
        ({"sheet": {"family": 3}}, "wrong value for family"),
        ({"adapter_type": "other"}, "adapter_type other"),
        ({"_class_name": "UNet2DConditionModel"}, "UNet2DConditionModel"),
    ],
)
def test_one_that_cannot_be_used_says_why(
    tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    folder = write_t2i_adapter(tmp_path / "controlnets" / "depth")
    if sheet := changes.pop("sheet", None):
        (folder / "pentimento.json").write_text(json.dumps(sheet))
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    found = {addon.path: addon for addon in Registry(tmp_path).addons.list()}[folder]
    assert not found.ok
    assert problem in found.problem


def test_a_union_without_that_kind_refuses_it(bench: Bench) -> None:
    with pytest.raises(BadInput, match="does not take tile maps"):
        bench.job("sdxl", **ASKED, controls=[control(type="tile", model="union-of-six")])
