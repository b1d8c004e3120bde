"""Runs inside a GIMP root: a virtual screen with a window manager and a real GIMP on it, and the
hands that drive it. Takes one JSON request a line on stdin: {"call": NAME, "args": [...]}, and
answers {"result": ...} or {"error": ...}. Ends, with all it started, when stdin closes."""

import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
from contextlib import suppress

HERE = os.path.dirname(os.path.abspath(__file__))
GIMPRC = """(config-version "{version}")
(check-updates no)
(show-welcome-dialog no)
(restore-session {docks})
(save-session-info no)
(save-document-history no)
(plug-in-path "{plugins}:{system}")
"""
BEGIN = ("Generate", "Edit")  # the button that begins the work, whatever the plan makes it say
BEGINS = "Begins the work, as Ctrl+Return does"
PATIENCE = 60  # seconds, as in session.py, which runs outside
SYSTEM_PLUGINS = ("python-eval", "file-png", "file-jpeg")  # with all of them GIMP starts in 12 s


class Stage:
    def __init__(self, work):
        self.work = work
        self.config = os.path.join(work, "gimp")
        self.batch = os.path.join(work, "batch.sock")
        self.processes = []

    # Start and end

    def start(
        self, plugins, size="1400x900", manager="xfwm4", language="", docks=False, environment=None
    ):
        """Starts screen, buses, window manager and GIMP; gives the seconds GIMP took."""
        os.environ.update(environment or {})
        os.environ.update(
            GIMP3_DIRECTORY=self.config,
            XDG_RUNTIME_DIR=self.folder("runtime", 0o700),
            HOME=self.folder("home"),
            PENTIMENTO_GUI_BATCH=self.batch,
            GTK_A11Y="atspi",
            GTK_OVERLAY_SCROLLING="0",
        )
        if language:
            self.speak(language)
        self.install(plugins, docks)
        self.screen(size)
        self.bus()
        self.manager = self.spawn([manager])
        return self.gimp()

    def folder(self, name, mode=0o755):
        path = os.path.join(self.work, name)
        os.makedirs(path, mode=mode, exist_ok=True)
        return path

    def speak(self, language):
        """Makes programs speak a language that the root has texts for, but no locale of."""
        name = language + ".UTF-8"
        shutil.copytree("/usr/lib/locale/C.utf8", os.path.join(self.folder("locale"), name))
        os.environ.update(LOCPATH=self.folder("locale"), LANG=name)

    def install(self, plugins, docks):
        """Copies the plug-in folders and links the few of GIMP's own that are needed."""
        own, system = self.folder("gimp/plug-ins"), self.folder("gimp/system")
        for path in plugins:
            name = os.path.basename(path)
            skip = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, os.path.join(own, name), ignore=skip)
            os.chmod(os.path.join(own, name, name + ".py"), 0o755)
        home = glob.glob("/usr/lib/*/gimp/3.0/plug-ins")[0]
        for name in SYSTEM_PLUGINS:
            os.symlink(os.path.join(home, name), os.path.join(system, name))
        answer = subprocess.run(["gimp", "--version"], capture_output=True, text=True, check=True)
        with open(os.path.join(self.config, "gimprc"), "w") as rc:
            version = answer.stdout.split()[-1]
            shown = "yes" if docks else "no"
            text = GIMPRC.format(version=version, plugins=own, system=system, docks=shown)
            rc.write(text)
        if docks:
            self.widen_docks()

    def widen_docks(self):
        """GIMP's own arrangement of docks, with room for the layers' names."""
        with open("/etc/gimp/3.0/sessionrc") as standard:
            text = re.sub(r'(right-docks-width) "\d+"', r'\1 "330"', standard.read())
        with open(os.path.join(self.config, "sessionrc"), "w") as own:
            own.write(text)

    def spawn(self, argv, **options):
        path = os.path.join(self.folder("logs"), os.path.basename(argv[0]) + ".log")
        with open(path, "ab") as log:
            options.setdefault("stdout", log)
            process = subprocess.Popen(argv, start_new_session=True, stderr=log, **options)
        self.processes.append(process)
        return process

    def screen(self, size):
        ours, theirs = os.pipe()
        argv = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", size + "x24"]
        self.spawn([*argv, "-nolisten", "tcp", "-nolisten", "local"], pass_fds=[theirs])
        os.close(theirs)
        with os.fdopen(ours) as answer:
            os.environ["DISPLAY"] = ":" + answer.readline().strip()

    def bus(self):
        argv = ["dbus-daemon", "--session", "--print-address=1", "--nofork"]
        process = self.spawn(argv, stdout=subprocess.PIPE)
        os.environ["DBUS_SESSION_BUS_ADDRESS"] = process.stdout.readline().decode().strip()

    def gimp(self):
        begun = time.monotonic()
        code = f"exec(open('{HERE}/batch.py').read())"
        argv = ["gimp", "--no-splash", "--batch-interpreter=python-fu-eval", "-b", code]
        self.process = self.spawn(argv)
        until(self.answers, "GIMP", 120)
        return time.monotonic() - begun

    def kill_gimp(self):
        """Ends GIMP at once, with its plug-ins."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(60)
        os.unlink(self.batch)

    def answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"GIMP ended with {self.process.returncode}")
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(self.batch)
            return True
        except OSError:
            return False

    def stop(self):
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for process in reversed(self.processes):
                if process.poll() is None:
                    os.killpg(process.pid, sign)
            end = time.monotonic() + 5
            for process in self.processes:
                try:
                    process.wait(max(0.1, end - time.monotonic()))
                except subprocess.TimeoutExpired:
                    continue

    # Python inside GIMP

    def python(self, source, timeout=60):
        """Runs Python inside GIMP; gives {"printed", "failure"}."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(self.batch)
            with connection.makefile("rwb") as stream:
                stream.write(json.dumps(source).encode() + b"\n")
                stream.flush()
                return json.loads(stream.readline())

    # Menus, windows, widgets

    def menu(self, label):
        """Activates a menu entry of GIMP by its label."""
        widgets.press(self.entry(label))

    def menu_sensitive(self, label):
        return widgets.has(self.entry(label), widgets.STATES.SENSITIVE)

    def entry(self, label):
        def look():
            return widgets.find(widgets.application("gimp"), "menu item", label, showing=False)

        return until(look, f"menu entry {label!r}")

    def window(self, title, seconds=PATIENCE):
        """Waits for a window whose title contains this; gives the whole title."""
        return self.wait_window(title, seconds).get_name()

    def wait_window(self, title, seconds=PATIENCE):
        try:
            return until(lambda: widgets.windows(title), f"window {title!r}", seconds)[-1]
        except LookupError as error:
            open_now = [window.get_name() for window in widgets.windows()]
            raise LookupError(f"{error}; open are {open_now}") from None

    def gone(self, title, seconds=PATIENCE):
        """Waits until no window of this title is left."""
        return until(lambda: not widgets.windows(title), f"end of window {title!r}", seconds)

    def titles(self):
        return [window.get_name() for window in widgets.windows()]

    def widget(self, title, name, role=None, showing=True, seconds=PATIENCE):
        window = self.wait_window(title)

        def look():
            found = widgets.find(window, role, name, showing)
            return found or (widgets.described(window, BEGINS) if name in BEGIN else None)

        try:
            return until(look, f"{role} {name!r}", seconds)
        except LookupError as error:
            raise LookupError(f"{error} in\n{widgets.dump(window)}") from None

    def click(self, title, name, button=1, times=1, role=None):
        """A button of the mouse over the middle of a widget; 4 and 5 turn the wheel."""
        box = self.at_rest(title, name, role)
        self.xdotool("mousemove", str(box.x + box.width // 2), str(box.y + box.height // 2))
        self.xdotool("click", "--repeat", str(times), str(button))

    def at_rest(self, title, name, role=None):
        """Where a widget is once it stays there: a part may just be brought into sight."""
        seen = []

        def look():
            box = widgets.extents(self.widget(title, name, role))
            seen.append((box.x, box.y, box.width, box.height))
            return box if len(seen) > 2 and len(set(seen[-3:])) == 1 else None

        return until(look, f"{name!r} to stay where it is")

    def stroke(self, title, name, places, button=1, key=None):
        """A button of the mouse pressed at the first of these places in a widget, moved along the
        others and let go at the last; meanwhile a key is held."""
        box = widgets.extents(self.widget(title, name))
        (first, *rest) = [(str(box.x + x), str(box.y + y)) for x, y in places]
        held = ("keydown", key) if key else ()
        along = [word for place in rest for word in ("mousemove", *place)]
        self.xdotool("mousemove", *first, *held, "mousedown", str(button))
        self.xdotool(*along, "mouseup", str(button), *(("keyup", key) if key else ()))

    def press(self, title, name, role=None, showing=True):
        """As a person does, who waits while it is gray."""

        def look():
            found = self.widget(title, name, role, showing)
            return found if widgets.has(found, widgets.STATES.SENSITIVE) else None

        widgets.press(until(look, f"{name!r} to be live"))

    def begins(self, title):
        """What the button says that begins the work."""
        return widgets.described(self.wait_window(title), BEGINS).get_name()

    def progress(self, title):
        """What a dialog says of its job; empty where there is none."""
        with suppress(widgets.GLib.Error):
            found = widgets.find(self.wait_window(title), None, "Progress")
            return found.get_description() if found is not None else ""
        return ""

    def press_in_any_window(self, name):
        """A widget of a menu or a window without a title whose name begins so."""

        def look():
            for app in widgets.applications():
                for node in widgets.walk(app):
                    with suppress(widgets.GLib.Error):
                        if (node.get_name() or "").replace("_", "").endswith(name):
                            return node
            return None

        widgets.press(until(look, name))

    def history(self, title):
        """The prompts that can be taken back."""
        button = self.widget(title, "Prompt history")
        return [item.get_name() for item in widgets.options(button)]

    def take_back(self, title, words):
        items = widgets.options(self.widget(title, "Prompt history"))
        widgets.press(next(item for item in items if item.get_name() == words))

    def press_last(self, title, name, role="button|push button"):
        """The lowest of several that are called alike."""
        widgets.press(widgets.last(self.wait_window(title), role, name))

    def sensitive(self, title, name, role=None):
        return widgets.has(self.widget(title, name, role), widgets.STATES.SENSITIVE)

    def checked(self, title, name):
        return widgets.has(self.widget(title, name), widgets.STATES.CHECKED)

    def set_text(self, title, name, text):
        widgets.set_text(self.widget(title, name, "text|password text|entry"), text)

    def text(self, title, name, role=None):
        return widgets.text(self.widget(title, name, role))

    def set_value(self, title, name, value):
        widgets.set_value(self.widget(title, name, "spin button|slider"), value)

    def value(self, title, name):
        return widgets.value(self.widget(title, name, "spin button|slider"))

    def choose(self, title, name, label):
        widgets.choose(self.widget(title, name, "combo box"), label)

    def choice(self, title, name):
        """The label that a combo box shows now."""
        combo = self.widget(title, name, "combo box")
        chosen = combo.get_selection_iface().get_selected_child(0)
        return (chosen.get_name() if chosen else "") or combo.get_name()

    def choices(self, title, name):
        """Read once more where the list is filled anew meanwhile."""

        def look():
            try:
                combo = self.widget(title, name, "combo box")
                return [[item.get_name() for item in widgets.options(combo)]]
            except widgets.GLib.Error:
                return None

        return until(look, f"choices of {name!r}")[0]

    def live_choices(self, title, name):
        """Those that can be chosen."""
        combo = self.widget(title, name, "combo box")
        live = widgets.STATES.SENSITIVE
        return [item.get_name() for item in widgets.options(combo) if widgets.has(item, live)]

    def group_text(self, title, group):
        """The texts of all labels in a named group of widgets."""
        return widgets.labels(self.widget(title, group))

    def all_text(self, title):
        """Everything a window says."""
        return widgets.labels(self.wait_window(title))

    def words(self, title):
        """Everything a window could say, lists and tooltips included, a line each."""
        return widgets.words(self.wait_window(title))

    def widget_showing(self, title, name, role=None):
        """Waits until a widget can be seen."""
        self.widget(title, name, role)

    def is_shown(self, title, name, role=None):
        """Whether a widget can be seen now."""
        return widgets.find(self.wait_window(title), role, name) is not None

    def unfold_all(self, title):
        return widgets.unfold(self.wait_window(title))

    def places(self, title, role="button|push button"):
        return widgets.places(self.wait_window(title), role)

    def at_rest_places(self, title):
        """Those of all buttons, once nothing moves."""
        seen = [None, None]

        def look():
            seen.append(self.places(title))
            return seen[-1] if seen[-3] == seen[-2] == seen[-1] else None

        return until(look, "buttons that stay where they are")

    def cut(self, title):
        """Texts that are wider than the place they have, as (name, text)."""
        return widgets.cut(self.wait_window(title))

    def focused(self, title):
        return widgets.focused(self.wait_window(title))

    def letters(self, title):
        return widgets.letters(self.wait_window(title))

    def nameless(self, title):
        """Roles of the widgets in a window that a screen reader could say nothing about."""
        return widgets.nameless(self.wait_window(title))

    def progress_cancel(self):
        """Presses the Cancel button beside GIMP's own progress bar."""
        gimp = widgets.application("gimp")

        def look():
            return widgets.find(gimp, "button|push button", "Cancel")

        widgets.press(until(look, "the progress bar's Cancel button"))

    def dump(self, title):
        return widgets.dump(self.wait_window(title))

    # Eyes and keys

    def keys(self, title, *keys):
        """Sends keys to a window as from the keyboard."""
        window = self.x_window(title)
        self.xdotool("windowactivate", "--sync", window)
        self.xdotool("key", "--clearmodifiers", *keys)

    def type_text(self, title, name, text):
        """Letters from the keyboard, at the end of a text."""
        self.click(title, name, role="text")
        self.xdotool("key", "ctrl+End")
        self.xdotool("type", "--delay", "30", text)

    def x_window(self, title):
        """The topmost window with these words in its title. A search that meets a window on its way
        out finds nothing, so it is tried again."""

        def look():
            return self.xdotool("search", "--onlyvisible", "--name", title).split()

        return until(look, f"a window called {title}")[-1]

    def active(self):
        """The title of the window that gets the keys."""
        return self.xdotool("getactivewindow", "getwindowname")

    def xdotool(self, *argv):
        run = subprocess.run(["xdotool", *argv], capture_output=True, text=True, timeout=60)
        return run.stdout.strip()

    def shot(self, path, title=None):
        """A picture of the screen, or of one window with its frame."""
        target = "root"
        if title is not None:
            self.wait_window(title)
            target = self.x_window(title)
            self.xdotool("windowactivate", "--sync", target)
            self.xdotool("windowraise", target)
        subprocess.run(["import", "-frame", "-window", target, path], check=True, timeout=60)
        return path

    def answer_late(self, go_on):
        """The window manager answers no window until it may go on."""
        os.kill(self.manager.pid, signal.SIGCONT if go_on else signal.SIGSTOP)

    def place(self, title, x, y, width, height):
        """Moves and sizes a window."""
        window = self.x_window(title)
        self.xdotool("windowmove", window, str(x), str(y))
        self.xdotool("windowsize", "--sync", window, str(width), str(height))

    def geometry(self, title):
        """{"X", "Y", "WIDTH", "HEIGHT"} of a window in px."""
        window = self.x_window(title)
        lines = self.xdotool("getwindowgeometry", "--shell", window).splitlines()
        return {key: int(value) for key, value in (line.split("=") for line in lines)}

    def log(self):
        with open(os.path.join(self.work, "logs", "gimp.log"), errors="replace") as log:
            return log.read()


def until(condition, what, seconds=PATIENCE):
    """Waits for a true answer of `condition`; the answer."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise LookupError(f"{what} did not come within {seconds} s")
        time.sleep(0.05)


def answer(stage, request):
    global widgets
    try:
        result = getattr(stage, request["call"])(*request["args"], **request.get("options", {}))
        if request["call"] == "start":
            import widgets  # needs the buses
        return {"result": result}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}


def main():
    stage = Stage(sys.argv[1])
    try:
        for line in sys.stdin:
            sys.stdout.write(json.dumps(answer(stage, json.loads(line))) + "\n")
            sys.stdout.flush()
    finally:
        stage.stop()


if __name__ == "__main__":
    main()
