"""What the studio panel costs in real GIMP: seconds until it is open, its memory at rest, how often
live painting brings a picture of 256 x 256 px, and how long GIMP takes to answer while a job runs.

    python benchmarks/studio_panel.py [--gimp 3.2] [--strokes 8]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from tests.gui.gui import roots
from tests.gui.session import Session, wait

TITLE, SIDE = "Studio Panel", 256
SUITES = {"3.0": "trixie", "3.2": "sid"}
STROKE = """
Gimp.context_set_foreground(Gegl.Color.new("rgb(0.9, 0.{number}, 0.1)"))
Gimp.context_set_brush_size(24)
Gimp.paintbrush_default(image.get_layers()[-1], [{x}, 60, {x} + 40, 150])
Gimp.displays_flush()
"""
ASKED = """
import time, json
took = []
for _number in range(200):
    begun = time.perf_counter()
    Gimp.get_images()
    took.append(time.perf_counter() - begun)
    time.sleep(0.01)
print(json.dumps([sorted(took)[100] * 1000, max(took) * 1000]))
"""


def memory(process: int) -> tuple[int, int]:
    """MB in all and of its own."""
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    kept = {line.split(":")[0]: int(line.split()[1]) for line in rollup if line.endswith("kB")}
    return kept["Rss"] // 1024, (kept["Private_Dirty"] + kept["Private_Clean"]) // 1024


def live(session: Session, strokes: int) -> list[float]:
    """Seconds from a stroke to its picture at the server."""
    gui, took = session.gui, []
    gui.press(TITLE, "Live painting")
    wait(lambda: done(session), 120, "the first picture")
    for number in range(strokes):
        before = len(done(session))
        begun = time.perf_counter()
        gui.python(STROKE.format(x=60 + 12 * number, number=number % 9))
        wait(lambda before=before: len(done(session)) > before, 60, "a picture")
        took.append(time.perf_counter() - begun)
    print("panel says:", rate(gui.all_text(TITLE)))
    gui.press(TITLE, "Live painting")
    return took


def rate(text: str) -> str:
    return next((line for line in text.splitlines() if "A picture every" in line), text[-200:])


def done(session: Session) -> list[dict]:
    jobs = session.jobs()
    return [job for job in jobs if job["client"] == "gimp-live" and job["status"] == "succeeded"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gimp", choices=SUITES, default="3.2")
    parser.add_argument("--strokes", type=int, default=8)
    options = parser.parse_args()
    with Session(roots()[SUITES[options.gimp]]) as session:
        gui = session.gui
        session.open_scene(SIDE, SIDE)
        opened = []
        for _round in range(3):
            begun = time.perf_counter()
            gui.menu("Studio Panel...")
            gui.window(TITLE)
            opened.append(time.perf_counter() - begun)
            gui.keys(TITLE, "ctrl+w")
            gui.gone(TITLE)
        print("open after, s:", ", ".join(f"{one:.2f}" for one in opened))
        gui.menu("Studio Panel...")
        gui.window(TITLE)
        gui.place(TITLE, 900, 0, 420, 1240)
        gui.set_text(TITLE, "Prompt", "a red flower")
        session.wait_for_status(TITLE, "px")
        sign = "json.loads(bytes(Gimp.get_parasite('pentimento-studio-panel').get_data()))"
        print("memory, MB in all and its own:", *memory(session.read(sign)))
        took = live(session, options.strokes)
        print(f"stroke to picture, s: median {statistics.median(took):.2f}, most {max(took):.2f}")
        print("memory after that:", *memory(session.read(sign)))
        gui.set_value(TITLE, "Variations", 4)
        gui.press(TITLE, "Paint a New Picture")
        wait(lambda: gui.is_shown(TITLE, "Preview"), 120, "a job at work")
        print("GIMP's answers meanwhile, ms: median and longest", gui.python(ASKED).strip())
        session.end_jobs()
        gui.keys(TITLE, "ctrl+w")


if __name__ == "__main__":
    main()
