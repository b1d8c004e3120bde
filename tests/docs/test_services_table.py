"""The table of services says what their records say."""

from __future__ import annotations

from pathlib import Path

from docs import make_services

REPO = Path(__file__).resolve().parents[2]


def test_the_table_of_services_is_that_of_their_records():
    text = make_services.PAGE.read_text("utf-8")
    assert make_services.page(text) == text
    assert "`stability`" in text
