"""What the studio panel costs in real GIMP: seconds until it is open, its memory at rest, how often
live painting brings a picture of 256 x 256 px, with the starter's LoRA for few steps and without
it, and how long GIMP takes to answer while a job runs.

    python benchmarks/studio_panel.py [--gimp 3.2] [--strokes 8] [--first]

With --first, which is for root, GIMP and all that it needs get the processor before everything else
while the panel opens: as on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from measuring import processor_seconds
from tests.gui.gui import roots
from tests.gui.session import Session, wait

TITLE, SIDE = "Studio Panel", 256
SIGN = "json.loads(bytes(Gimp.get_parasite('pentimento-studio-panel').get_data()))"
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


def family(process: int) -> list[int]:
    """A process and all below it."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(folder.name))
    found = [process]
    for one in found:  # grows meanwhile
        found += parents.get(one, [])
    return found


@contextmanager
def before_others(*processes: int) -> Iterator[None]:
    """What they start meanwhile takes after them."""

    def schedule(policy: int, priority: int) -> None:
        for process in (one for first in processes for one in family(first)):
            for task in Path(f"/proc/{process}/task").glob("*"):
                with suppress(ProcessLookupError):
                    os.sched_setscheduler(int(task.name), policy, os.sched_param(priority))

    schedule(os.SCHED_RR, 1)
    try:
        yield
    finally:
        schedule(os.SCHED_OTHER, 0)


def age(process: int) -> float:
    """Seconds since GIMP has started it."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    begun = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - begun


def opened(session: Session, first: bool) -> float:
    """Seconds from the start of the panel's process to its window, by up to 0.08 too many."""
    gui = session.gui
    processes = (gui.process.pid, session.server.process.pid)
    with before_others(*processes) if first else nullcontext():
        gui.menu("Studio Panel...")
        gui.window(TITLE)
        seen = time.perf_counter()
    return age(session.read(SIGN)) - (time.perf_counter() - seen)


def open_panel(session: Session) -> None:
    gui = session.gui
    gui.menu("Studio Panel...")
    gui.window(TITLE)
    gui.place(TITLE, 900, 0, 420, 1240)
    gui.set_text(TITLE, "Prompt", "a red flower")
    session.wait_for_status(TITLE, "px")


def live(session: Session, strokes: int) -> None:
    """Tells the seconds from a stroke to its picture at the server, and those that the engine's
    processor is at it."""
    gui, took, worked = session.gui, [], []
    gui.press(TITLE, "Live painting")
    wait(lambda: done(session), "the first picture", 120)
    for number in range(strokes):
        before = len(done(session))
        began, at_work = time.perf_counter(), engine_seconds(session)
        gui.python(STROKE.format(x=60 + 12 * number, number=number % 9))
        wait(lambda before=before: len(done(session)) > before, "a picture")
        took.append(time.perf_counter() - began)
        worked.append(engine_seconds(session) - at_work)
    print("panel says:", rate(gui.all_text(TITLE)))
    asked = done(session)[0]["record"]["request"]
    print("LoRAs", asked.get("loras", []), "steps", asked["steps"], "guidance", asked["guidance"])
    print(f"stroke to picture, s: median {statistics.median(took):.2f}, most {max(took):.2f};")
    print(f"the engine's processor: median {statistics.median(worked):.2f}")
    gui.press(TITLE, "Live painting")


def engine_seconds(session: Session) -> float:
    return processor_seconds(session.server.ask("/v1/status")["engine"]["pid"])


def rate(text: str) -> str:
    told = ("A picture every", "pictures a second")
    return next((line for line in text.splitlines() if any(words in line for words in told)), "")


def done(session: Session) -> list[dict]:
    jobs = session.jobs()
    return [job for job in jobs if job["client"] == "gimp-live" and job["status"] == "succeeded"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gimp", choices=SUITES, default="3.2")
    parser.add_argument("--strokes", type=int, default=8)
    parser.add_argument("--first", action="store_true", help="before all other programs")
    options = parser.parse_args()
    root = roots()[SUITES[options.gimp]]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(REPO / "server", Path(folder, "server"))
        shutil.rmtree(Path(folder, "server", "pentimento", "starter", "quick"))
        plain = Session(root)
        plain.server.environment["PYTHONPATH"] = str(Path(folder, "server"))
        with plain as session:
            session.open_scene(SIDE, SIDE)
            open_panel(session)
            print("without the LoRA:")
            live(session, options.strokes)
    with Session(root) as session:
        gui = session.gui
        session.open_scene(SIDE, SIDE)
        took = []
        for _round in range(4):
            took.append(opened(session, options.first))
            gui.window(TITLE)
            gui.keys(TITLE, "ctrl+w")
            gui.gone(TITLE)
        print("open after, s:", ", ".join(f"{one:.2f}" for one in took))
        open_panel(session)
        print("memory, MB in all and its own:", *memory(session.read(SIGN)))
        live(session, options.strokes)
        print("memory after that:", *memory(session.read(SIGN)))
        gui.set_value(TITLE, "Variations", 4)
        gui.press(TITLE, "Paint a New Picture")
        wait(lambda: gui.is_shown(TITLE, "Preview"), "a job at work", 120)
        print("GIMP's answers meanwhile, ms: median and longest", gui.python(ASKED).strip())
        session.end_jobs()
        gui.keys(TITLE, "ctrl+w")


if __name__ == "__main__":
    main()
