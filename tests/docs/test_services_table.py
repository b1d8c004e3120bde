"""The table of services says what their records say."""

from __future__ import annotations

import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "docs"))

import make_services


def test_the_table_of_services_is_that_of_their_records():
    text = make_services.PAGE.read_text("utf-8")
    assert make_services.page(text) == text
    assert "`stability`" in text
