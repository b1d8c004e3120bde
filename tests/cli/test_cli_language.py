"""The command speaks the language of the environment; what programs read stays as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
LANGUAGES = ("zh_CN", "de", "fr", "es", "ja", "pt_BR")
NOT_RUNNING = {
    "zh_CN": "服务器没有运行。",
    "de": "Der Server läuft nicht.",
    "fr": "Le serveur ne tourne pas.",
    "es": "El servidor no está en marcha.",
    "ja": "サーバーは動いていません。",
    "pt_BR": "O servidor não está em execução.",
}
ENGLISH = "The server is not running."


def run(data: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("LANG", "LANGUAGE") and k[:3] != "LC_"}
    return subprocess.run(
        [sys.executable, "-m", "pentimento", *arguments],
        env=kept | {"PENTIMENTO_DATA": str(data), "PYTHONUTF8": "1", "COLUMNS": "200"} | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_and_its_remedy_are_in_the_language(tmp_path: Path, language: str) -> None:
    answer = run(tmp_path, "status", LANG=f"{language}.UTF-8")
    assert answer.returncode == 1
    said, remedy = answer.stderr.splitlines()
    assert said.removeprefix("pentimento").lstrip(" :：") == NOT_RUNNING[language]
    assert "`pentimento serve`" in remedy
    assert "Start it" not in remedy


@pytest.mark.parametrize("language", LANGUAGES)
def test_why_the_server_did_not_start_is_in_the_language(tmp_path: Path, language: str) -> None:
    place = tmp_path / "données 数据"
    place.write_text("no folder")
    answer = run(place, "serve", LANG=f"{language}.UTF-8")
    assert answer.returncode == 1
    said, remedy = answer.stderr.splitlines()
    assert str(place) in said
    assert "--data-dir" in remedy
    for english in ("cannot be used", "is not a folder", "Choose another"):
        assert english not in answer.stderr


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ENGLISH),
        ({"LANG": "C"}, ENGLISH),
        ({"LANG": "xx_YY.UTF-8"}, ENGLISH),
        ({"LANG": "de_AT.UTF-8"}, NOT_RUNNING["de"]),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "C.UTF-8"}, ENGLISH),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ja_JP.UTF-8"}, NOT_RUNNING["ja"]),
        ({"LANG": "fr_FR.UTF-8", "LANGUAGE": "pt_BR:es"}, NOT_RUNNING["pt_BR"]),
        ({"LANG": "C", "LANGUAGE": "de"}, ENGLISH),
    ],
)
def test_the_variables_count_as_for_every_program(
    tmp_path: Path, variables: dict[str, str], expected: str
) -> None:
    assert expected in run(tmp_path, "status", **variables).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("doctor", "--json"),
        ("models", "list", "--json"),
        ("models", "available", "--json"),
        ("styles", "list", "--json"),
        ("models", "folders", "list", "--json"),
    ],
)
def test_json_is_the_same_in_every_language(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    answers = [run(tmp_path, *arguments, LANG=lang) for lang in ("C.UTF-8", "zh_CN.UTF-8")]
    first, second = (json.loads(answer.stdout) for answer in answers)
    free = ("text",) if arguments[0] == "doctor" else ()
    assert without_numbers(first, free) == without_numbers(second, free)


def without_numbers(value: object, free: tuple[str, ...]) -> str:
    """As text; the room on the disk changes between two runs."""
    text = json.dumps(value, sort_keys=True)
    return "".join("" if letter.isdigit() else letter for letter in text) if free else text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("run", "--help"), "来源图片。"),
        (("--help",), "GIMP 3 的生成式绘画"),
        (("models", "pull", "--help"), "下载模型或继续下载。"),
        (("run", "--output", "/no/such/图片 x.png"), "文件夹 /no/such 不存在。"),
        (("run", "--output", "x.png", "--lora", "a:b"), "--lora：“b”不是权重。"),
        (("doctor",), "数据文件夹"),
        (("models", "list"), "种类"),
    ],
)
def test_help_tables_and_filled_in_texts_are_translated(
    tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    answer = run(tmp_path, *arguments, LANG="zh_CN.UTF-8")
    assert expected in answer.stdout + answer.stderr


def test_names_that_look_like_a_text_with_fields_stay(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    from pentimento.cli.speech import said

    for name in ("{path}", "100 %", "猫 {a} “x”.png", "a\nb", ""):
        assert said(name) == name
    assert said("Es gibt keine Datei x") == "Es gibt keine Datei x"
    assert said("There is no file 猫 {a} {path}.png.") == "Es gibt keine Datei 猫 {a} {path}.png."


def test_the_doctor_looks_and_makes_no_folder(tmp_path: Path) -> None:
    place = tmp_path / "没有 yet" / "data"
    answer = run(place, "doctor", "--json")
    found = {check["name"]: check["state"] for check in json.loads(answer.stdout)["checks"]}
    assert found["Data folder"] == "ok"
    assert not place.parent.exists()
