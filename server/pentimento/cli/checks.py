"""What `pentimento doctor` looks at: each check is one finding with the remedy.

A check never raises for what it is there to find out.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from urllib.parse import urlsplit

from pentimento import __version__
from pentimento.cli.client import Client
from pentimento.core import data_folder as data_folder_rule
from pentimento.core.errors import BadInput, PentimentoError
from pentimento.core.files import server_file
from pentimento.engine_ipc.host import clean_environment
from pentimento.models.library.folders import Folders
from pentimento.models.library.places import places
from pentimento.models.library.registry import Registry


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"  # works, or works after the hint; exit code 0
    FAILED = "failed"  # a job cannot work; exit code 1


@dataclass(frozen=True, slots=True)
class Finding:
    """`text` says what was seen, `hint` what to do about it."""

    name: str
    state: State
    text: str
    hint: str = ""


def ok(name: str, text: str) -> Finding:
    return Finding(name, State.OK, text)


def warning(name: str, text: str, hint: str) -> Finding:
    return Finding(name, State.WARNING, text, hint)


def failed(name: str, text: str, hint: str) -> Finding:
    return Finding(name, State.FAILED, text, hint)


NAME = "Folders of other programs"


def added_folders(folder: Path) -> Iterator[Finding]:
    try:
        known = Folders(folder).list()
    except BadInput as problem:
        yield failed(NAME, problem.message, problem.hint)
        return
    if not known:
        yield ok(NAME, "none added; `pentimento models folders add PATH` lists their models too")
    for place in known:
        if place.path.is_dir():
            count = len(places(place))
            yield ok(NAME, f"{place.path} ({place.kind}): {count} files and folders of models")
        else:
            yield warning(
                NAME,
                f"{place.path} is not there",
                "Connect the disk, or `pentimento models folders remove` it.",
            )


PROGRAMS = ("gimp", "gimp-3.2", "gimp-3.0", "gimp-3", "gimp-console", "gimp-console-3.0")
MAIN = "pentimento.py"
PLUG_IN = Path("plug-ins", "pentimento")
REINSTALL = "Run install.sh of Pentimento again."
VERSION_SECONDS = 20


def program() -> Finding:
    """The first GIMP 3 that can be started."""
    older = ""
    for name in PROGRAMS:
        path = shutil.which(name)
        version = _version(path) if path else ""
        if version.startswith("3."):
            return ok("GIMP", f"{version} at {path}")
        older = older or version
    if _flatpak().is_dir():
        return ok("GIMP", "the Flatpak org.gimp.GIMP")
    seen = f"only GIMP {older} found" if older else "not found"
    return warning("GIMP", seen, "Install GIMP 3.0 or newer; the shell commands work without it.")


def plug_ins() -> list[Finding]:
    """One finding for each configuration folder of a GIMP 3."""
    folders = config_folders()
    if not folders:
        return [
            warning(
                "Plug-in",
                "no configuration folder of GIMP 3 found",
                "Start GIMP 3 once, then run install.sh.",
            )
        ]
    return [_plug_in(folder) for folder in folders]


def config_folders() -> list[Path]:
    """Where GIMP 3.x keeps its settings on this system: own packages, Flatpak, Snap."""
    chosen = os.environ.get("GIMP3_DIRECTORY")
    if chosen:
        return [Path(chosen)]
    home = Path.home()
    if sys.platform == "darwin":
        roots = [home / "Library" / "Application Support" / "GIMP"]
    elif os.name == "nt":
        roots = [Path(os.environ.get("APPDATA", home)) / "GIMP"]
    else:
        own = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "GIMP"
        snap = home / "snap" / "gimp" / "current" / ".config" / "GIMP"
        roots = [own, _flatpak() / "config" / "GIMP", snap]
    return sorted(folder for root in roots for folder in root.glob("3.*") if folder.is_dir())


def _plug_in(config: Path) -> Finding:
    name = f"Plug-in in {config}"
    folder = config / PLUG_IN
    main = folder / MAIN
    if not main.is_file():
        return failed(name, "not installed", REINSTALL)
    if os.name != "nt" and not os.access(main, os.X_OK):
        return failed(name, "GIMP skips it: it may not be executed", f"chmod +x '{main}'")
    installed = _stated_version(folder)
    if installed and installed != __version__:
        return failed(name, f"version {installed}, the server has {__version__}", REINSTALL)
    return _registration(name, config / "pluginrc", main)


def _registration(name: str, pluginrc: Path, main: Path) -> Finding:
    """GIMP reads a plug-in again only when the time of its main file changes."""
    newest = max(file.stat().st_mtime for file in main.parent.rglob("*.py"))
    entry = _entry(pluginrc)
    if entry is None:
        return ok(name, "installed; GIMP registers it at its next start")
    written, procedures = entry
    if written != int(main.stat().st_mtime):
        return ok(name, "changed; GIMP registers it again at its next start")
    if not procedures:
        return failed(
            name,
            "GIMP started it and got no procedures from it",
            f"Start `gimp-console --verbose` to see why, then touch '{main}'.",
        )
    if newest > max(main.stat().st_mtime, pluginrc.stat().st_mtime):
        return warning(
            name, "GIMP remembers an older state of it", f"touch '{main}' and restart GIMP."
        )
    return ok(name, f"registered, {procedures} procedures")


def _entry(pluginrc: Path) -> tuple[int, int] | None:
    """The main file's time as GIMP noted it and the number of procedures; None without entry."""
    try:
        text = pluginrc.read_text("utf-8", errors="replace")
    except OSError:
        return None
    for part in text.split("(plug-in-def ")[1:]:
        head = re.match(r'"[^"]*/pentimento/pentimento\.py" (\d+)', part)
        if head:
            return int(head[1]), part.count("(proc-def ")
    return None


def _stated_version(folder: Path) -> str:
    """What `VERSION` beside the plug-in says; empty in a copy without it."""
    file = folder / "VERSION"
    return file.read_text("utf-8").strip() if file.is_file() else ""


def _flatpak() -> Path:
    return Path.home() / ".var" / "app" / "org.gimp.GIMP"


def _version(path: str) -> str:
    try:
        answer = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\d+\.\d+(\.\d+)?", answer.stdout)
    return found[0] if found else ""


OLDEST_PYTHON = (3, 11)
NEEDED_MB, PLENTY_MB = 300, 2000
TORCH_SECONDS = 120
PACKAGES = (  # where the distribution itself is not installed, as in a checkout
    "diffusers",
    "torch",
    "transformers",
    "safetensors",
    "numpy",
    "pillow",
    "opencv-python-headless",
    "requests",
    "starlette",
    "uvicorn",
    "pydantic",
    "platformdirs",
    "typer",
    "rich",
)
TORCH_PROBE = """
import json, torch
from pentimento.engine.memory import device
used = device.choose()
square = torch.ones(8, 8, device=used.where)
float((square @ square).sum())  # a driver that does not fit fails here, not at the import
own = used.where.type == "cuda" and torch.cuda.get_device_properties(used.where).total_memory
print(json.dumps({"version": torch.__version__, "device": used.name, "memory_mb": own // 2**20}))
"""


def python() -> Finding:
    found = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return failed("Python", f"{found} is too old; 3.11 is needed", REINSTALL)
    return ok("Python", f"{found} at {sys.executable}")


def packages() -> Finding:
    missing = [name for name in _required() if not _installed(name)]
    if missing:
        return failed("Packages", f"missing: {', '.join(missing)}", REINSTALL)
    return ok("Packages", f"{len(_required())} installed")


def data_folder(folder: Path) -> Finding:
    try:
        data_folder_rule.check(folder)
        # The first job makes it; who only looks leaves nothing behind.
        place = next((one for one in (folder, *folder.parents) if one.exists()), folder)
        with tempfile.TemporaryFile(dir=place) as probe:
            probe.write(b"pentimento")
    except OSError as error:
        return failed(
            "Data folder",
            f"{folder} cannot be written: {error.strerror}",
            "Change its owner or rights, or name another one with PENTIMENTO_DATA.",
        )
    except PentimentoError as error:
        return failed("Data folder", error.message, error.hint)
    if folder.exists() and (notice := data_folder_rule.too_open(folder)):
        return warning("Data folder", str(folder), notice)
    return ok("Data folder", str(folder))


def disk(folder: Path) -> Finding:
    existing = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    free = shutil.disk_usage(existing).free // 2**20
    if free < NEEDED_MB:
        return failed("Disk", f"only {free} MB free", "Delete something; results need room.")
    if free < PLENTY_MB:
        return warning("Disk", f"{free} MB free", "Large models will not fit.")
    return ok("Disk", f"{free} MB free")


def secrets(folder: Path) -> Finding:
    """The token is worth as much as the account: nobody else may read it."""
    files = [folder / name for name in ("token", "server.json") if (folder / name).exists()]
    if os.name == "nt" or not files:
        return ok("Token", "protected by the account" if files else "made at the first start")
    open_ones = [str(file) for file in files if stat.S_IMODE(file.stat().st_mode) & 0o077]
    if open_ones:
        return failed(
            "Token",
            f"others can read {' and '.join(open_ones)}",
            f"chmod 600 {' '.join(open_ones)}; then delete the token and restart the server.",
        )
    return ok("Token", "readable only by you")


def torch() -> Finding:
    """Imported and tried in a child process: it is slow, and a broken driver may kill it."""
    try:
        probe = subprocess.run(
            [sys.executable, "-c", TORCH_PROBE],
            capture_output=True,
            text=True,
            timeout=TORCH_SECONDS,
            check=False,
            env=clean_environment(),
        )
    except subprocess.TimeoutExpired:
        return failed("torch", f"no answer for {TORCH_SECONDS} s", "Update the graphics driver.")
    if probe.returncode != 0:
        last = (probe.stderr.strip().splitlines() or [f"ended with {probe.returncode}"])[-1]
        return failed("torch", last, REINSTALL)
    found = json.loads(probe.stdout.strip().splitlines()[-1])
    if found["device"] == "cpu":
        return warning(
            "torch",
            f"{found['version']}, no GPU it can use",
            "Works on the processor, slowly. For a GPU: its driver, and the torch made for it.",
        )
    return ok("torch", f"{found['version']} on {found['device']}, {found['memory_mb']} MB")


def _required() -> list[str]:
    """Names of the packages that this one asks for, without its extras."""
    try:
        lines = requires("pentimento") or []
    except PackageNotFoundError:
        return list(PACKAGES)
    plain = [line for line in lines if "extra ==" not in line]
    return [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in plain]


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


START = "It starts by itself with the first job, or with `pentimento serve`."


def server(folder: Path) -> Finding:
    found = server_file(folder)
    if found is None:
        return warning("Server", "not running", START)
    client = Client(found.url, found.token)
    try:
        told = client.health()
        status = client.status()
    except PentimentoError as error:
        return _silent(found.url, error)
    if told.get("version") != __version__:
        return failed(
            "Server",
            f"version {told.get('version')} runs, {__version__} is installed",
            "Stop it in GIMP (Filters > Pentimento > Setup > Server) or end its process; "
            "the next job starts the new one.",
        )
    engine = status["engine"]["state"]
    return ok("Server", f"{told['version']} at {found.url}, engine {engine}")


def models(folder: Path) -> list[Finding]:
    """One finding for each model, and one more when there is none to work with."""
    findings = []
    for info in Registry(folder).list():
        name = f"Model {info.id}"
        if info.role == "rest":
            findings.append(ok(name, info.problem))
        elif info.ok:
            findings.append(ok(name, f"{info.title}, {info.family}, {info.bytes / 1e6:.0f} MB"))
        else:
            findings.append(
                warning(name, info.problem, f"`pentimento models remove {info.id}` removes it.")
            )
    if all(finding.state is not State.OK for finding in findings):
        findings.append(failed("Models", "none can be used", "Run install.sh again."))
    return findings


def _silent(url: str, error: PentimentoError) -> Finding:
    """Tells a server that has ended from a port that someone else has taken."""
    if error.code == "not_your_server":
        return warning("Server", f"not running; another user's is at {url} now", START)
    address = urlsplit(url)
    try:
        with socket.create_connection((address.hostname, address.port or 80), timeout=2):
            pass
    except OSError:
        return warning("Server", f"not running (it last was at {url})", START)
    return failed("Server", error.message, error.hint)
