"""Batch as a procedure, for scripts: answers of inside/growing.py."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.gimp
ANSWERS = "growing.py"


def test_the_job_of_a_layer_is_run_over_a_folder_as_the_dialog_would(facts):
    found = facts("batch")
    status, error, values, _times = found["runs"][0]
    assert (status, error) == ("success", "")
    assert (values["done"], values["failed"], values["left"]) == (3, 1, 0)
    told = {entry["file"]: entry for entry in json.loads(values["report"])["files"]}
    assert told["broken.png"]["status"] == "failed"
    assert told["broken.png"]["reason"]
    assert told["0 “图” é.png"]["seed"] == 5
    assert found["same"] == [True, True]


def test_what_is_done_is_not_done_again(facts):
    first, second = facts("batch")["runs"]
    assert second[2]["done"] == 3
    assert second[3] == first[3]


def test_what_cannot_be_begun_is_said(facts):
    assert "does not exist" in facts("batch")["nothing"]
    assert "not made by Pentimento" in facts("batch")["no layer"]
