"""Finds, starts and stops the companion server. How it is started stands in install.json, which
install.sh wrote; GIMP's own Python is never used for it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Callable, Dict, Iterator, List, Optional, Tuple
from urllib.parse import urlsplit

import other_machine
import settings
import start_words
from client import Client
from errors import PluginError, ServerRefused, ServerUnreachable
from i18n import _
from transport import LOOPBACK

START_SECONDS = 40
POLL_SECONDS = 0.2

SETTINGS, ENVIRONMENT, PAIRED, OWN = "settings", "environment", "paired", "own"

# What GIMP or its package set for GIMP's own libraries and Python; poison for another Python.
FOREIGN_VARIABLES = (
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "DYLD_LIBRARY_PATH",
    "DYLD_INSERT_LIBRARIES",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONEXECUTABLE",
    "GI_TYPELIB_PATH",
    "GIO_MODULE_DIR",
    "GIO_EXTRA_MODULES",
    "GDK_PIXBUF_MODULE_FILE",
    "GDK_PIXBUF_MODULEDIR",
    "GSETTINGS_SCHEMA_DIR",
    "GTK_PATH",
    "GTK_EXE_PREFIX",
    "GTK_DATA_PREFIX",
    "BABL_PATH",
    "GEGL_PATH",
    "SSL_CERT_FILE",
)


# What it says while it starts is read here, and told in GIMP's language by start_words.py.
IN_ENGLISH = {"LC_ALL": "C.UTF-8", "LANGUAGE": ""}


@dataclass(frozen=True)
class Address:
    """`origin` says who named it: the settings, the environment, `pentimento pair`, or the server's
    own file. `fingerprint`: of the certificate of one that was paired with."""

    url: str
    token: str
    origin: str
    fingerprint: str = ""


def data_dir() -> str:
    """The server's data folder; the same rule as in the server, as seen from inside a sandbox."""
    home = os.environ.get("SNAP_REAL_HOME") or os.path.expanduser("~")
    chosen = os.environ.get("PENTIMENTO_DATA")
    if chosen:
        if chosen == "~" or chosen.startswith("~" + os.sep):
            chosen = home + chosen[1:]
        return os.path.abspath(os.path.expanduser(chosen))
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Application Support", "pentimento")
    if os.name == "nt":
        local = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
        return os.path.join(local, "pentimento")
    base = os.environ.get("HOST_XDG_DATA_HOME" if sandbox() else "XDG_DATA_HOME", "")
    if not os.path.isabs(base):  # invalid, says the specification of XDG's base directories
        base = os.path.join(home, ".local", "share")
    return os.path.join(base, "pentimento")


def sandbox() -> str:
    """ "Flatpak", "Snap" or an empty string."""
    if os.path.exists("/.flatpak-info"):
        return "Flatpak"
    return "Snap" if os.environ.get("SNAP_NAME") == "gimp" else ""


def own_file() -> Dict[str, Any]:
    """server.json, or an empty dict where no server of this machine wrote one."""
    return _read_json("server.json")


def address() -> Optional[Address]:
    """Where the server should be; None where nothing names one. A setting wins over the
    environment, that over the machine that was paired with, and that over the server's own file."""
    chosen = settings.load()
    variables = os.environ
    url, token, fingerprint = other_machine.kept(data_dir())
    return (
        resolve(chosen.url, chosen.token, SETTINGS, chosen.fingerprint)
        or resolve(
            variables.get("PENTIMENTO_URL", ""), variables.get("PENTIMENTO_TOKEN", ""), ENVIRONMENT
        )
        or resolve(url, token, PAIRED, fingerprint)
        or resolve(str(own_file().get("url", "")), chosen.token, OWN)
    )


def own(token: str = "") -> Address:
    """The address of this machine's own server. Raises ServerUnreachable where none has run."""
    place = resolve(str(own_file().get("url", "")), token, OWN)
    if place is None:
        raise not_running()
    return place


def not_running() -> ServerUnreachable:
    message = _("The Pentimento server is not running.")
    return ServerUnreachable(message, how_to_start(), "not_running")


def elsewhere() -> str:
    """The other computer whose server is used; empty where it is this one's."""
    try:
        place = address()
        parts = urlsplit(place.url) if place else None
    except (PluginError, ValueError):
        return ""
    if place is None or parts is None or not parts.hostname:
        return ""
    if parts.hostname not in LOOPBACK:
        return parts.hostname
    return parts.netloc if place.fingerprint else ""  # at the end of a tunnel


def resolve(url: str, token: str, origin: str, fingerprint: str = "") -> Optional[Address]:
    """An address with its token. The own server's token is filled in for the own server only: no
    other program may be handed it."""
    if not url:
        return None
    own = own_file()
    if not token and url.rstrip("/") == str(own.get("url", "")).rstrip("/"):
        token = str(own.get("token", ""))
    return Address(url, token, origin, fingerprint)


def connect() -> Client:
    """A client of the running server. Raises ServerUnreachable or ServerRefused (the token)."""
    place = address()
    if place is None:
        raise not_running()
    client = Client(place.url, place.token, place.fingerprint)
    try:
        client.prove()
    except ServerRefused as error:
        if place.origin != OWN or error.code != "unauthorized" or settings.load().token:
            raise
        raise not_running() from error  # another user's server has its port now
    return client


def ready(tell: Callable[[str], None] = lambda text: None) -> Client:
    """A client of the server, which is started where it is not running. `tell` hears what takes
    time. A server named by hand is never started from here: it may be on another machine."""
    try:
        return connect()
    except ServerUnreachable as error:
        place = address()
        if place is not None and place.origin != OWN:
            raise
        if not can_start():
            raise ServerUnreachable(error.message, how_to_start(), error.code) from error
    tell(_("Starting the server…"))
    return start()


def can_start() -> bool:
    return bool(_command()) and not sandbox()


def how_to_start() -> str:
    """What a person does to get the server running."""
    command = _command()
    if not command and not own_file():
        return _("Install it first: run install.sh of Pentimento.")
    if not command:
        return _("Start it in a terminal:") + "\npentimento serve"
    by_hand = " ".join(shlex.quote(part) for part in command)
    if sandbox():
        reason = _("GIMP is a {sandbox} here and may not start programs.").format(sandbox=sandbox())
        return reason + " " + _("Start the server in a terminal:") + "\n" + by_hand
    return (
        _("Start it in Filters > Pentimento > Setup > Server, or in a terminal:") + "\n" + by_hand
    )


def start() -> Client:
    """Starts the server and waits until it answers. It lives on when GIMP ends."""
    command = _command()
    if not command or sandbox():
        raise ServerUnreachable(
            _("The server can't be started from here."), how_to_start(), "cannot_start"
        )
    deadline = time.monotonic() + START_SECONDS
    with _starting(deadline):
        try:
            return connect()  # another one has started it meanwhile
        except (ServerUnreachable, ServerRefused):
            return _started(_spawn(command), deadline)


def _started(process: subprocess.Popen, deadline: float) -> Client:
    while time.monotonic() < deadline:
        try:
            return connect()
        except (ServerUnreachable, ServerRefused) as error:
            last = error
        if process.poll() is not None:
            reason, remedy = _last_words()
            if "is running already" not in reason:
                kept = _("Its messages are in {path}.").format(path=_start_log())
                raise ServerUnreachable(
                    _("The server ended while starting: {reason}").format(
                        reason=start_words.told(reason) or _("it said nothing")
                    ),
                    "\n".join(text for text in (start_words.told(remedy), kept) if text),
                    "start_failed",
                )
        threading.Event().wait(POLL_SECONDS)
    raise last


@contextmanager
def _starting(deadline: float) -> Iterator[None]:
    """Of several programs that want the server at once, one starts it; the others wait for it."""
    try:
        lock = open(os.path.join(data_dir(), "start.lock"), "ab")  # noqa: SIM115
    except OSError:  # `_spawn` says what is wrong with the folder
        yield
        return
    with lock:
        while not _locked(lock) and time.monotonic() < deadline:
            threading.Event().wait(POLL_SECONDS)
        yield


def _locked(lock: BinaryIO) -> bool:
    """Whether the open file is now ours alone, until it is closed."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def stop() -> None:
    """Ends the server and waits until it is gone."""
    client = connect()
    client.shutdown()
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            client.check()
        except PluginError:
            return
        threading.Event().wait(POLL_SECONDS)
    raise PluginError(
        _("The server was asked to stop and is still there."),
        _("It may be finishing a job; try again, or end its process."),
        "still_running",
    )


def clean_environment() -> Dict[str, str]:
    """The environment without what belongs to GIMP's own libraries and Python."""
    environment = dict(os.environ)
    for name in FOREIGN_VARIABLES:
        environment.pop(name, None)
    if environment.get("PENTIMENTO_DATA"):
        environment["PENTIMENTO_DATA"] = data_dir()  # wherever the server is started
    return environment


def _spawn(command: List[str]) -> subprocess.Popen:
    os.makedirs(os.path.dirname(_start_log()), mode=0o700, exist_ok=True)
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    try:
        with open(_start_log(), "wb") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=data_dir(),
                env={**clean_environment(), **IN_ENGLISH},
                creationflags=flags,
                start_new_session=sys.platform != "win32",
            )
    except OSError as error:
        raise ServerUnreachable(
            _("The server can't be started: {reason}").format(reason=error),
            _("Run install.sh of Pentimento again."),
            "start_failed",
        ) from error


def command() -> List[str]:
    """`pentimento` as the installer has put it, without a sub-command; empty where it is not."""
    serve = _command()
    return serve[:-1] if serve[-1:] == ["serve"] else []


def _command() -> List[str]:
    command = _read_json("install.json").get("command")
    return [str(part) for part in command] if isinstance(command, list) else []


def documentation() -> str:
    """The folder of the pages that the installer came with; empty where it is not known."""
    return str(_read_json("install.json").get("docs") or "")


def _read_json(name: str) -> Dict[str, Any]:
    try:
        with open(os.path.join(data_dir(), name), encoding="utf-8-sig") as file:
            content = json.load(file)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _start_log() -> str:
    return os.path.join(data_dir(), "logs", "start.log")


def _last_words() -> Tuple[str, str]:
    """The reason that the server gave and the remedy below it, in English; else its last line."""
    try:
        with open(_start_log(), encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file if line.strip()]
    except OSError:
        lines = []
    for number in reversed(range(len(lines))):
        if lines[number].startswith("pentimento: "):
            remedy = lines[number + 1] if number + 1 < len(lines) else ""
            return lines[number][len("pentimento: ") :], remedy
    return (lines[-1] if lines else ""), ""
