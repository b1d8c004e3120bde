"""One real GIMP window and one real server for each GIMP version, shared by all tests here."""

from __future__ import annotations

import pytest
from tests.gimp import turns
from tests.gui.gui import roots
from tests.gui.screens import CASES, catalogue, name_of
from tests.gui.session import FEATHERED, Session

VERSIONS = {"3.0": "trixie", "3.2": "sid"}


def pytest_collection_modifyitems(config, items):
    """The panel's tests by turns: each in one GIMP, always in the same one."""
    others = [item for item in items if item.get_closest_marker("panel") and not _taken(item)]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in set(others)]


def _taken(item):
    return turns.taken(item.originalname, item.callspec.params["session"])


@pytest.fixture(scope="session", params=list(VERSIONS))
def session(request):
    """A Session of one GIMP version; it lives until the last test of that version."""
    suite = VERSIONS[request.param]
    if suite not in roots():
        pytest.skip(f"no root with GIMP {request.param}: run tools/gimp-root.sh make {suite}")
    with Session(roots()[suite]) as running:
        yield running


@pytest.fixture
def gimp(session, request):
    """The session with no image open, no dialog open, and the server in its place. No test may have
    made a window wait for the server."""
    session.tidy()
    yield session
    if session.gui.alive():
        session.keep_evidence(request.node.name)
    assert session.held_up() == []


@pytest.fixture(scope="session", params=CASES, ids=name_of)
def screen(request):
    """A session on a screen of its own, in a language; lives for all tests of that screen."""
    version, (width, height), scale, language = request.param
    if VERSIONS[version] not in roots():
        pytest.skip(f"no root with GIMP {version}")
    options = {"size": f"{width}x{height}", "language": language}
    environment = {"GDK_SCALE": str(scale)}
    root = roots()[VERSIONS[version]]
    with Session(root, environment=environment, **options) as session:
        session.space = width // scale, height // scale
        session.scale = scale
        session.said = catalogue(language)
        session.open_scene(640, 427, more=FEATHERED)
        yield session
