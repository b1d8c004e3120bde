"""Live painting in the studio panel: when a run is due, and a scripted stroke in a real GIMP."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from tests.gui.session import RESULT_SECONDS, wait
from tests.gui.test_studio import TITLE, command, ready, studio  # noqa: F401

FILE = Path(__file__).resolve().parents[2] / "plugin" / "pentimento" / "studio" / "pace.py"
SPEC = importlib.util.spec_from_file_location("pace", FILE)
pace = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(pace)
STROKE = """
Gimp.context_set_foreground(Gegl.Color.new("rgb(0.9, 0.2, 0.1)"))
Gimp.context_set_brush_size(24)
Gimp.paintbrush_default(image.get_layers()[-1], [{x}, 60, {x} + 40, 150])
Gimp.displays_flush()
"""
PAINTED = "print(image.get_selected_layers() == image.get_layers()[-1:])"


def live_jobs(gimp):
    return [job for job in gimp.jobs() if job["client"] == "gimp-live"]


def done(gimp):
    return [job for job in live_jobs(gimp) if job["status"] == "succeeded"]


@pytest.mark.gui
@pytest.mark.panel
def test_strokes_are_repainted_while_it_is_on(studio):  # noqa: F811
    gui = studio.gui
    ready(studio, words="a red flower", steps=3)
    gui.press(TITLE, "Live painting")
    wait(lambda: done(studio), "the first live picture", RESULT_SECONDS)
    wait(lambda: gui.sensitive(TITLE, "Keep This"), "a picture in the panel")
    oldest = done(studio)[-1]["record"]["request"]
    studio.gui.python(STROKE.format(x=110))
    newest = lambda: done(studio)[0]["record"]["request"]  # noqa: E731 # may have begun before it
    wait(lambda: newest()["source"] != oldest["source"], "a picture of the stroke", RESULT_SECONDS)
    newest = newest()
    assert newest["seed"] == oldest["seed"]
    assert (newest["strength"], newest["mode"]) == (0.3, "inpaint")
    assert newest["loras"] == [{"id": "quick", "weight": 1.0}]
    assert (newest["steps"], newest["guidance"]) == (4, 1.0)
    assert len(studio.layers()) == 1, "nothing is on the canvas"
    wait(lambda: gui.sensitive(TITLE, "Keep This"), "the picture of the stroke")
    studio.keep_evidence("studio-live")
    gui.set_value(TITLE, "Live strength", 0.55)
    asked = lambda: done(studio)[0]["record"]["request"]["strength"]  # noqa: E731
    wait(lambda: asked() == 0.55, "a picture of that strength", RESULT_SECONDS)
    command(studio, "live")
    wait(lambda: not gui.is_shown(TITLE, "Live picture"), "live painting off")
    wait(lambda: not [job for job in live_jobs(studio) if job["status"] == "running"], "rest")
    count = len(live_jobs(studio))
    studio.gui.python(STROKE.format(x=160))
    ready(studio, words="afterwards", steps=3)
    assert len(live_jobs(studio)) == count


@pytest.mark.gui
@pytest.mark.panel
def test_a_live_picture_becomes_a_layer_when_it_is_kept(studio):  # noqa: F811
    gui = studio.gui
    ready(studio, words="a red flower", steps=3)
    command(studio, "live")
    wait(lambda: gui.is_shown(TITLE, "Keep This"), "live painting on")
    wait(lambda: gui.sensitive(TITLE, "Keep This"), "a picture in the panel", RESULT_SECONDS)
    gui.press(TITLE, "Keep This")
    assert studio.wait_for_layers(2)[0]["mask"]
    painted = lambda: studio.gui.python(PAINTED).strip() == "True"  # noqa: E731
    wait(painted, "the next stroke on what was painted")
    command(studio, "live")


def test_fast_runs_begin_at_once_one_at_a_time():
    one = pace.Pace()
    assert not one.is_due(0.0)
    one.change(1.0)
    assert one.is_due(1.0)
    one.begin(1.0)
    one.change(1.5)
    assert not one.is_due(2.0), "one is at work"
    one.end(2.0)
    assert one.is_due(2.0)


@pytest.mark.parametrize(
    ("changes", "due"),
    [([10.0], 10.25), ([10.0, 10.2, 10.4], 10.65), ([10 + n / 5 for n in range(20)], 13.0)],
)
def test_slow_runs_wait_for_a_rest_but_not_for_ever(changes, due):
    one = pace.Pace()
    one.change(0.0)
    one.begin(0.0)
    one.end(4.0)
    times = sorted({*changes, due, *(due - 0.01,)})
    for now in times:
        if now in changes:
            one.change(now)
        assert one.is_due(now) == (now >= due)
        if one.is_due(now):
            break


def test_a_run_that_came_to_nothing_is_not_counted():
    one = pace.Pace()
    one.change(0.0)
    one.begin(0.0)
    one.give_up()
    assert one.mean == 0.0
    one.change(9.0)
    assert one.is_due(9.0)
