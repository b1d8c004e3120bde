"""GIMP 3 and the plug-in in each of its configuration folders."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pentimento import __version__
from pentimento.cli.checks import Finding, failed, ok, warning

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
