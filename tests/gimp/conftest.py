"""Real GIMP of both versions and the real server for these tests; each is started once."""

from __future__ import annotations

import pytest
from tests.gimp import turns
from tests.gimp.companion import Companion
from tests.gimp.harness import AWKWARD, SUITES, HeadlessGimp, root_of
from tests.gimp.inside import cases, fidelity_cases
from tests.gimp.test_moved import NAMES as MOVED

# babl takes the fastest way to convert that it has just measured, in each process anew. Two jobs
# can be compared bit by bit only where it always takes the exact one.
ONE_WAY = {"BABL_TOLERANCE": "0.0", "BABL_LUT": "0"}
CALLING_THE_COMMAND = ("growing.py",)
COMPARED_BY_BIT = ("observing.py",)
BY_TURNS = {
    "fidelity.py": [case["name"] for case in fidelity_cases.CASES],
    "geometry.py": [case["name"] for case in cases.CASES],
    "moved.py": MOVED,
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the cases whose turn is in the other GIMP."""
    left_out = [item for item in items if _is_of_the_other(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _is_of_the_other(item: pytest.Item) -> bool:
    turn = item.get_closest_marker("turn")
    if turn is None or not isinstance(item, pytest.Function):
        return False
    return not turns.taken(turn.args[0], item.callspec.params["version"])


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
            if script in CALLING_THE_COMMAND:
                headless.let_it_call_the_command()
            variables = ONE_WAY if script in COMPARED_BY_BIT else None
            names = turns.of(BY_TURNS[script], version) if script in BY_TURNS else None
            kept[script] = headless.run(script, names, timeout=280, variables=variables)
        return kept[script]

    return answer_of


@pytest.fixture
def facts(request, answers):
    """What a file of inside/ has answered of a case; the test module names the file in ANSWERS."""
    return lambda case: answers(request.module.ANSWERS)[case]
