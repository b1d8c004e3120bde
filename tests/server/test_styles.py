"""Styles: a file each, filled into jobs and plans, over HTTP and in the shell's own runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.server.front import Front

from pentimento.core.errors import BadInput, Conflict, NotFound
from pentimento.jobs.styles import OURS, Styles, applied, merged
from pentimento.schema.job import JobRequest
from pentimento.schema.plan import PlanRequest
from pentimento.schema.style import StyleFields

INK: dict[str, Any] = {
    "prompt": "ink drawing of {prompt}, black lines",
    "negative_prompt": "color",
    "loras": [{"id": "ink", "weight": 0.8}],
    "sampler": "DDIM",
    "steps": 7,
    "guidance": 3.0,
}


@pytest.fixture
def styles(tmp_path: Path) -> Styles:
    return Styles(tmp_path)


def names(styles: Styles) -> list[str]:
    return [entry.name for entry in styles.list()]


@pytest.mark.parametrize(
    ("words", "template", "expected"),
    [
        ("a fox", "ink of {prompt}, lines", "ink of a fox, lines"),
        ("a fox", "ink, lines", "a fox, ink, lines"),
        ("", "ink of {prompt}, lines", "ink, lines"),
        ("", "{prompt}, blueprint", "blueprint"),
        ("a fox", "", "a fox"),
        ("", "ink", "ink"),
        ("{red|blue} fox", "{prompt}, {prompt}", "{red|blue} fox, {red|blue} fox"),
    ],
)
def test_words_are_merged(words: str, template: str, expected: str) -> None:
    assert merged(words, template) == expected


def test_those_that_come_along_are_whole_and_of_no_family(styles: Styles) -> None:
    found = styles.list()
    assert len(found) == len(list(OURS.glob("*.json"))) >= 4
    for entry in found:
        assert (entry.builtin, entry.problem) == (True, "")
        assert "{prompt}" in entry.style.prompt
        assert set(entry.style.model_dump(exclude_defaults=True)) == {
            "name",
            "prompt",
            "negative_prompt",
        }


def test_what_is_open_is_filled_and_what_is_said_counts(styles: Styles) -> None:
    styles.save("Ink", StyleFields.model_validate(INK))
    plain = applied(JobRequest(prompt="a fox", style="ink"), styles)
    assert plain.prompt == "ink drawing of a fox, black lines"
    assert (plain.negative_prompt, plain.sampler, plain.steps) == ("color", "DDIM", 7)
    assert [(lora.id, lora.weight) for lora in plain.loras] == [("ink", 0.8)]
    assert plain.style is None
    own = {"steps": 3, "loras": [{"id": "ink", "weight": 0.1}, {"id": "other"}]}
    said = applied(JobRequest(prompt="a fox", negative_prompt="fog", style="Ink", **own), styles)
    assert (said.steps, said.guidance, said.negative_prompt) == (3, 3.0, "fog, color")
    assert [(lora.id, lora.weight) for lora in said.loras] == [("ink", 0.1), ("other", None)]
    planned = applied(PlanRequest(mode="txt2img", style="Ink"), styles)
    assert (planned.steps, planned.sampler, planned.style) == (7, "DDIM", None)
    assert applied(plain, styles) is plain


def test_a_service_gets_the_words_alone(styles: Styles) -> None:
    styles.save("Ink", StyleFields.model_validate(INK))
    sent = applied(JobRequest(prompt="a fox", style="Ink", backend="openai"), styles)
    assert sent.prompt == "ink drawing of a fox, black lines"
    assert (sent.loras, sent.steps, sent.sampler) == ([], None, None)


def test_unknown_and_overlong_ones_are_refused_in_words(styles: Styles) -> None:
    with pytest.raises(NotFound, match="no style called “Nobody's”") as unknown:
        applied(JobRequest(style="Nobody's"), styles)
    assert unknown.value.code == "style_not_found"
    assert "Blueprint" in unknown.value.hint
    styles.save("Twice", StyleFields(prompt="{prompt} {prompt}"))
    with pytest.raises(BadInput, match="longer than 8000"):
        applied(JobRequest(prompt="x" * 5000, style="Twice"), styles)
    styles.save("Ink", StyleFields.model_validate(INK))
    with pytest.raises(BadInput, match="more than 16 LoRAs"):
        applied(JobRequest(style="Ink", loras=[{"id": f"a{n}"} for n in range(16)]), styles)


@pytest.mark.parametrize(
    "name", ["../../evil", "..", "CON", "a" * 64, "été 水彩", ".hidden", "x\u202ey", "-rf"]
)
def test_names_never_lead_out_of_the_folder(styles: Styles, tmp_path: Path, name: str) -> None:
    if "/" in name:
        with pytest.raises(BadInput):
            styles.save(name, StyleFields(prompt="x"))
        assert list(tmp_path.iterdir()) == []
        return
    saved = styles.save(name, StyleFields(prompt="x"))
    assert saved.file.parent == tmp_path / "styles"
    assert set(saved.file.stem) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert styles.usable(name).prompt == "x"
    if os.name == "posix":
        assert saved.file.stat().st_mode & 0o77 == 0


def test_saving_again_changes_the_same_file(styles: Styles) -> None:
    first = styles.save("Été", StyleFields(prompt="1"))
    other = styles.save("t", StyleFields(prompt="2"))
    again = styles.save("été", StyleFields(prompt="3"))
    assert first.file == again.file != other.file
    assert styles.usable("ÉTÉ").prompt == "3"
    assert styles.usable("t").prompt == "2"


def test_ones_own_goes_before_ours_and_ours_comes_back(styles: Styles) -> None:
    ours = styles.usable("Blueprint").prompt
    styles.save("blueprint", StyleFields(prompt="mine"))
    assert styles.usable("Blueprint").prompt == "mine"
    assert len([name for name in names(styles) if name.lower() == "blueprint"]) == 1
    styles.remove("Blueprint")
    assert styles.usable("Blueprint").prompt == ours
    with pytest.raises(Conflict) as kept:
        styles.remove("Blueprint")
    assert kept.value.code == "not_ours"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"{", "not valid JSON"),
        (b"[" * 50_000, "not valid JSON"),
        (b"[1]", "not a JSON object"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"steps": 900}', "steps"),
        (b'{"sampler": "Wackel"}', "sampler"),
        (b'{"colour": "blue"}', "colour"),
        (b'{"name": "a/b"}', "name"),
        (b'{"prompt": "' + b"x" * 70_000 + b'"}', "larger than"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_broken_file_is_listed_with_its_reason_and_harms_no_other(
    styles: Styles, tmp_path: Path, content: bytes, word: str
) -> None:
    good = styles.save("Good", StyleFields(prompt="good"))
    (tmp_path / "styles" / "bad one.json").write_bytes(content)
    (found,) = (entry for entry in styles.list() if entry.name == "bad one")
    assert word in found.problem
    assert styles.usable("Good") == good.style
    with pytest.raises(BadInput, match="bad one"):
        applied(JobRequest(style="bad one"), styles)
    styles.remove("bad one")
    assert "bad one" not in names(styles)


def test_over_http_they_are_saved_listed_used_and_removed(launch: Callable[..., Front]) -> None:
    front = launch()
    url = "/v1/styles/" + quote("My ink ✒")
    asked = INK | {"loras": []}
    saved = front.call("PUT", url, asked)
    assert saved.status == 200
    listed = {entry["name"]: entry for entry in front.call("GET", "/v1/styles").json["styles"]}
    assert listed["My ink ✒"] == saved.json
    assert (listed["My ink ✒"]["steps"], listed["My ink ✒"]["builtin"]) == (7, False)
    assert listed["Watercolor"]["builtin"]
    styled = {"mode": "txt2img", "width": 64, "height": 64, "style": "My ink ✒"}
    plan = front.call("POST", "/v1/plan", styled).json
    assert (plan["steps"], plan["sampler"], plan["guidance"]) == (7, "DDIM", 3.0)
    job = front.call("POST", "/v1/jobs", styled | {"prompt": "a fox"})
    assert job.status == 202
    record = front.finished(job.json["id"])["record"]
    assert record["request"]["prompt"] == "ink drawing of a fox, black lines"
    assert record["request"]["steps"] == 7
    assert record["request"].get("style") is None
    assert record["facts"]["style"] == "My ink ✒"
    assert front.call("DELETE", url).json == {"name": "My ink ✒", "removed": True}
    assert front.call("DELETE", url).code == "style_not_found"
    again = {key: value for key, value in record["request"].items() if value is not None}
    assert front.call("POST", "/v1/jobs", again).status == 202


def test_over_http_wrong_ones_are_refused_and_nothing_is_written(
    launch: Callable[..., Front], tmp_path: Path
) -> None:
    front = launch()
    for body in ({"steps": 0}, {"name": "x"}, {"sampler": "Wackel ⏳"}, {"prompt": "a\u0000"}):
        answer = front.call("PUT", "/v1/styles/x", body)
        assert (answer.status, answer.code) == (400, "bad_request"), body
    for name in ("..%2F..%2Fevil", "a" * 65, "%00", "%0A"):
        assert front.call("PUT", f"/v1/styles/{name}", {}).status in (400, 404), name
    large = front.call("PUT", "/v1/styles/x", {"loras": [{"id": "a" * 128}] * 16})
    assert large.status == 200
    assert front.call("DELETE", "/v1/styles/Blueprint").code == "not_ours"
    unknown = front.call("POST", "/v1/jobs", {"style": "nobody"})
    assert (unknown.status, unknown.code) == (404, "style_not_found")
    written = sorted(file.name for file in (tmp_path / "data" / "styles").iterdir())
    assert written == ["x.json"]
    assert json.loads((tmp_path / "data" / "styles" / "x.json").read_text())["name"] == "x"
