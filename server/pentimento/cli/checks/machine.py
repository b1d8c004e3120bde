"""Python, its packages, the disk, the data folder, torch and its device."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from pentimento.cli.checks import Finding, failed, ok, warning

OLDEST_PYTHON = (3, 11)
NEEDED_MB, PLENTY_MB = 300, 2000
TORCH_SECONDS = 120
REINSTALL = "Run install.sh of Pentimento again."
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
gpu = torch.cuda.is_available()
device = torch.cuda.get_device_name(0) if gpu else "cpu"
if not gpu and torch.backends.mps.is_available():
    device = "Apple GPU"
square = torch.ones(8, 8, device="cuda" if gpu else "cpu")
float((square @ square).sum())  # a driver that does not fit fails here, not at the import
memory = torch.cuda.get_device_properties(0).total_memory // 2**20 if gpu else 0
print(json.dumps({"version": torch.__version__, "device": device, "memory_mb": memory}))
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
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"pentimento")
    except OSError as error:
        return failed(
            "Data folder",
            f"{folder} cannot be written: {error.strerror}",
            "Change its owner or rights, or name another one with PENTIMENTO_DATA.",
        )
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
