"""A GIMP window together with its server, and what tests say about them in one line each."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.gimp.companion import Companion
from tests.gui.gui import HOST, Gui, GuiError

REPO = Path(__file__).resolve().parents[2]
EVIDENCE = REPO / "tests" / "out" / "gui"
WATCH = REPO / "tests" / "gui" / "watch"
SNAPSHOT = REPO / "tests" / "gimp" / "inside" / "snapshot.py"
# Seconds for what should come at once. What comes is never waited for longer than it takes, and a
# machine may be ten times as busy as another one.
PATIENCE = 60
RESULT_SECONDS = 120  # for a job of a few steps on a busy machine, the engine's start included
LAYER = "小明's _风景 <b>“x”</b> & 🌄"  # marks of menus and markup, quotes, letters of any script
SCENE = """
image = Gimp.Image.new({width}, {height}, Gimp.ImageBaseType.RGB)
layer = Gimp.Layer.new(image, {name!r}, {width}, {height}, Gimp.ImageType.RGB_IMAGE, 100,
                       Gimp.LayerMode.NORMAL)
image.insert_layer(layer, None, 0)
Gimp.context_set_foreground(Gegl.Color.new("rgb(0.20, 0.35, 0.60)"))
layer.fill(Gimp.FillType.FOREGROUND)
Gimp.context_set_foreground(Gegl.Color.new("rgb(0.70, 0.55, 0.30)"))
image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, {height} // 2, {width}, {height} // 2)
layer.edit_fill(Gimp.FillType.FOREGROUND)
Gimp.Selection.none(image)
{more}
display = Gimp.Display.new(image)
image.clean_all()
Gimp.displays_flush()
"""
CLOSE_ALL = """
for image in Gimp.get_images(): image.clean_all()
for number in range(1, 200):
    if Gimp.Display.id_is_valid(number): Gimp.Display.get_by_id(number).delete()
"""
EXPORT = """
from gi.repository import Gio
export = Gimp.get_pdb().lookup_procedure("file-jpeg-export")
settings = export.create_config()
settings.set_property("image", image)
settings.set_property("file", Gio.File.new_for_path({path!r}))
settings.set_property("include-xmp", True)
assert export.run(settings).index(0) == Gimp.PDBStatusType.SUCCESS
"""
LAST_SETTINGS = "GimpProcedureConfigRun-"
FEATHERED = """
image.select_ellipse(Gimp.ChannelOps.REPLACE, 100, 70, 120, 90)
Gimp.Selection.feather(image, 16)
"""


def wait(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """The first true answer of `condition`; fails when none comes in time."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def lives(pid: int) -> bool:
    """Whether a process has not ended; one that nobody has asked for its end has."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


class Session:
    def __init__(self, root: Path, **options: Any) -> None:
        """`options` go to stage.Stage.start. What is scrolled out of sight counts as hidden for
        screen readers, so the screen is high."""
        self.options = {"size": "1400x1300", **options}
        self.gui = Gui(root)
        self.watch = self.gui.work / "watch"
        self.watch.mkdir()
        watched = {"PYTHONPATH": f"{HOST}{WATCH}", "PENTIMENTO_WATCH": str(self.watch)}
        self.options["environment"] = {**watched, **self.options.get("environment", {})}
        self.data = self.gui.data
        self.data.mkdir()
        self.server = Companion(self.data)
        self.adopted = 0

    def __enter__(self) -> Session:
        self.server.__enter__()
        self.described = (self.data / "server.json").read_text()
        self.seconds_to_start = self.gui.start(**self.options)
        self.gui.python(SNAPSHOT.read_text())
        return self

    def __exit__(self, *_: object) -> None:
        self.gui.close()
        self.server.__exit__()
        self._end_adopted_server()

    def tidy(self) -> None:
        """No image, no dialog, no message, no last settings; the shared server where the plug-in
        looks for it."""
        self.close_windows()
        self.gui.python(CLOSE_ALL)
        with suppress(OSError):  # a server that has ended has no jobs
            self.end_jobs()
            wait(lambda: not self.busy(), "the end of all jobs")
        (self.data / "server.json").write_text(self.described)
        (self.data / "install.json").unlink(missing_ok=True)
        self.settings.unlink(missing_ok=True)
        for kept in (self.gui.work / "gimp" / "plug-in-settings").glob("*"):
            kept.unlink()

    def close_windows(self) -> None:
        """Presses Escape in every window but GIMP's own until none is left; the first one only
        stops a job that a dialog is at."""

        def others() -> list[str]:
            ours = ("GIMP", "GNU Image Manipulation Program")
            return [title for title in self.gui.titles() if title and not title.endswith(ours)]

        def closed() -> bool:
            for title in others():
                if title not in self.gui.titles():
                    continue  # it went with the one before
                with suppress(GuiError):
                    self.gui.keys(re.escape(title), "Escape")
                    self.gui.gone(title, 3)
            return not others()

        wait(closed, "the end of all dialogs")

    def kept(self, action: str) -> dict[str, Any]:
        """What the plug-in keeps of an action's words and settings."""
        folder = self.gui.work / "gimp" / "plug-in-settings"
        return json.loads((folder / f"plug-in-pentimento-{action}.json").read_text())

    def kill_gimp(self) -> None:
        """Ends GIMP and its plug-ins at once, and starts it again."""
        self.gui.kill_gimp()
        self.gui.gimp()
        self.gui.python(SNAPSHOT.read_text())

    def keep_evidence(self, name: str) -> None:
        """What the screen showed at the end of a test, for a person to look at."""
        self.gui.shot(EVIDENCE / f"{name}.png")

    def noted(self, kind: str) -> list[dict[str, Any]]:
        """What watch/sitecustomize.py has noted of the plug-in's calls: `http` or `libgimp`."""
        file = self.watch / f"{kind}.jsonl"
        whole, _end, _unfinished = (file.read_text() if file.exists() else "").rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def held_up(self) -> list[dict[str, Any]]:
        """HTTP calls that the plug-in's main thread has made: a window would wait for each."""
        return [call for call in self.noted("http") if call["main"]]

    def at_rest(self) -> bool:
        """Whether no action is in the middle of changing an image: a layer that is there may still
        get its mask, its name or its place."""
        under_way: Counter[int] = Counter()
        for change in self.noted("changes"):  # see watch/sitecustomize.py
            under_way[change["pid"]] += change["step"]
        return not any(n and lives(pid) for pid, n in under_way.items())

    # The image

    def open_scene(self, width: int = 320, height: int = 224, more: str = "") -> None:
        """A two-coloured image on the screen, clean, with an empty undo history but for itself."""
        self.gui.python(SCENE.format(name=LAYER, width=width, height=height, more=more))
        self.gui.window(f"{width}x{height}")

    def read(self, expression: str) -> Any:
        """The value of a Python expression inside GIMP, by JSON."""
        return json.loads(self.gui.python(f"import json\nprint(json.dumps({expression}))"))

    def snapshot(self) -> Any:
        """All of the image, but for the last settings that GIMP itself keeps with an image of every
        procedure that was run on it."""
        taken = self.read("snapshot(image)")
        for name in [name for name in taken["parasites"] if name.startswith(LAST_SETTINGS)]:
            del taken["parasites"][name]
        return taken

    def differences(self, before: Any) -> list[str]:
        """What of the image is not as it was."""
        both = json.dumps([before, self.snapshot()])
        return self.read(f"differences(*json.loads({both!r}))")

    def layers(self) -> list[dict[str, Any]]:
        """Name and box of each layer, topmost first."""
        return self.read(
            "[{'name': l.get_name(), 'box': [*list(l.get_offsets())[1:], l.get_width(),"
            " l.get_height()], 'mask': l.get_mask() is not None} for l in image.get_layers()]"
        )

    def jpeg(self) -> bytes:
        """The image as a file that was exported with its XMP metadata."""
        path = self.gui.work / "exported.jpg"
        self.gui.python(EXPORT.format(path=str(path)))
        return path.read_bytes()

    def wait_for_layers(self, count: int) -> list[dict[str, Any]]:
        """The layers once there are so many and what has brought them is done."""

        def there() -> list[dict[str, Any]] | None:
            if len(self.layers()) != count or not self.at_rest():
                return None
            found = self.layers()  # once more: they may have been half made when they were counted
            return found if len(found) == count else None

        try:
            return wait(there, f"{count} layers", RESULT_SECONDS)
        except AssertionError as error:
            names = [layer["name"] for layer in self.layers()]
            raise AssertionError(f"{error}; {names}; message {self.message()!r}") from None

    def wait_for_no_difference(self, before: Any, *but: str) -> None:
        """Until the image is as it was; what is told with one of these words may differ."""
        left: list[str] = []

        def same() -> bool:
            told = self.differences(before)
            left[:] = [one for one in told if not any(word in one for word in but)]
            return not left

        with suppress(AssertionError):
            wait(same, "no difference")
        assert left == [], left

    def menu(self, label: str) -> None:
        """Activates an entry without a dialog, and waits until its process has ended."""
        known = len(self.noted("processes"))
        self.gui.menu(label)

        def ended() -> bool:
            begun = self.noted("processes")[known:]
            return bool(begun) and not any(lives(one["pid"]) for one in begun)

        wait(ended, f"the end of {label}", RESULT_SECONDS)

    # Dialogs

    def open_dialog(self, title: str) -> str:
        """The words that find the dialog's window; its whole title names the image as well."""
        self.gui.menu(title + "...")
        self.gui.window(title)
        return title

    def status_line(self, title: str) -> str:
        return self.gui.group_text(title, "What will happen")

    def wait_for_status(self, title: str, part: str, seconds: float = PATIENCE) -> str:
        """The status line once it contains `part`."""

        def look() -> str:
            text = self.status_line(title)
            return text if part in text else ""

        try:
            return wait(look, part, seconds)
        except AssertionError:
            raise AssertionError(f"no {part!r} in {self.status_line(title)!r}") from None

    def text_with(self, title: str, part: str) -> str:
        """What a window says, once it says this: it is there before all that is in it."""
        return wait(lambda: part in (text := self.gui.all_text(title)) and text, part)

    def news(self, title: str) -> str:
        """What a dialog says about the last run; empty where there was none."""
        shown = self.gui.is_shown(title, "What happened")
        return self.gui.group_text(title, "What happened") if shown else ""

    def wait_for_news(self, title: str, part: str, seconds: float = RESULT_SECONDS) -> str:
        """What a dialog says about the last run once it contains `part`."""
        try:
            return wait(
                lambda: part in (text := self.news(title)) and text, f"news {part!r}", seconds
            )
        except AssertionError as error:
            states = [(job["status"], job["progress"], job.get("error")) for job in self.jobs()]
            raise AssertionError(f"{error}; news {self.news(title)!r}; jobs {states}") from None

    def message(self) -> str:
        """The text of GIMP's message window, empty when there is none."""
        for title in self.gui.titles():
            if "Message" in title:
                return self.gui.all_text(title)
        return ""

    def wait_for_message(self, part: str, seconds: float = PATIENCE) -> str:
        return wait(
            lambda: (text := self.message()) and part in text and text, f"message {part!r}", seconds
        )

    # The server

    def jobs(self) -> list[dict[str, Any]]:
        """Snapshots of the server's jobs, newest first."""
        return self.server.ask("/v1/jobs")["jobs"]

    def status_of(self, job: dict[str, Any]) -> str:
        """Read from the list: to ask for a job itself counts as following it, and keeps it
        alive."""
        return next(other["status"] for other in self.jobs() if other["id"] == job["id"])

    def busy(self) -> list[dict[str, Any]]:
        """The jobs that wait or run."""
        return [job for job in self.jobs() if job["status"] in ("queued", "running")]

    def end_jobs(self) -> None:
        for job in self.busy():
            self.server.ask(f"/v1/jobs/{job['id']}", "DELETE")

    def at_work(self) -> dict[str, Any] | None:
        """The job that is at its steps now. (One that was stopped may tell for ever that it is.)"""
        running = (job for job in self.busy() if job["status"] == "running")
        return next((job for job in running if job["progress"]["phase"] == "denoising"), None)

    def restart_server(self) -> None:
        """A new shared server in place of one that has ended."""
        if not self.server.process.stdout.closed:
            self.server.process.stdout.close()
        self.server.__enter__()
        self.described = (self.data / "server.json").read_text()

    def point_to(self, url: str, token: str) -> None:
        """Makes the plug-in look for this machine's own server somewhere else."""
        (self.data / "server.json").write_text(json.dumps({"url": url, "token": token}))

    def set_server(self, url: str, token: str) -> None:
        """Names a server by hand, as Setup > Server does."""
        self.settings.write_text(json.dumps({"url": url, "token": token}))

    @property
    def settings(self) -> Path:
        return self.gui.work / "gimp" / "pentimento.json"

    def kill_server(self) -> None:
        """The shared server, whoever started it."""
        if self.adopted:
            os.kill(self.adopted, signal.SIGKILL)
            wait(lambda: not Path(f"/proc/{self.adopted}/exe").exists(), "the server's end")
            self.adopted = 0
        else:
            self.server.process.kill()
            self.server.process.wait(60)

    def let_gimp_start_servers(self) -> None:
        """Writes install.json, as install.sh does, so that the command works from inside the root:
        it goes through a chroot back to this machine."""
        inner = ["/usr/bin/env", f"PYTHONPATH={REPO / 'server'}", f"PENTIMENTO_DATA={self.data}"]
        command = ["/usr/sbin/chroot", HOST, *inner, sys.executable, "-m", "pentimento", "serve"]
        described = {"command": command, "version": "test"}
        (self.data / "install.json").write_text(json.dumps(described))

    def adopt_server(self) -> None:
        """From now on the server that was started from GIMP is the shared one."""
        self.described = (self.data / "server.json").read_text()
        described = json.loads(self.described)
        self.server.url, self.server.token = described["url"], described["token"]
        self.adopted = described["pid"]

    def _end_adopted_server(self) -> None:
        if self.adopted and "pentimento" in Path(f"/proc/{self.adopted}/cmdline").read_text():
            os.kill(self.adopted, signal.SIGTERM)
