"""A check holds what a service offers against its record: what is gone or will be, what is old."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from tests.remote.setup import Setup
from tests.remote.standins.all import STAND_INS
from tests.remote.standins.base import Call, Reply, json_reply
from tests.remote.standins.openai import OpenAI
from tests.remote.standins.replicate import MODEL, Replicate

from dialogs import remark_words
from pentimento.schema.answers import Checked, Remark
from pentimento.services import backend, record_check, records
from pentimento.services.records import Service
from pentimento.services.settings import ServiceChange
from pentimento.services.terms import Remotes, Terms

SECONDS = 30.0
FUTURE, PAST = "2199-12-31", "2001-02-28"
ODD = "some body/odd.v1@2:latest (x) [y]+"  # as strange as a name may be


class Listing(OpenAI):
    """OpenAI's list of models, with the last days that it tells."""

    told: tuple[object, ...] = ()

    def answer(self, call: Call) -> Reply:
        if call.path == "/v1/models":
            return json_reply(200, {"object": "list", "data": [*self.told]})
        return super().answer(call)


class Hub(Replicate):
    """Replicate, which has only the models of `has`."""

    has: frozenset[str] = frozenset()

    def answer(self, call: Call) -> Reply:
        if call.method == "GET" and call.path.startswith(MODEL):
            known = call.path.removeprefix(MODEL) in self.has
            return json_reply(200, {"name": "x"}) if known else self.refusal(404)
        return super().answer(call)


def checked(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    stand_in: OpenAI | Replicate,
    **chosen: object,
) -> Checked:
    """Of a stand-in that stands at the service's own address, as far as the record knows."""
    known = records.service
    own = known(name).model_copy(update={"base_url": stand_in.base_url, "checked": date.today()})
    monkeypatch.setattr(records, "service", lambda asked: own if asked == name else known(asked))
    folder.mkdir(exist_ok=True)
    remotes = Remotes(folder)
    remotes.keys.put(name, remotes.terms(name).place, stand_in.key)
    remotes.settings.change(own, ServiceChange.model_validate(chosen))
    try:
        return backend.check(remotes, remotes.terms(name), SECONDS)
    finally:
        stand_in.close()


def said(remarks: list[Remark]) -> list[tuple[str, str, str]]:
    return [
        (one.code, one.params["model"], one.params.get("successor") or one.params.get("date") or "")
        for one in remarks
    ]


def test_what_openai_shuts_down_is_told_with_its_successor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own last days, its list and the record's; days that are none are passed over."""
    flare, sun, old, older, two = records.service("openai").models
    stand_in = Listing()
    stand_in.told = (
        {"id": flare, "shutdown_date": None},
        {"id": sun, "shutdown_date": FUTURE},
        {"id": old, "shutdown_date": PAST},
        {"id": older, "shutdown_date": "soon, 近い 🕯"},
        {"id": "gpt-chat"}, {"no": "id"}, "nonsense", None,
    )  # fmt: skip
    asked = {"model": "gpt-image-1", "models": {"edit": ODD}}
    told = checked(tmp_path / "data 数据", monkeypatch, "openai", stand_in, **asked)
    assert said(told.remarks) == [
        ("was_shut_down", "gpt-image-1", "2026-10-23"),
        ("successor", "gpt-image-1", flare),
        ("not_offered", ODD, ""),
        ("successor", ODD, flare),
        ("will_be_shut_down", sun, FUTURE),
        ("successor", sun, flare),
        ("was_shut_down", old, PAST),
        ("successor", old, flare),
        ("not_offered", two, ""),
        ("successor", two, flare),
    ]
    assert told.models == [flare, sun, old, older]


def test_replicate_is_asked_for_each_model_of_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that edits is followed by one that edits."""
    record = records.service("replicate")
    gone = {"google/nano-banana-pro", "black-forest-labs/flux-schnell"}
    stand_in = Hub()
    stand_in.has = frozenset({*record.models, *(one.name for one in record.model)} - gone)
    told = checked(tmp_path, monkeypatch, "replicate", stand_in)
    assert said(told.remarks) == [
        ("not_offered", "black-forest-labs/flux-schnell", ""),
        ("successor", "black-forest-labs/flux-schnell", "black-forest-labs/flux-2-pro"),
        ("not_offered", "google/nano-banana-pro", ""),
        ("successor", "google/nano-banana-pro", "black-forest-labs/flux-2-pro"),
    ]


@pytest.mark.parametrize("name", records.all_services())
def test_a_record_counts_as_old_after_its_own_months(name: str, tmp_path: Path) -> None:
    record = records.service(name).model_copy(update={"checked": date(2026, 8, 31), "good_for": 6})
    terms = Terms(record, Remotes(tmp_path).terms(name).chosen)
    for today, old in (
        (date(2027, 2, 28), False),
        (date(2027, 3, 1), True),
        (date(2026, 1, 1), False),
    ):
        found = [
            one for one in record_check.remarks(terms, None, today) if one.code == "record_old"
        ]
        assert bool(found) == old
        assert all("2026-08-31" in one.sentence and record.title in one.sentence for one in found)


@pytest.mark.parametrize("record", records.all_services().values(), ids=lambda one: one.id)
def test_a_record_says_of_when_and_from_where_it_is(record: Service) -> None:
    assert date(2026, 11, 1) <= record.checked <= date.today()
    assert record.source.strip()
    assert all(one.source.strip() for one in record.retired)


def test_a_check_over_http_tells_of_a_chosen_model_that_is_gone(setup: Setup) -> None:
    """At every service that lists what it has; at an address of one's own, of nothing else."""
    for name in ("openai", "together", "gemini", "openrouter", "ollama"):
        setup.use(name, STAND_INS[name]())
        setup.set(name, model=ODD)
        answer = setup.front.call("POST", f"/v1/backends/{name}/check", {})
        assert answer.status == 200, answer.body
        about = [one for one in answer.json["remarks"] if one["params"].get("model") == ODD]
        assert about[0]["code"] == "not_offered", (name, answer.json)
        assert ODD in about[0]["sentence"]
        setup.set(name, model=None)


def test_the_plug_in_says_every_remark_in_the_persons_language() -> None:
    assert remark_words.TEXTS == record_check.REMARKS
    remark = {"code": "successor", "params": {"model": "a", "successor": "b"}, "sentence": "unused"}
    translated = remark_words.text_of(remark, lambda text: text.replace("choose", "nimm"))
    assert translated == "In place of a, nimm b."
    for code, params in (("newer", {}), ("successor", {"model": "a"})):
        told = {"code": code, "params": params, "sentence": "Something new."}
        assert remark_words.text_of(told, str) == "Something new."
