"""Python loads this file first in every process of a GIMP under test. In the plug-in's own it notes
what the main thread does that could hold up a window; nothing of it is in the plug-in.

PENTIMENTO_WATCH names a folder. `http.jsonl` gets a line for every HTTP call: its method, its path,
whether the main thread made it, and from where. Where the folder has a file `libgimp`,
`libgimp.jsonl` gets one for every call of libgimp: its name and its processor time in seconds, of
this process and of GIMP's main thread, which does what was asked for. `changes.jsonl` gets a line
where a change of an image begins and where it ends: an undo group, or what is outside of the undo
history. `processes.jsonl` gets one for every process. Where the process crashes, GIMP's log gets
the Python stacks of all its threads.
"""

import importlib.util
import os
import sys

FOLDER = os.environ.get("PENTIMENTO_WATCH", "")


def watch_http():
    import http.client

    original = http.client.HTTPConnection.request

    def request(self, method, url, *args, **options):
        note("http", {"call": f"{method} {url}", "main": on_main(), "from": places()})
        return original(self, method, url, *args, **options)

    http.client.HTTPConnection.request = request


def watch_crashes():
    """With the first thread, since libgimp puts handlers of its own in place before that."""
    import faulthandler
    import threading

    original = threading.Thread.start

    def start(self):
        faulthandler.enable()
        return original(self)

    threading.Thread.start = start


def watch_changes():
    import gi

    gi.require_version("Gimp", "3.0")
    from gi.repository import Gimp

    begin, end = ("undo_group_start", "undo_freeze"), ("undo_group_end", "undo_thaw")
    for name in begin + end:
        call = vars(Gimp.Image)[name]
        setattr(Gimp.Image, name, noted_change(call, 1 if name in begin else -1))


def noted_change(function, step):
    """Notes a beginning before it and an end after it."""

    def call(*args):
        if step > 0:
            note("changes", {"pid": os.getpid(), "step": step})
        try:
            return function(*args)
        finally:
            if step < 0:
                note("changes", {"pid": os.getpid(), "step": step})

    return call


def watch_libgimp():
    import gi

    gi.require_version("Gimp", "3.0")
    from gi.repository import Gimp

    classes = (Gimp.Image, Gimp.Item, Gimp.Drawable, Gimp.Layer, Gimp.GroupLayer, Gimp.Channel)
    for kind in (*classes, Gimp.LayerMask, Gimp.Selection, Gimp.Display, Gimp.Parasite):
        for name, info in list(vars(kind).items()):
            if type(info).__name__ != "FunctionInfo":
                continue
            label = f"{kind.__name__}.{name}"
            timed = timed_call(info if info.is_method() else getattr(kind, name), label)
            setattr(kind, name, timed if info.is_method() else staticmethod(timed))


def timed_call(function, label):
    import time

    def call(*args, **options):
        gimp, own = gimp_seconds(), time.thread_time()
        try:
            return function(*args, **options)
        finally:
            used = time.thread_time() - own + gimp_seconds() - gimp
            note("libgimp", {"call": label, "seconds": used, "main": on_main()})

    return call


def gimp_seconds():
    """The processor time of GIMP's main thread."""
    parent = os.getppid()
    with open(f"/proc/{parent}/task/{parent}/schedstat") as file:
        return int(file.read().split()[0]) / 1e9


def on_main():
    import threading

    return threading.current_thread() is threading.main_thread()


def places():
    """The functions of the plug-in that led here, the innermost last."""
    import traceback

    frames = [frame for frame in traceback.extract_stack() if "/pentimento/" in frame.filename]
    return [f"{os.path.basename(one.filename)}:{one.lineno} {one.name}" for one in frames]


def note(name, line):
    import json

    with open(os.path.join(FOLDER, name + ".jsonl"), "a") as file:
        file.write(json.dumps(line) + "\n")


if FOLDER and any(one.endswith("/pentimento.py") for one in sys.orig_argv):
    note("processes", {"pid": os.getpid()})
    watch_http()
    watch_crashes()
    if importlib.util.find_spec("gi"):  # there is no GIMP where this file itself is tested
        watch_changes()
    if os.path.exists(os.path.join(FOLDER, "libgimp")):
        watch_libgimp()
