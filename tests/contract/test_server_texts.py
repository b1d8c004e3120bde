"""The plug-in can say what the server says of services, models and licences in its own language."""

from __future__ import annotations

import ast
import itertools
import json
import sys
import tomllib
from pathlib import Path

import pytest

from pentimento.jobs.styles import OURS
from pentimento.models.download import civitai
from pentimento.models.download import linked as linked_models
from pentimento.schema.answers import EngineState
from pentimento.services import describe, records, terms

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def texts(monkeypatch):
    """The module, which needs GLib for its translations, with texts left as they are."""
    import types

    glib = types.ModuleType("i18n")
    glib._ = lambda text: text
    monkeypatch.setitem(sys.modules, "i18n", glib)
    for name in ("sentences", "server_texts"):  # they take the translations when they are imported
        monkeypatch.delitem(sys.modules, name, raising=False)
    import server_texts

    yield server_texts
    for name in ("sentences", "server_texts"):
        sys.modules.pop(name)


def of_services() -> set[str]:
    found = {terms.OWN_SERVER, terms.UNKNOWN_PRICE}
    for service in records.all_services().values():
        found |= {service.receives, service.privacy, service.quality, service.speed}
        found |= {service.verified, service.price.text}
    names = {service.title for service in records.all_services().values()}
    return found - names - {"fal", "Replicate"}  # names stay names


def of_models() -> set[str]:
    catalogue = REPO / "server" / "pentimento" / "models" / "catalogue.toml"
    return {entry["use"] for entry in tomllib.loads(catalogue.read_text())["entry"]}


def of_licences() -> set[str]:
    catalogue = REPO / "server" / "pentimento" / "models" / "catalogue.toml"
    licences = tomllib.loads(catalogue.read_text())["licences"].values()
    linked = {linked_models.NO_LICENCE, civitai.NO_MONEY, civitai.PICTURES_MAY_BE_SOLD}
    return linked | {licence["notice"] for licence in licences if licence.get("notice")}


def test_the_plug_in_knows_every_sentence_about_services_and_models(texts) -> None:
    assert of_services() - set(texts.SERVICES) == set()
    assert of_models() - set(texts.MODELS) == set()
    assert of_licences() - set(texts.LICENCES) == set()


def test_the_plug_in_knows_the_advice_about_places(texts) -> None:
    said = set()
    for gpu, full in itertools.product((False, True), repeat=2):
        machine = describe.Means(gpu, full)
        said |= {describe.local_quality(machine), describe.local_speed(machine)}
        for ready, wanted in itertools.product(((), ("fal",)), describe.Operation):
            said.add(describe.advise(machine, ready, wanted).why)
    assert said - set(texts.PLACES) == set()


def test_the_plug_in_knows_the_states_of_the_engine(texts) -> None:
    states = EngineState.model_fields["state"].annotation.__args__
    assert set(states) == set(texts.STATES)


@pytest.mark.parametrize(
    "text",
    [
        "fal (fal.run)",
        "whoever runs the server at the address you entered (192.168.1.5:7860)",
        "$0.02 a picture, as entered in the settings",
        "a sentence of a newer server",
    ],
)
def test_addresses_prices_and_unknown_sentences_stay(texts, text: str) -> None:
    assert texts.told(text) == text


def test_every_style_that_comes_along_has_a_name_in_each_language(texts) -> None:
    names = {json.loads(file.read_text())["name"] for file in OURS.glob("*.json")}
    assert names == set(texts.STYLES)


def messages_of_progress() -> set[str]:
    """What jobs say while they load or wait, with values where names are put in."""
    found = set()
    for file in (REPO / "server" / "pentimento").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            named = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Loading"
            if named and node.args and isinstance(node.args[0], ast.Constant | ast.JoinedStr):
                parts = getattr(node.args[0], "values", [node.args[0]])
                found.add(
                    "".join(
                        str(getattr(part, "value", ""))
                        if isinstance(part, ast.Constant)
                        else "画 x"
                        for part in parts
                    )
                )
    return found - {""}


def test_the_plug_in_knows_what_jobs_say_while_they_load(texts, monkeypatch) -> None:
    import sentences

    monkeypatch.setattr(sentences, "_", lambda text: f"«{text}»")
    said = messages_of_progress()
    assert len(said) >= 8
    assert {text for text in said - set(texts.PROGRESS) if texts.told(text) == text} == set()


def test_parts_that_are_loaded_have_words_too(texts, monkeypatch) -> None:
    import sentences

    monkeypatch.setattr(sentences, "_", lambda text: f"«{text}»")
    told = texts.told("Loading starter: text encoder")
    assert told == "«Loading «starter»: «text encoder»»"
    assert texts.told("Loading the ControlNet canny") == "«Loading the ControlNet «canny»»"
    assert texts.told("Loading the ControlNet 山 x") == "«Loading the ControlNet 山 x»"
