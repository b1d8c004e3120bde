"""Real GIMP of both versions and the real server for these tests; each is started once."""

from __future__ import annotations

import pytest
from tests.gimp.companion import Companion
from tests.gimp.harness import AWKWARD, SUITES, HeadlessGimp, root_of

# babl takes the fastest way to convert that it has just measured, in each process anew. Two jobs
# can be compared bit by bit only where it always takes the exact one.
ONE_WAY = {"BABL_TOLERANCE": "0.0", "BABL_LUT": "0"}
COMPARED_BY_BIT = ("observing.py",)


@pytest.fixture(scope="session")
def companion(tmp_path_factory):
    """The real server on the machine's loopback."""
    with Companion(tmp_path_factory.mktemp("server") / AWKWARD) as running:
        yield running


@pytest.fixture(scope="session", params=list(SUITES))
def version(request):
    if not root_of(request.param).is_dir():
        pytest.skip(f"no root with GIMP {request.param}: run ./install.sh --test")
    return request.param


@pytest.fixture
def gimp(version, tmp_path):
    """A fresh configuration of one GIMP, without a server."""
    return HeadlessGimp(version, tmp_path / AWKWARD)


@pytest.fixture(scope="session")
def answers(version, companion, tmp_path_factory):
    """Runs a file of inside/ once per GIMP and keeps its answer, for many tests to read."""
    kept = {}

    def answer_of(script: str) -> dict:
        if script not in kept:
            headless = HeadlessGimp(version, tmp_path_factory.mktemp(version) / AWKWARD)
            headless.point_to(companion.url, companion.token)
            variables = ONE_WAY if script in COMPARED_BY_BIT else None
            kept[script] = headless.run(script, timeout=280, variables=variables)
        return kept[script]

    return answer_of


@pytest.fixture
def facts(request, answers):
    """What a file of inside/ has answered of a case; the test module names the file in ANSWERS."""
    return lambda case: answers(request.module.ANSWERS)[case]
