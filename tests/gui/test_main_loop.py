"""No window waits: HTTP stays off the main thread in every dialog, and of libgimp's calls only
those that move pixels take long. Judged by who calls what and by processor time, whatever else the
machine does."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.gui.session import WATCH, wait
from tests.gui.steps import fill_in
from tests.gui.test_all_dialogs import DIALOGS

pytestmark = pytest.mark.gui
MOST = 0.05  # seconds of processor
TITLE = "Image to Image"
MOVES_PIXELS = ("Layer.new_from_", "Image.duplicate", "Image.insert_layer", "Image.delete")
ASKS_THE_SERVER = ("E_xpand...", "U_pscale...", "_Where to Run...", "_Models...", "_Server...")
CALLER = """
import http.client, runpy, sys, threading
sys.orig_argv = ["python3", "/somewhere/pentimento.py"]
runpy.run_path({folder!r} + "/sitecustomize.py")
def call(path):
    try:
        http.client.HTTPConnection("127.0.0.1", 9, timeout=5).request("GET", path)
    except OSError:
        pass
call("/main")
thread = threading.Thread(target=call, args=("/thread",))
thread.start()
thread.join()
"""


def slow(calls, most):
    """The calls of libgimp that took longer each time, by name: what is slow is so every time; a
    busy GIMP is so now and then."""
    least: dict[str, float] = {}
    for call in calls:
        if call["main"] and not call["call"].startswith(MOVES_PIXELS):
            least[call["call"]] = min(call["seconds"], least.get(call["call"], 1e9))
    return {name: seconds for name, seconds in least.items() if seconds > most}


def test_dialogs_ask_in_threads_and_their_calls_of_libgimp_are_short(gimp):
    gimp.open_scene(640, 427)
    gui = gimp.gui
    (gimp.watch / "libgimp").touch()
    try:
        gimp.open_dialog(TITLE)
        fill_in(gimp, TITLE, "山 “hills” 🎲", "Restyle", steps=2)
        gui.press(TITLE, "Generate")
        gimp.wait_for_news(TITLE, "Done")
        gui.keys(TITLE, "Escape")
        gui.gone(TITLE)
        for label in ASKS_THE_SERVER:
            before = len(gimp.noted("http"))
            gui.menu(label.replace("_", ""))
            gui.window(DIALOGS[label])
            wait(lambda n=before: len(gimp.noted("http")) > n, f"a question of {label}")
            gimp.close_windows()
    finally:
        (gimp.watch / "libgimp").unlink()
    calls = gimp.noted("http")
    assert any(call["call"].startswith("POST /v1/plan") for call in calls)
    assert any(call["call"].startswith("POST /v1/jobs") for call in calls)
    assert gimp.held_up() == []
    made = gimp.noted("libgimp")
    assert len({call["call"] for call in made}) > 20
    assert slow(made, MOST) == {}


def test_libgimp_is_called_by_the_main_thread_alone(gimp):
    """It is no library for threads."""
    assert [call for call in gimp.noted("libgimp") if not call["main"]] == []


def test_the_watch_tells_the_main_thread_from_others(tmp_path, monkeypatch):
    monkeypatch.setenv("PENTIMENTO_WATCH", str(tmp_path))
    source = CALLER.format(folder=str(WATCH))
    subprocess.run([sys.executable, "-c", source], check=True, timeout=60)
    lines = (tmp_path / "http.jsonl").read_text().splitlines()
    assert ['"GET /main", "main": true' in line for line in lines] == [True, False]
    assert '"GET /thread", "main": false' in lines[1]
