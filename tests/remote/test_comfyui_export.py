"""A job written out for ComfyUI: its API takes it, and its editor shows it readably."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from tests.remote.standins.comfyui import NODES, ComfyUI
from tests.support import awkward
from typer.testing import CliRunner

from pentimento.cli import workflow as command
from pentimento.core.errors import BadInput
from pentimento.schema.job import JobRequest
from pentimento.services import comfyui_export as export

BLOB = {"blob": "a" * 64}
JOBS: dict[str, dict[str, Any]] = {
    "text": {"mode": "txt2img", "width": 600, "height": 400},
    "source": {"mode": "img2img", "source": BLOB, "strength": 0.4},
    "selection": {"mode": "inpaint", "source": BLOB, "mask": BLOB, "strength": 0.8},
    "all": {
        "mode": "inpaint",
        "source": BLOB,
        "mask": BLOB,
        "strength": 1.0,
        "loras": [{"id": "detail", "weight": 0.5}, {"id": "oil"}],
        "controls": [{"type": "canny", "weight": 0.7, "image": BLOB}],
        "vae": "mse",
    },
}


def job(name: str, **more: Any) -> JobRequest:
    words = {"prompt": "ein Hügel, 丘 “weich”", "negative_prompt": "雨", "seed": 2**40, "steps": 12}
    return JobRequest.model_validate({**words, "model": "sd15", **JOBS[name], **more})


@pytest.fixture
def comfyui():
    """With the files that the export names."""
    running = ComfyUI(
        checkpoints=("sd15.safetensors",),
        controlnet=("control_canny.safetensors",),
        loras=("detail.safetensors", "oil.safetensors"),
        vae=("mse.safetensors",),
    )
    running.files = dict.fromkeys((export.SOURCE, export.MASK, export.MAP), b"")
    yield running
    running.close()


@pytest.mark.parametrize("name", JOBS)
def test_comfyui_takes_what_is_written_out(comfyui: ComfyUI, name: str) -> None:
    api = export.of_job(job(name)).api
    errors = [error for node in api.values() for error in comfyui._errors(api, node)]
    assert errors == []
    (sampler,) = (one["inputs"] for one in api.values() if one["class_type"] == "KSampler")
    assert (sampler["seed"], sampler["steps"]) == (2**40, 12)
    assert sampler["denoise"] == JOBS[name].get("strength", 1.0)
    assert any(one["class_type"] == "SaveImage" for one in api.values())


@pytest.mark.parametrize("name", JOBS)
def test_the_editor_shows_the_same_graph(name: str) -> None:
    exported = export.of_job(job(name))
    nodes = {node["id"]: node for node in exported.editor["nodes"]}
    links = {link[0]: link[1:] for link in exported.editor["links"]}
    assert len(nodes) == len(exported.api)
    for number, node in exported.api.items():
        shown = nodes[int(number)]
        told = {one["name"]: links[one["link"]] for one in shown["inputs"]}
        wanted = {name: value for name, value in node["inputs"].items() if isinstance(value, list)}
        assert {name: [str(link[0]), link[1]] for name, link in told.items()} == wanted
        for source, slot, target, _place, kind in told.values():
            assert target == shown["id"]
            assert nodes[source]["outputs"][slot]["type"] == kind
        plain = [value for value in node["inputs"].values() if not isinstance(value, list)]
        assert [value for value in shown["widgets_values"] if value in plain] == plain
        assert tuple(one["type"] for one in shown["outputs"]) == NODES[node["class_type"]][1]


@pytest.mark.parametrize("name", JOBS)
def test_nodes_do_not_cover_each_other_and_links_lead_to_the_right(name: str) -> None:
    editor = export.of_job(job(name)).editor
    places = {node["id"]: (*node["pos"], *node["size"]) for node in editor["nodes"]}
    for (ax, ay, aw, ah), (bx, by, bw, bh) in itertools.combinations(places.values(), 2):
        assert ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay
    for _number, source, _slot, target, _place, _kind in editor["links"]:
        assert places[source][0] < places[target][0]


def test_what_has_no_stock_node_is_said() -> None:
    region = {"mask": BLOB, "prompt": "snow"}
    notes = " ".join(export.of_job(job("selection", regions=[region], count=3)).notes)
    for word in ("Regions", "seeds that follow", "Soft edges", export.SOURCE, export.MASK):
        assert word in notes
    with pytest.raises(BadInput, match="edit"):
        export.of_job(JobRequest(mode="edit", prompt="winter", source=BLOB))  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="surroundings"):
        export.of_job(job("selection", filled_by="surroundings"))


@pytest.mark.parametrize("words", awkward.FEW.values(), ids=awkward.FEW)
def test_the_command_writes_a_record_out(tmp_path: Path, words: str) -> None:
    folder = tmp_path / "bücher 本"
    folder.mkdir()
    request = job("text", prompt=words).model_dump(mode="json")
    facts = {"generation": {"width": 640, "height": 432}}
    record = folder / "layer.json"
    record.write_text(json.dumps({"record": {"request": request, "facts": facts}}), "utf-8-sig")
    written = folder / "out.json"
    app = _app()
    answer = CliRunner().invoke(app, [str(record), "--output", str(written), "--api"])
    assert answer.exit_code == 0, answer.output
    made = json.loads(written.read_text("utf-8"))
    (latent,) = (one["inputs"] for one in made.values() if one["class_type"] == "EmptyLatentImage")
    assert (latent["width"], latent["height"]) == (640, 432)
    texts = [one["inputs"].get("text") for one in made.values()]
    assert words in texts


@pytest.mark.parametrize("text", [b"[]", b"{}", b"not json", b'{"record": 7}', b"\xff"])
def test_a_file_that_is_no_record_is_told(tmp_path: Path, text: bytes) -> None:
    record = tmp_path / "x.json"
    record.write_bytes(text)
    answer = CliRunner().invoke(_app(), [str(record), "-o", str(tmp_path / "out.json")])
    assert isinstance(answer.exception, BadInput)
    assert not (tmp_path / "out.json").exists()


def _app() -> Any:
    import typer

    app = typer.Typer()
    app.command()(command.command)
    return app
