"""Real GIMP of both versions and the real server for these tests; each is started once."""

from __future__ import annotations

import pytest

from companion import Companion
from harness import SUITES, HeadlessGimp, root_of


@pytest.fixture(scope="session")
def companion(tmp_path_factory):
    """The real server on the machine's loopback."""
    with Companion(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session", params=list(SUITES))
def version(request):
    if not root_of(request.param).is_dir():
        pytest.skip(f"no root with GIMP {request.param}: run ./install.sh --test")
    return request.param


@pytest.fixture
def gimp(version, tmp_path):
    """A fresh configuration of one GIMP, without a server."""
    return HeadlessGimp(version, tmp_path)


@pytest.fixture(scope="session")
def answers(version, companion, tmp_path_factory):
    """Runs a file of inside/ once per GIMP and keeps its answer, for many tests to read."""
    kept = {}

    def answer_of(script: str) -> dict:
        if script not in kept:
            headless = HeadlessGimp(version, tmp_path_factory.mktemp(version))
            headless.point_to(companion.url, companion.token)
            kept[script] = headless.run(script, timeout=280)
        return kept[script]

    return answer_of
