from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.server.front import Front

NO_RESERVE = {"disk_reserve": 0}


@pytest.fixture(scope="session")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """One front with the stand-in backend for all tests that leave no traces."""
    running = Front(tmp_path_factory.mktemp("front"), NO_RESERVE)
    yield running
    code, errors = running.stop()
    assert code == 0, errors


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Front]]:
    """Starts fronts; the same data folder unless told otherwise."""
    started: list[Front] = []

    def start(*, real: bool = False, data: Path | None = None, **limits: Any) -> Front:
        front = Front(data or tmp_path / "data", None if real else NO_RESERVE | limits)
        started.append(front)
        return front

    yield start
    for running in started:
        running.stop()
