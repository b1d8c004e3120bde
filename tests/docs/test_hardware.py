"""docs/hardware.md shows what docs/hardware.json keeps, for every size of card."""

from __future__ import annotations

import json

from docs import make_hardware, measure_hardware


def test_the_page_shows_what_was_found() -> None:
    kept = json.loads(make_hardware.KEPT.read_text("utf-8"))
    text = make_hardware.PAGE.read_text("utf-8")
    assert make_hardware.page(text, kept) == text, "run python docs/make_hardware.py --table"
    for name, cells in kept.items():
        assert set(cells) <= set(map(str, make_hardware.CARDS)), name


def test_a_cell_tells_what_was_done_besides() -> None:
    done = {"peak": 5.26, "ram": 1.0, "offloaded": ["transformer"], "tiled": True}
    assert make_hardware.cell(done) == "5.3 b t"
    assert make_hardware.cell(done | {"offloaded": [], "tiled": False}) == "5.3"
    assert make_hardware.cell({"fails": "out_of_memory"}) == "–"
    assert make_hardware.cell(None) == ""


def test_the_page_shows_what_was_measured_and_predictions_are_near() -> None:
    kept = json.loads(measure_hardware.KEPT.read_text("utf-8"))
    text = measure_hardware.PAGE.read_text("utf-8")
    assert measure_hardware.page(text, kept) == text, "run python docs/measure_hardware.py --table"
    assert len(kept) >= 3
    for case, found in kept.items():
        assert abs(found["measured"] / found["predicted"] - 1) <= 0.15, case
