"""Plug-in and server are released together: the doctor compares what the two say."""

from __future__ import annotations

from pathlib import Path

from pentimento import __version__

REPO = Path(__file__).resolve().parents[2]


def test_plug_in_and_server_state_the_same_version() -> None:
    stated = (REPO / "plugin" / "pentimento" / "VERSION").read_text()
    assert stated == f"{__version__}\n"
