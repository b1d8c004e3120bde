"""Shells with an empty data folder, and one whose server runs for the whole module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.shell import Shell, ended, until

from pentimento.core.files import server_file


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A server that a test starts with it is ended after the test."""
    (tmp_path / "work").mkdir()
    shell = Shell(tmp_path / "work", tmp_path / "data")
    yield shell
    end_server(shell)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "work").mkdir()
    shell = Shell(folder / "work", folder / "data")
    process = shell.start("serve")
    assert process.stdout is not None
    assert "listening on" in process.stdout.readline()
    yield shell
    end_server(shell)
    process.communicate(timeout=60)


def end_server(shell: Shell) -> None:
    found = server_file(shell.data)
    if found is None or ended(found.pid):
        return
    shell.client().shut_down()
    until(lambda: ended(found.pid), "the server did not end")
