"""One real GIMP window and one real server for each GIMP version, shared by all tests here."""

from __future__ import annotations

import pytest
from tests.gui.gui import roots
from tests.gui.session import Session

VERSIONS = {"3.0": "trixie", "3.2": "sid"}


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
    """The session with no image open, no dialog open, and the server in its place."""
    session.tidy()
    yield session
    if session.gui.alive():
        session.keep_evidence(request.node.name)
