"""The list of models that can be fetched."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.models.hub.server import entry, own_catalogue

from pentimento.core.errors import BadInput
from pentimento.models import catalogue
from pentimento.models.library.parts.controlnet_lora import CONTROL_TYPES
from pentimento.models.library.registry import Registry
from pentimento.models.machine import Machine
from pentimento.models.tables import architectures

LIST = catalogue.load()
ENTRIES = list(LIST.entries.values())
OPEN = {"Apache 2.0", "MIT", "BSD 3-Clause", "CreativeML OpenRAIL-M", "CreativeML OpenRAIL++-M"}


def test_our_own_file_is_sound():
    catalogue.check()


@pytest.mark.parametrize("found", ENTRIES, ids=lambda found: found.id)
def test_an_entry_fits_the_program(found):
    licence = LIST.licence(found)
    assert licence.open == (licence.title in OPEN)
    assert licence.open or licence.notice
    assert found.family in (*architectures.FAMILIES, "any")
    assert not found.best_for or licence.open
    if found.role == "model" and found.usable:
        assert architectures.of_pipeline(found.pipeline).name == found.family


@pytest.mark.parametrize("tier", ["cpu", *map(str, catalogue.TIERS)])
def test_every_machine_has_a_first_choice(tier):
    choices = [found for found in ENTRIES if tier in found.best_for and found.usable]
    assert [found for found in choices if found.role in ("model", "controlnet")]
    for found in choices:
        assert found.cpu if tier == "cpu" else found.vram <= int(tier)


def test_every_kind_of_control_is_there_for_sd15():
    names = [found.id for found in ENTRIES if found.role == "controlnet" and found.usable]
    assert [kind for kind in CONTROL_TYPES if f"sd15-{kind}" not in names] == []


def test_a_pickle_is_refused_with_what_to_fetch_in_its_place(tmp_path: Path):
    folder = tmp_path / "upscalers"
    folder.mkdir()
    for name in ("RealESRGAN_x4plus.pth", "4x-Füchse “é”.pth"):
        (folder / name).write_bytes(b"PK\x03\x04" + bytes(64))
    told = {one.path.name: one for one in Registry(tmp_path).upscalers.list() if not one.ok}
    known, unknown = told["RealESRGAN_x4plus.pth"], told["4x-Füchse “é”.pth"]
    assert "can run any program" in known.problem
    assert "`pentimento models pull real-esrgan-x4plus`" in known.problem
    assert (
        LIST.get("real-esrgan-x4plus").place(tmp_path) == folder / "real-esrgan-x4plus.safetensors"
    )
    assert "can run any program" in unknown.problem
    assert "models pull" not in unknown.problem
    with pytest.raises(BadInput, match="real-esrgan-x4plus"):
        Registry(tmp_path).upscalers.chosen(known.id)


def test_own_entries_are_added_and_may_not_replace_ours(tmp_path: Path):
    own_catalogue(tmp_path, entry("mine"))
    assert set(catalogue.load(tmp_path).entries) == {*LIST.entries, "mine"}
    own_catalogue(tmp_path, entry("sd15"))
    with pytest.raises(BadInput, match="twice"):
        catalogue.load(tmp_path)
    own_catalogue(tmp_path, entry("mine", licence="unheard-of"))
    with pytest.raises(BadInput, match="licence"):
        catalogue.load(tmp_path)


@pytest.mark.parametrize(
    ("vram", "ram", "name", "verdict"),
    [
        (3.9, 16, "sd15", "yes"),
        (8, 16, "sdxl", "yes"),
        (6, 16, "sdxl", "no"),
        (None, 16, "sd15", "slow"),
        (None, 4, "sd15", "no"),
        (None, 64, "sdxl", "no"),
    ],
)
def test_what_suits_a_machine(vram, ram, name, verdict):
    assert LIST.get(name).on(Machine(vram, ram)).verdict == verdict
