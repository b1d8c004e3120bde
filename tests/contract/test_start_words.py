"""The plug-in and the command can tell in their own language why the server did not start."""

from __future__ import annotations

import socket
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.test_failure_words import FIELD, REPO, everywhere, literal_texts
from tests.support import awkward, folders

from pentimento.api.compat import chosen
from pentimento.api.server import bind
from pentimento.core import data_folder
from pentimento.core.errors import PentimentoError
from pentimento.core.settings import EngineOptions, kept_faces

MODULES = ("sentences", "failure_words", "start_words")
SERVER = REPO / "server" / "pentimento"
SETTINGS = ("{", "[]", '{"faces": 7}')


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """The module, in a language where each sentence stands in « »."""
    glib = types.ModuleType("i18n")
    glib._ = lambda text: f"«{text}»"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "i18n", glib)
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    import start_words

    yield start_words
    for name in MODULES:
        sys.modules.pop(name, None)


def told(words: types.ModuleType, error: PentimentoError) -> list[str]:
    """Message and remedy as the plug-in shows them."""
    return [words.told(error.message), words.told(error.hint)]


@pytest.mark.parametrize("case", folders.UNUSABLE)
@pytest.mark.parametrize("name", awkward.FEW.values())
def test_a_folder_that_cannot_be_used(
    words: types.ModuleType, tmp_path: Path, case: str, name: str
) -> None:
    place = folders.UNUSABLE[case](tmp_path / ("données " + name.replace("/", "").strip()))
    with pytest.raises(PentimentoError) as refused:
        data_folder.check(place)
    message, remedy = told(words, refused.value)
    assert message.startswith("«")
    assert ": «" in message  # the reason as well
    assert remedy.startswith("«")


@pytest.mark.parametrize("name", ["jobs.sqlite", "logs", "server.lock"])
def test_files_that_are_not_what_they_should_be(
    words: types.ModuleType, tmp_path: Path, name: str
) -> None:
    place = tmp_path / "数据 “x”"
    data_folder.claim(place)
    (place / name).symlink_to(tmp_path)
    with pytest.raises(PentimentoError) as refused:
        data_folder.check(place)
    (place / name).unlink()
    (place / name).write_text("") if name == "logs" else (place / name).mkdir()
    with pytest.raises(PentimentoError) as other:
        data_folder.check(place)
    for error in (refused.value, other.value):
        message, remedy = told(words, error)
        assert (message[0], ": «" in message, remedy[0]) == ("«", True, "«")


def test_a_port_that_is_taken(words: types.ModuleType) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PentimentoError) as refused:
            bind("127.0.0.1", port)
    message, remedy = told(words, refused.value)
    expected = f"«The server cannot listen at 127.0.0.1, port {port}: «Address already in use».»"
    assert message == expected
    assert remedy.startswith("«")


@pytest.mark.parametrize("text", SETTINGS)
def test_settings_that_cannot_be_read(words: types.ModuleType, tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(PentimentoError) as refused:
        kept_faces(tmp_path)
    assert ": «" in told(words, refused.value)[0]


def test_values_that_cannot_be(words: types.ModuleType) -> None:
    for make in (lambda: EngineOptions(device="toaster"), lambda: chosen(["toaster"])):
        with pytest.raises(PentimentoError) as refused:
            make()
        assert [text[0] for text in told(words, refused.value)] == ["«", "«"]


def test_what_fails_a_job_is_known_here_too(words: types.ModuleType) -> None:
    assert words.told("The disk with Pentimento's data folder is full.").startswith("«")
    assert words.told("猫: nobody knows this") == "猫: nobody knows this"


def test_no_sentence_is_kept_that_the_server_does_not_say(words: types.ModuleType) -> None:
    said = {FIELD.sub("{}", text) for text in everywhere() | literal_texts()}
    said |= {"A server for this data folder is running already at {} (process {})."}
    said |= {"A server for this data folder is running already, just starting."}
    assert {text for text in words.STARTS if FIELD.sub("{}", text) not in said} == set()
