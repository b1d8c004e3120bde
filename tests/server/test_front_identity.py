"""P4 over HTTP: a record paints with the weights that it was made with, or says why not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import pentimento

BLUEPRINT = Path(pentimento.__file__).parent / "starter/blueprint/pytorch_lora_weights.safetensors"


@pytest.fixture
def running(launch):
    return launch()


def add(front, name, *, other=False):
    """The starter's LoRA under another name, or weights that are not its."""
    file = front.data / "loras" / f"{name}.safetensors"
    file.parent.mkdir(exist_ok=True)
    shutil.copy(BLUEPRINT, file)
    if other:
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
    return file


def ids(front):
    found = front.call("GET", "/v1/models").json["loras"]
    return {lora["title"]: lora["id"] for lora in found}


def test_p4_a_record_is_painted_with_its_own_lora_or_refused(running):
    first = add(running, "画风")
    chosen = ids(running)["画风"]
    job = running.finished(running.start({"prompt": "a lake", "loras": [{"id": chosen}]}))
    record = job["record"]["request"]
    add(running, "水墨", other=True)
    assert ids(running)["画风"] == chosen
    again = running.finished(running.start(record))["record"]["request"]
    assert again["loras"] == record["loras"]
    first.rename(first.with_stem("山水"))
    renamed = running.finished(running.start(record))["record"]["request"]
    assert renamed["loras"][0]["id"] == ids(running)["山水"]
    first.with_stem("山水").unlink()
    gone = running.call("POST", "/v1/jobs", record)
    assert (gone.status, gone.code) == (409, "weights_changed")
    add(running, "画风", other=True)
    other = running.call("POST", "/v1/jobs", record)
    assert (other.status, other.code) == (409, "weights_changed")
    assert "not the one that this was made with" in other.json["error"]["message"]


def test_p4_a_numbered_id_of_an_older_record_is_refused_where_it_may_be_several(running):
    add(running, "画风")
    add(running, "水墨", other=True)
    answer = running.call("POST", "/v1/jobs", {"prompt": "a lake", "loras": [{"id": "addon-2"}]})
    assert (answer.status, answer.code) == (400, "ambiguous_id")
    assert "画风" in answer.json["error"]["message"]


def test_s16_a_lora_goes_with_its_data_sheet_and_an_id_of_two_kinds_is_asked_for(running):
    file = add(running, "ink")
    sheet = file.with_name("ink.pentimento.json")
    sheet.write_text('{"default_steps": 4}')
    shutil.copytree(BLUEPRINT.parent.parent / "canny", running.data / "controlnets" / "ink")
    both = running.call("DELETE", "/v1/models/ink")
    assert (both.status, both.code) == (409, "ambiguous_id")
    assert running.call("DELETE", "/v1/models/lora:ink").status == 200
    assert not file.exists()
    assert not sheet.exists()
    assert running.call("DELETE", "/v1/models/ink").status == 200
    assert not (running.data / "controlnets" / "ink").exists()
