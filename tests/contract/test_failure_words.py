"""The plug-in can tell in its own language why a job failed."""

from __future__ import annotations

import ast
import itertools
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import awkward

from pentimento.services.problems import PROBLEMS

REPO = Path(__file__).resolve().parents[2]
SERVER = REPO / "server" / "pentimento"

ALL_TOLD = (  # where jobs fail
    "engine/failures.py",
    "engine_ipc/host.py",
    "jobs/recovery.py",
    "backends/local.py",
    "core/files.py",
)
FIELD = re.compile(r"\{[a-z_]*\}")


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """The module, in a language where each sentence stands in « »."""
    glib = types.ModuleType("i18n")
    glib._ = lambda text: f"«{text}»"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "i18n", glib)
    for name in ("sentences", "failure_words"):  # they take the translations when imported
        monkeypatch.delitem(sys.modules, name, raising=False)
    import failure_words

    yield failure_words
    for name in ("sentences", "failure_words"):
        sys.modules.pop(name)


def sentences(file: Path) -> set[str]:
    """The messages and remedies of errors that a module makes, with `{}` for what is put in."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and len(node.args) >= 2:
            code, *told = node.args[:3]
            if isinstance(code, ast.Constant) and re.fullmatch(r"[a-z_]+", str(code.value)):
                found |= {text for one in told if " " in (text := literal(one))}
    return found


def literal(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(getattr(part, "value", "")) if isinstance(part, ast.Constant) else "{}"
            for part in node.values
        )
    return str(node.value) if isinstance(node, ast.Constant) else ""


def everywhere() -> set[str]:
    texts = {text for file in SERVER.rglob("*.py") for text in sentences(file)}
    return texts | {text for problem in PROBLEMS.values() for text in problem[:2]}


def literal_texts() -> set[str]:
    """Everything of a few words that the server could say at all, joined strings as one."""
    trees = (ast.parse(file.read_text(encoding="utf-8")) for file in SERVER.rglob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree))
    kinds = (ast.Constant, ast.JoinedStr)
    return {text for node in nodes if isinstance(node, kinds) and " " in (text := literal(node))}


def with_values(sentence: str) -> str:
    """Each place holds something else, line ends and signs of regular expressions among it."""
    values = itertools.cycle(["a+b (c)", "猫\n🙂", "x.y"])
    return FIELD.sub(lambda _: next(values), sentence)


@pytest.mark.parametrize("file", ALL_TOLD)
def test_every_failure_of_a_job_is_known(words: types.ModuleType, file: str) -> None:
    found = sentences(SERVER / file)
    assert found
    unknown = {text for text in found if not words.told(with_values(text)).startswith("«")}
    assert unknown == set()


def test_every_problem_with_a_service_is_known(words: types.ModuleType) -> None:
    said = {text for problem in PROBLEMS.values() for text in problem[:2]}
    assert said - set(words.FAILURES) == set()


def test_no_sentence_is_kept_that_the_server_does_not_say(words: types.ModuleType) -> None:
    reasons = {FIELD.sub("{}", text) for text in how_an_engine_ends()}
    said = {FIELD.sub("{}", text) for text in everywhere()} | reasons
    assert {text for text in words.FAILURES if FIELD.sub("{}", text) not in said} == set()


def how_an_engine_ends() -> set[str]:
    tree = ast.parse((SERVER / "engine_ipc" / "host.py").read_text(encoding="utf-8"))
    (function,) = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "_how_it_ended"
    )
    returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    return {literal(value) for value in returned if value is not None}


def test_names_stay_and_reasons_are_told_as_well(words: types.ModuleType) -> None:
    told = words.told("The engine process ended unexpectedly: it was killed from outside.")
    assert told == "«The engine process ended unexpectedly: «it was killed from outside».»"
    for name in awkward.PROMPTS.values():
        assert (
            words.told(f"There is no model called “{name}”.")
            == f"«There is no model called “{name}”.»"
        )


@pytest.mark.parametrize(
    "text", ["", "a sentence of a newer server", "{title}", *awkward.FEW.values()]
)
def test_what_is_not_known_is_shown_as_it_comes(words: types.ModuleType, text: str) -> None:
    assert words.told(text) == text
