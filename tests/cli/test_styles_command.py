"""Styles from the shell: kept, shown, used by a run, removed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.shell import Shell


def test_a_style_is_saved_used_and_removed(shell: Shell, tmp_path: Path) -> None:
    saved = shell(
        *("styles", "save", "My ink", "--prompt", "ink drawing of {prompt}", "--steps", "2"),
        *("--lora", "blueprint:0.5", "--sampler", "Euler"),
    )
    assert "Saved “My ink”" in saved.stdout
    table = shell("styles", "list").stdout
    assert "My ink (my-ink.json): ink drawing of {prompt}" in table
    assert "Watercolor (built in)" in table
    shown = json.loads(shell("styles", "show", "my INK").stdout)
    assert shown["loras"] == [{"id": "blueprint", "weight": 0.5}]
    size = ("--width", "64", "--height", "64", "--seed", "1", "--local", "--json")
    output = tmp_path / "ink.png"
    made = shell("run", "--prompt", "a fox", "--style", "My ink", "--output", str(output), *size)
    record = json.loads(made.stdout)["record"]
    assert record["request"]["prompt"] == "ink drawing of a fox"
    assert (record["request"]["steps"], record["request"]["sampler"]) == (2, "Euler")
    assert "style" not in record["request"]
    assert record["facts"]["style"] == "My ink"
    assert "Removed" in shell("styles", "remove", "My ink").stdout
    gone = shell("run", "--style", "My ink", "--output", str(tmp_path / "no.png"), *size)
    assert gone.returncode == 1
    assert "no style called “My ink”" in gone.stderr
    wrong = shell("styles", "save", "x", "--steps", "900")
    assert wrong.returncode == 1
    assert "steps" in wrong.stderr
