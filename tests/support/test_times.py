"""What CI says at its end: where the time went, and why each test failed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
TESTS = """
import pytest

@pytest.fixture
def broken():
    raise OSError("no “Bühne” 舞台")

@pytest.mark.parametrize("case", ["猫 🎨"])
def test_red(case):
    assert case == "dog", "a long story " + "x" * 5000

def test_green():
    assert True

def test_never_begun(broken):
    assert broken
"""


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *argv]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=60)


def test_the_end_of_the_output_says_why_tests_failed(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "test_unread.py").write_text("# " + "y" * 5000 + "\nimport nowhere_at_all\n")
    told = tmp_path / "times.json"
    plain = ("-p", "no:cacheprovider", "-p", "tests.support.times", "--rootdir", str(tmp_path))
    plain += ("--continue-on-collection-errors",)
    ended = run("pytest", *plain, "--times", str(told), str(tmp_path))
    assert ended.returncode == 1, ended.stderr
    said = run("tests.support.times", str(told)).stdout
    unread, first, second = said.split("FAILED ")[1:]
    assert unread.startswith("test_unread.py (collection)")
    assert "No module named 'nowhere_at_all'" in unread
    assert first.startswith("test_some.py::test_red")
    assert "a long story" in first
    assert len(first) < 1000
    assert second.startswith("test_some.py::test_never_begun (setup)")
    assert "no “Bühne” 舞台" in second
    assert "| 3 |" in said
