"""A campaign with the studio panel over two images in a real GIMP: jobs are begun, stopped, kept,
switched, undone, refused; the panel, actions of the menu, the server, the engine and GIMP itself
are killed at random moments. No finished result may be lost, no image damaged, no process left.

By one command, for as long as one likes:
`python -m tests.gui.campaign --gimp 3.2 --actions 100 --kills 4 --seed 1`
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import sys
import threading
import time
import urllib.error
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.gui.gui import GuiError, roots
from tests.gui.session import Session, wait
from tests.gui.steps import RUN
from tests.gui.test_studio import CHECKSUM, OPEN, PANEL_COMMAND, TITLE

SUITES = {"3.0": "trixie", "3.2": "sid"}
IMAGES = ("first", "second")  # their names inside GIMP
BUTTON = "Fill Selection"
HEIGHT = 3000  # px of the screen; what is scrolled out of sight cannot be pressed
SCREEN = f"1400x{HEIGHT}"
PATIENCE = 240  # seconds for what takes some on a busy machine; what takes longer hangs
MOMENT = 2.5  # seconds within which something happens to a job that was begun
SETTLED_AFTER = 3  # checks of one panel, after which its memory must not grow
GROWTH_MB = 16  # of one panel from then on
KEPT = ("keep", "discard", "next", "previous", "compare")
BEGUN = """
image.undo_disable()
image.undo_enable()
image.clean_all()
{name} = image
"""
SELECT = """
Gimp.context_push()
{name}.select_ellipse(Gimp.ChannelOps.REPLACE, {x}, {y}, 96, 80)
Gimp.Selection.feather({name}, 6)
Gimp.context_pop()
"""
SAVE = """
from gi.repository import Gio
for image, path in {places}:
    file = Gio.File.new_for_path(path)
    assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None), path
"""
LOAD = """
from gi.repository import Gio
{name} = image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path({path!r}))
display = Gimp.Display.new(image)
Gimp.displays_flush()
"""
STATE = """
import json
def state_of(image):
    base = image.get_layers()[-1]
    results = [[l.get_name(), l.get_width(), l.get_height()] for l in image.get_layers()[:-1]]
    return {"base": [base.get_name(), *list(base.get_offsets())[1:], checksum(base)],
            "size": [image.get_width(), image.get_height()], "results": results}
"""


@dataclass
class PanelCampaign:
    session: Session
    chance: random.Random
    actions: int
    kills: int  # of each process
    wrong: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    finished: dict[str, str] = field(default_factory=dict)  # job: what its pictures are
    memory: list[list[int]] = field(default_factory=list)  # MB at the checks of each panel
    bases: dict[str, Any] = field(default_factory=dict)
    number: int = 0

    # Its course

    def run(self) -> None:
        session = self.session
        session.let_gimp_start_servers()
        self._open_images()
        self._open_panel()
        harms = [self.kill_panel, self.kill_action, self.kill_server, self.kill_engine]
        harms = [*harms, self.kill_gimp] * self.kills
        places = self.chance.sample(range(self.actions), len(harms))
        due = dict(zip(places, harms, strict=True))
        for number in range(self.actions):
            step = due.get(number) or self.chance.choice(self._deeds())
            self._tell(number, step.__name__)
            self.done[step.__name__] += 1
            step()
            if number in due or self.chance.random() < 0.4:
                self.settle()
                self.check()
        self.settle()
        self.check()
        self._end()

    def _tell(self, number: int, what: str) -> None:
        print(f"{number + 1}/{self.actions} {what}", file=sys.stderr, flush=True)

    def _deeds(self) -> list[Callable[[], None]]:
        often = [self.generate, self.generate, self.generate_and_wait, self.both]
        rest = [self.stop, self.stop_and_keep, self.cancel_elsewhere, self.refused]
        return [*often, *rest, self.results, self.results, self.undo, self.action, self.live]

    # What is done

    def generate(self) -> str:
        """Begins a job at some place of one image; gives its words."""
        name = self.chance.choice(IMAGES)
        return self._generate(name)

    def both(self) -> None:
        for name in IMAGES:
            self._generate(name)

    def generate_and_wait(self) -> None:
        """Its result must come to its image."""
        self.settle()
        name = self.chance.choice(IMAGES)
        words = self._generate(name, steps=4)

        def is_there() -> bool:
            return any(words in layer[0] for layer in self._state(name)["results"])

        wait(is_there, f"the result of {words}; {self.session.news(TITLE)}", PATIENCE)

    def _generate(self, name: str, steps: int = 0, more: str = "") -> str:
        gui, self.number = self.session.gui, self.number + 1
        words = f"“{self.number}” 月亮{more}"
        x, y = self.chance.randrange(0, 200), self.chance.randrange(0, 130)
        gui.python(SELECT.format(name=name, x=x, y=y))
        self._command("aim", name)
        gui.set_text(TITLE, "Prompt", words)
        gui.set_value(TITLE, "Steps", steps or self.chance.choice((3, 6, 40)))
        gui.set_value(TITLE, "Variations", 1 if steps else self.chance.choice((1, 1, 2)))
        if not more:
            wait(self._can_begin, "the button", PATIENCE)
        self._command("generate", name)
        return words.split()[0]

    def _can_begin(self) -> bool:
        gui = self.session.gui
        return gui.is_shown(TITLE, BUTTON) and gui.sensitive(TITLE, BUTTON)

    def stop(self) -> None:
        self._a_moment()
        self._command("stop")

    def stop_and_keep(self) -> None:
        self.generate()
        self._a_moment()
        self._press_if_shown("Stop and Keep")

    def cancel_elsewhere(self) -> None:
        self.generate()
        self._a_moment()
        for job in self._jobs():
            if job["status"] in ("queued", "running"):
                with suppress(OSError):
                    self.session.server.ask(f"/v1/jobs/{job['id']}", "DELETE")
                return

    def refused(self) -> None:
        """What the server refuses, in words; the button cannot be pressed then."""
        self._generate(self.chance.choice(IMAGES), more=" <lora:nowhere>")
        self.session.wait_for_status(TITLE, "nowhere", PATIENCE)
        assert not self.session.gui.sensitive(TITLE, BUTTON)

    def results(self) -> None:
        for _number in range(self.chance.randint(1, 4)):
            self._command(self.chance.choice(KEPT), self.chance.choice(IMAGES))

    def undo(self) -> None:
        self.session.gui.keys("[0-9]x[0-9].*GIMP", "ctrl+z")

    def action(self) -> None:
        """One of the menu, as a script calls it, beside the panel."""
        name = self.chance.choice(IMAGES)
        with suppress(GuiError):  # where the server is on its way, in words
            self.session.gui.python(f"image = {name}\n" + self._action(3), PATIENCE)

    @staticmethod
    def _action(steps: int) -> str:
        options = {"prompt": "a scripted moon", "steps-preset": "custom", "steps": steps}
        drawables = "[image.get_layers()[-1]]"
        return RUN.format(action="img2img", drawables=drawables, options=options)

    def live(self) -> None:
        """On, a stroke, and off."""
        self._command("live")
        self._a_moment()
        self._command("live")

    # What is killed

    def kill_panel(self) -> None:
        self._in_the_middle()
        pid = self._panel()
        os.kill(pid, signal.SIGKILL)
        self.session.gui.gone(TITLE, PATIENCE)
        self._open_panel()

    def kill_action(self) -> None:
        """GIMP's Cancel, as it were."""
        killer = threading.Thread(target=self._kill_next_action, args=(self._plugins(),))
        killer.start()
        self.session.gui.python(
            f"image = {self.chance.choice(IMAGES)}\n" + self._action(60), PATIENCE
        )
        killer.join()

    def _kill_next_action(self, known: set[int]) -> None:
        (pid, *_) = wait(lambda: self._plugins() - known, "the action's process", PATIENCE)
        time.sleep(self.chance.random() * MOMENT)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def kill_server(self) -> None:
        self._in_the_middle()
        engines = self._engines()
        self.session.kill_server()
        wait(lambda: not self._engines() & engines, "the engine's end after its server's", PATIENCE)
        self._revive()

    def kill_engine(self) -> None:
        self._in_the_middle()
        for pid in self._engines():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_gimp(self) -> None:
        places = self._saved()
        self._in_the_middle()
        panel = self._panel()
        self.session.kill_gimp()
        wait(lambda: not _lives(panel), "the panel's end after GIMP's", PATIENCE)
        for name, path in places.items():
            self.session.gui.python(LOAD.format(name=name, path=path))
        self._helpers()
        self._open_panel()

    def _in_the_middle(self) -> None:
        if self.chance.random() < 0.8:
            self.generate()
        self._a_moment()

    def _a_moment(self) -> None:
        time.sleep(self.chance.random() * MOMENT)

    def _revive(self) -> None:
        """The next job starts a server, which is the shared one from now on."""
        old = self.session.described

        def is_new() -> bool:
            with suppress(OSError, ValueError):
                text = (self.session.data / "server.json").read_text()
                return text != old and _lives(json.loads(text)["pid"])
            return False

        self._generate(IMAGES[0], steps=3)
        wait(is_new, "a new server", PATIENCE)
        self.session.adopt_server()

    # What must hold

    def settle(self) -> None:
        """Until nothing runs or waits."""
        busy = ("queued", "running")
        wait(lambda: not [j for j in self._jobs() if j["status"] in busy], "rest", PATIENCE)
        wait(lambda: not self.session.gui.is_shown(TITLE, "Stop"), "rest in the panel", PATIENCE)

    def check(self) -> None:
        self._check_results()
        for name in IMAGES:
            self._check_image(name)
        self._check_processes()
        self.memory[-1].append(_own_mb(self._panel()))

    def _check_results(self) -> None:
        """Every finished job that was seen is there still, with the same bytes."""
        kept = {job["id"]: job for job in self._jobs()}
        for job_id, was in self.finished.items():
            now = self._pictures(kept[job_id]) if job_id in kept else "gone"
            if now != was:
                self.wrong.append(f"job {job_id}: {now}, was {was}")
        for job_id, job in kept.items():
            if job["status"] == "succeeded" and job["client"] != "gimp-live":
                self.finished.setdefault(job_id, self._pictures(job))

    def _pictures(self, job: dict[str, Any]) -> str:
        digest = hashlib.sha256()
        for image in job["images"]:
            with suppress(urllib.error.HTTPError):
                digest.update(self.session.server.fetch(image["url"], "application/x-pixels")[1])
        return f"{job['status']} {len(job['images'])} {digest.hexdigest()[:12]}"

    def _check_image(self, name: str) -> None:
        state = self._state(name)
        kept = {"base": state["base"], "size": state["size"]}
        if self.bases.setdefault(name, kept) != kept:
            self.wrong.append(f"{name}: {kept}, was {self.bases[name]}")

    def _check_processes(self) -> None:
        for what, found in {"server": self._servers(), "engine": self._engines()}.items():
            if len(found) > 1:
                self.wrong.append(f"{len(found)} processes of the {what}: {found}")
        with suppress(AssertionError):
            wait(lambda: self._plugins() == {self._panel()}, "one plug-in")
            return
        self.wrong.append(f"plug-ins {self._plugins()} beside the panel {self._panel()}")

    def grown(self) -> list[int]:
        """MB by which each panel grew after its first checks."""
        lives = [life[SETTLED_AFTER:] for life in self.memory if len(life) > SETTLED_AFTER + 1]
        return [life[-1] - life[0] for life in lives]

    def report(self) -> dict[str, Any]:
        grown = self.grown()
        too_much = [mb for mb in grown if mb > GROWTH_MB]
        ended = Counter(job["status"] for job in self._jobs()) if self.session else {}
        return {
            "actions": sum(self.done.values()),
            "done": self.done,
            "jobs": ended,
            "results kept": len(self.finished),
            "panel's own memory, MB": self.memory,
            "grown, MB": grown,
            "wrong": self.wrong + [f"a panel grew by {mb} MB" for mb in too_much],
        }

    # The parts

    def _open_images(self) -> None:
        for name, size in zip(IMAGES, ((320, 224), (288, 256)), strict=True):
            self.session.open_scene(*size, more="")
            self.session.gui.python(BEGUN.format(name=name))
        self._helpers()
        for name in IMAGES:
            self._check_image(name)

    def _helpers(self) -> None:
        self.session.gui.python(CHECKSUM + STATE)

    def _open_panel(self) -> None:
        gui = self.session.gui
        gui.menu("Studio Panel...")
        gui.window(TITLE, PATIENCE)
        gui.place(TITLE, 900, 0, 420, HEIGHT - 60)
        if not gui.is_shown(TITLE, "Quality"):
            gui.press(TITLE, "More options", "toggle button")
        gui.choose(TITLE, "Quality", "Custom")
        self.memory.append([])

    def _command(self, name: str, image: str = "None") -> None:
        self.session.gui.python(PANEL_COMMAND.format(name=name, image=image), PATIENCE)

    def _press_if_shown(self, name: str) -> None:
        """It may go away meanwhile."""
        gui = self.session.gui
        with suppress(GuiError):
            if gui.is_shown(TITLE, name):
                gui.press(TITLE, name)

    def _state(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.session.read(f"state_of({name})")
        return found

    def _saved(self) -> dict[str, str]:
        places = {name: str(self.session.gui.work / f"{name} 图.xcf") for name in IMAGES}
        pairs = ", ".join(f"({name}, {path!r})" for name, path in places.items())
        self.session.gui.python(SAVE.format(places=f"({pairs})"))
        return places

    def _jobs(self) -> list[dict[str, Any]]:
        """All, in every page; while there is no server, none."""
        with suppress(OSError):
            return self.session.server.ask("/v1/jobs?limit=500")["jobs"]
        return []

    def _panel(self) -> int:
        sign = "json.loads(bytes(Gimp.get_parasite('pentimento-studio-panel').get_data()))"
        return int(self.session.read(sign))

    def _plugins(self) -> set[int]:
        return _processes(str(self.session.gui.work), "pentimento/pentimento.py")

    def _servers(self) -> set[int]:
        return _processes(f"PENTIMENTO_DATA={self.session.data}", "pentimento\0serve")

    def _engines(self) -> set[int]:
        return _processes(str(self.session.data), "pentimento.engine.process")

    def _end(self) -> None:
        """Everything is closed: nothing of it may be left."""
        session = self.session
        if session.read(OPEN):
            self._command("close")
            session.gui.gone(TITLE, PATIENCE)
        wait(lambda: not self._plugins(), "the end of the plug-in's processes", PATIENCE)


def left_over(data: Path) -> set[int]:
    """Processes of servers and engines with this data folder."""
    return _processes(str(data), "pentimento")


def _processes(mark: str, command: str) -> set[int]:
    """Those with `mark` in their environment or command line, and `command` in this."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (folder / "cmdline").read_bytes().decode(errors="replace")
            told = (folder / "environ").read_bytes().decode(errors="replace")
            if command in line and mark in line + told and int(folder.name) != os.getpid():
                found.add(int(folder.name))
    return found


def _lives(pid: int) -> bool:
    with suppress(OSError):
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return False


def _own_mb(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kept = {line.split(":")[0]: int(line.split()[1]) for line in rollup if line.endswith("kB")}
    return (kept["Private_Dirty"] + kept["Private_Clean"]) // 1024


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--gimp", choices=SUITES, default="3.2")
    options.add_argument("--actions", type=int, default=100)
    options.add_argument("--kills", type=int, default=4, help="of each of the five processes")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    with Session(roots()[SUITES[chosen.gimp]], size=SCREEN) as session:
        campaign = PanelCampaign(session, random.Random(chosen.seed), chosen.actions, chosen.kills)
        try:
            campaign.run()
        finally:
            session.keep_evidence(f"campaign-{chosen.gimp}")
            report = campaign.report()
            print(json.dumps(report, indent=2, ensure_ascii=False))
    data = session.data
    with suppress(AssertionError):
        wait(lambda: not left_over(data), "the end of all processes")
    if left_over(data):
        report["wrong"].append(f"left over: {left_over(data)}")
        print(report["wrong"][-1])
    sys.exit(bool(report["wrong"]))


if __name__ == "__main__":
    main()
