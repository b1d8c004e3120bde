"""A workflow of the user's own at ComfyUI, chosen as a model or by a style: it gets what its titles
ask for and stays as it is elsewhere; what is outside a selection stays exact."""

from __future__ import annotations

import copy
import json
from typing import Any
from urllib.parse import quote

import pytest
from tests.remote.setup import Setup
from tests.remote.standins.comfyui import ComfyUI
from tests.remote.test_comfyui_replay import FILL
from tests.remote.test_job import photograph, selection

from pentimento.core.errors import BadInput
from pentimento.services.own_workflows import FOLDER, read

WORDS = "eine Brücke, 橋 “soft” 🌉"
TITLES = {
    "2": "pentimento: prompt",
    "3": "Pentimento:negative",
    "4": "pentimento: source",
    "7": "pentimento: seed, Steps, strength",
    "9": "pentimento: result",
}


def titled(titles: dict[str, str]) -> dict[str, Any]:
    """As ComfyUI exports it, with a second output before the result's."""
    nodes = copy.deepcopy(FILL)
    nodes["6"]["inputs"]["mask"] = ["4", 1]
    preview = {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}}
    nodes = {"10": preview | {"_meta": {"title": "Preview Image"}}, **nodes}
    for number, title in titles.items():
        nodes[number]["_meta"] = {"title": title}
    return nodes


@pytest.fixture
def comfyui(setup: Setup) -> ComfyUI:
    stand_in = ComfyUI()
    setup.use("comfyui", stand_in)
    return stand_in


def keep(setup: Setup, name: str, nodes: Any) -> None:
    folder = setup.data / FOLDER
    folder.mkdir(exist_ok=True)
    text = nodes if isinstance(nodes, str) else json.dumps(nodes)
    (folder / f"{name}.json").write_text(text, "utf-8-sig")


def request(setup: Setup, **more: Any) -> dict[str, Any]:
    asked = {"mode": "inpaint", "backend": "comfyui", "prompt": WORDS, "negative_prompt": "雨"}
    asked |= {"source": setup.source(photograph()), "mask": setup.source(selection())}
    return asked | {"strength": 0.6, "seed": 11, "steps": 9, "guidance": 3.5} | more


def inputs(stand_in: ComfyUI, number: str) -> dict[str, Any]:
    return dict(stand_in.workflow[number]["inputs"])


def test_it_gets_what_its_titles_ask_for_and_nothing_else(setup: Setup, comfyui: ComfyUI) -> None:
    keep(setup, "ink", titled(TITLES))
    job = setup.run(request(setup, model="workflow.ink"))
    assert job["status"] == "succeeded", job["error"]
    assert inputs(comfyui, "2")["text"] == WORDS
    assert inputs(comfyui, "3")["text"] == "雨"
    assert inputs(comfyui, "4")["image"].startswith("pentimento/")
    sampler = inputs(comfyui, "7")
    asked = {"seed": 11, "steps": 9, "denoise": 0.6}
    assert sampler == FILL["7"]["inputs"] | asked  # its guidance is its own
    assert comfyui.workflow["5"] == FILL["5"]
    assert "answered_size" not in job["images"][0]["facts"]  # that of the node titled result
    kept = selection() == 0
    assert (setup.pixels(job)[kept] == photograph()[kept]).all()
    assert (setup.pixels(job)[~kept] != photograph()[~kept]).any()


def test_a_style_chooses_it(setup: Setup, comfyui: ComfyUI) -> None:
    keep(setup, "ink", titled(TITLES))
    style = {"prompt": "{prompt}, ink drawing", "model": "workflow.ink", "steps": 4}
    path = f"/v1/styles/{quote('Tusche 墨')}"
    assert setup.front.call("PUT", path, style).status in (200, 201)
    asked = request(setup, style="Tusche 墨")
    del asked["steps"]
    job = setup.run(asked)
    assert job["status"] == "succeeded", job["error"]
    assert inputs(comfyui, "2")["text"] == f"{WORDS}, ink drawing"
    assert inputs(comfyui, "7")["steps"] == 4


def test_it_is_in_the_list_of_models(setup: Setup, comfyui: ComfyUI) -> None:
    keep(setup, "ink", titled(TITLES))
    keep(setup, "no name ü", titled(TITLES))
    assert "workflow.ink" in setup.entry("comfyui")["models"]
    answer = setup.front.call("POST", "/v1/backends/comfyui/check", {})
    assert answer.json["models"][:1] == ["workflow.ink"]
    assert not [name for name in answer.json["models"] if "ü" in name]
    assert "workflow.ink" not in setup.entry("fal")["models"]


def test_one_that_takes_no_picture_is_refused_before_anything_is_sent(
    setup: Setup, comfyui: ComfyUI
) -> None:
    titles = {number: title for number, title in TITLES.items() if number != "4"}
    keep(setup, "words", titled(titles))
    answer = setup.front.call("POST", "/v1/jobs", request(setup, model="workflow.words"))
    assert answer.code == "bad_workflow"
    assert "pentimento: source" in answer.json["error"]["message"]
    loras = request(setup, model="workflow.words", loras=[{"id": "detail"}])
    assert setup.front.call("POST", "/v1/jobs", loras).status == 400
    assert comfyui.calls == []


@pytest.mark.parametrize("name", ["gone", "broken", "editor", "../outside", "a/b", "x.y"])
def test_what_is_no_workflow_is_told(setup: Setup, comfyui: ComfyUI, name: str) -> None:
    keep(setup, "broken", "{not json")
    keep(setup, "../outside", titled(TITLES))
    keep(setup, "editor", {"nodes": [], "links": [], "version": 0.4})
    answer = setup.front.call("POST", "/v1/jobs", request(setup, model=f"workflow.{name}"))
    assert answer.code == "bad_workflow"
    assert comfyui.calls == []


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("pentimento: sead", "sead"),
        ("pentimento: seed, ", "“”"),
        ("pentimento: width", "width"),  # a sampler has none
        ("pentimento: prompt", "prompt"),
    ],
)
def test_a_title_that_cannot_be_met_is_named(title: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        read("ink", titled({"7": title}))
    assert said in caught.value.message


@pytest.mark.parametrize("title", ["KSampler", "my pentimento: seed", "", 7, None, ["pentimento"]])
def test_other_titles_ask_for_nothing(title: Any) -> None:
    assert read("ink", titled({"7": title})).places == {}
