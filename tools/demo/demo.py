"""The demo: a real photograph repainted in real GIMP by the starter model, all on this machine.

Starts a server of its own, runs in_gimp.py inside gimp-console with the plug-in installed in a
configuration folder of its own, and says which pictures to look at.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
OUT = REPO / "demo" / "out"
WORK = REPO / "demo" / "work"
PHOTO = REPO / "examples" / "photo.jpg"
READY_SECONDS = 30
GIMP_SECONDS = 900
PICTURES = {
    "before.png": "the photograph",
    "img2img-0.3.png": "the whole layer at strength 0.3: its structure is kept",
    "img2img.png": "at strength 0.6: restyled",
    "img2img-1.0.png": "at strength 1.0: a new picture from the words alone",
    "fill.png": "a soft lasso selection regenerated, everything else untouched",
    "remove.png": "a tower removed without words: the sky goes on",
    "result.xcf": "all of it as layers with masks, to open in GIMP",
}


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--console", default="", help="gimp-console of this machine")
    options.add_argument("--root", default="", help="a private root with GIMP instead")
    chosen = options.parse_args()
    for folder in (OUT, WORK):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    _install_plugin()
    server = _start_server()
    try:
        code = _run_gimp(chosen.console, chosen.root)
    finally:
        server.terminate()
        server.wait(timeout=20)
    missing = [name for name in PICTURES if not (OUT / name).is_file()]
    if code or missing:
        print(f"The demo failed (GIMP ended with {code}, missing: {missing}).", file=sys.stderr)
        return 1
    print(f"\nLook at the pictures in {OUT.relative_to(REPO)}/:")
    for name, meaning in PICTURES.items():
        print(f"  {name:16} {meaning}")
    return 0


def _install_plugin() -> None:
    """Into a configuration folder of the demo's own; the user's GIMP is not touched."""
    target = WORK / "gimp" / "plug-ins" / "pentimento"
    shutil.copytree(
        REPO / "plugin" / "pentimento", target, ignore=shutil.ignore_patterns("__pycache__")
    )
    (target / "pentimento.py").chmod(0o755)
    for folder in ("data", "home"):
        (WORK / folder).mkdir()
    shutil.copy(Path(__file__).with_name("in_gimp.py"), WORK)
    shutil.copy(PHOTO, WORK)


def _start_server() -> subprocess.Popen[str]:
    print("Starting the server ...", flush=True)
    command = [sys.executable, "-m", "pentimento", "serve", "--port", "0"]
    log = (WORK / "server.log").open("w")
    server = subprocess.Popen(
        [*command, "--data-dir", str(WORK / "data")],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        text=True,
    )
    described = WORK / "data" / "server.json"
    deadline = time.monotonic() + READY_SECONDS
    while not described.exists():
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            raise SystemExit(f"The server did not start:\n{(WORK / 'server.log').read_text()}")
        time.sleep(0.1)
    return server


def _run_gimp(console: str, root: str) -> int:
    print("Repainting in GIMP (a minute or two on two cores) ...", flush=True)
    script = WORK / "in_gimp.py"
    batch = f"exec(compile(open({str(script)!r}).read(), 'in_gimp.py', 'exec'))"
    variables = {
        "GIMP3_DIRECTORY": WORK / "gimp",
        "PENTIMENTO_DATA": WORK / "data",
        "PENTIMENTO_DEMO": WORK,
    }
    command = [
        "env",
        *(f"{name}={value}" for name, value in variables.items()),
        console or "gimp-console",
        *("--no-interface", "--no-data", "--no-fonts", "--no-splash"),
        *("--quit", "--batch-interpreter=python-fu-eval", "-b", batch),
    ]
    if root:
        command = [str(REPO / "tools" / "gimp-enter.sh"), root, str(WORK), *command]
    with (WORK / "gimp.log").open("w") as log:
        try:
            ended = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=GIMP_SECONDS,
                check=False,
                env=os.environ,
            )
        except subprocess.TimeoutExpired:
            print(f"GIMP did not finish within {GIMP_SECONDS} s.", file=sys.stderr)
            return 1
    for line in (WORK / "gimp.log").read_text().splitlines():
        if ended.returncode or line.startswith("demo: "):
            print(line.removeprefix("demo: "))
    for made in (WORK / "out").iterdir():
        shutil.move(made, OUT / made.name)
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main())
