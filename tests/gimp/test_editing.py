"""Edit by Instruction in real GIMP: answers of inside/editing.py."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from tests.support.tiny_flow_models import write_flux2_klein

import wire

pytestmark = pytest.mark.gimp


@pytest.fixture(scope="module")
def editor(companion):
    """A model with random weights that follows instructions; gone after these tests."""
    folder = write_flux2_klein(companion.data / "models" / "klein")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def facts(editor, answers):
    return lambda name: answers("editing.py")[name]


def test_a_layer_is_edited_where_it_lies(facts):
    found = facts("whole")
    assert found["error"] == ""
    assert found["name"] == "make it winter · 5"
    assert found["place"] == found["box"] == [13, 9, 64, 48]
    assert not found["masked"]
    assert found["differs"]
    request = found["request"]
    assert (request["mode"], request["model"], request["steps"]) == ("edit", "klein", 2)
    assert found["again"]["mode"] == "edit"
    assert found["again"]["source"] == request["source"]
    assert found["again"]["seed"] != request["seed"]
    assert found["left"] == []


def test_within_a_selection_the_layer_has_it_as_its_mask(facts):
    found = facts("selection")
    assert found["error"] == ""
    assert found["place"] == found["box"]
    assert found["same_mask"]
    assert found["request"]["composite"] is False
    assert found["again"]["mask"] == found["request"]["mask"]
    assert found["left"] == []


def test_all_of_the_source_is_edited_when_the_selection_does_not_count(facts):
    found = facts("not only the selection")
    assert found["error"] == ""
    assert not found["masked"]
    assert "mask" not in found["request"]


def test_two_layers_are_read_along_whole(facts):
    found = facts("read along")
    assert found["error"] == ""
    sent = [
        wire.Pixels("rgba-u8", 40, 30, np.array(data, np.uint8).tobytes())
        for data in found["pixels"]
    ]
    wanted = [{"image": {"blob": pixels.blob_id}} for pixels in sent]
    assert found["request"]["references"] == wanted
    assert found["again"]["references"] == wanted
    assert len(found["guides"]["references"]) == 2


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no instruction", "There is no instruction."),
        ("no editor", "Starter model cannot edit a picture by instruction."),
    ],
)
def test_what_cannot_be_edited_is_a_sentence_and_changes_nothing(facts, name, sentence):
    found = facts(name)
    assert found["error"].startswith(sentence)
    assert found["changed"] == []
