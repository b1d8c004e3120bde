"""A real server whose jobs go to stand-ins of services; its engine is never started."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.remote.setup import Setup
from tests.remote.standins.openai import OpenAI


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    running = Setup(tmp_path_factory.mktemp("remote") / "data")
    yield running
    running.close()


@pytest.fixture
def openai(setup: Setup) -> Callable[..., OpenAI]:
    """Starts a stand-in that is set up, agreed to and has its key."""

    def start(**options: object) -> OpenAI:
        stand_in = OpenAI(**options)
        setup.use("openai", stand_in)
        return stand_in

    return start
