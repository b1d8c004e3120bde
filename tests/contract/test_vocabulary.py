"""Closed sets of names: defined once by the server, used by all, and generated for the plug-in."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import choices
import vocabulary as plugin_words
from pentimento.models.library.inventory import OWN
from pentimento.models.library.places import LAYOUTS
from pentimento.models.tables import architectures, control_types
from pentimento.models.weights.detect.recognise import Recognised
from pentimento.schema import vocabulary
from pentimento.schema.job import JobRequest

REPO = Path(__file__).resolve().parents[2]
SCHEDULERS = REPO / "server/pentimento/engine/sampling/samplers.py"  # which imports torch


def test_the_plug_ins_copy_is_up_to_date() -> None:
    command = [sys.executable, REPO / "tools" / "vocabulary.py", "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run tools/vocabulary.py"
    command = [sys.executable, REPO / "tools" / "answers.py", "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run tools/answers.py"
    assert plugin_words.CONTROL_TYPES == vocabulary.CONTROL_TYPES


def test_samplers_are_those_that_there_are() -> None:
    text = SCHEDULERS.read_text("utf-8")
    table = text.partition("\nSAMPLERS: dict[str, Solver] = {")[2].partition("\n}")[0]
    names = [one.name for one in vocabulary.Sampler]
    assert re.findall(r"^    Sampler\.(\w+): Solver\(", table, re.MULTILINE) == names
    assert [one.value for one in choices.SAMPLERS if one.value] == [*plugin_words.SAMPLERS]
    of_families = {name for one in architectures.FAMILIES.values() for name in one.samplers}
    assert of_families == set(vocabulary.SAMPLERS)
    allowed = JobRequest.model_json_schema()["$defs"]["Sampler"]["enum"]
    assert allowed == [*vocabulary.SAMPLERS]


def test_control_types_are_those_that_the_plug_in_offers_and_networks_take() -> None:
    assert [one.nick for one in choices.MAPS] == [*plugin_words.CONTROL_TYPES]
    tables = (control_types.UNION_MODES, control_types.FLUX_UNION_MODES)
    named = {name for table in tables for name in table}
    named |= {name for names in control_types.UNTOLD_UNIONS.values() for name in names}
    assert named <= {*vocabulary.CONTROL_TYPES, vocabulary.FROM_SELECTION}
    assert set(choices.DRAWN_CONTROLS) <= set(vocabulary.CONTROL_TYPES)


def test_architectures_are_the_families_that_can_paint() -> None:
    assert tuple(architectures.FAMILIES) == vocabulary.ARCHITECTURES


def test_roles_are_those_of_places_and_headers() -> None:
    told = {role for layout in LAYOUTS.values() for role in layout.places.values()}
    assert told | {*OWN.values()} <= set(vocabulary.MODEL_ROLES)
    assert Recognised("lora").role in vocabulary.MODEL_ROLES
