"""The outside of a GIMP under a virtual screen: `Gui` starts stage.py inside a private GIMP root
and turns method calls into its requests. Used by the tests and by docs/make_screenshots.py."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PLUGIN = HERE.parents[1] / "plugin" / "pentimento"
ENTER = HERE.parents[1] / "tools" / "gimp-enter.sh"
HOST = "/mnt"  # where gimp-enter.sh shows the machine's own files inside the root


def roots() -> dict[str, Path]:
    """The private GIMP roots that tools/gimp-root.sh made on this machine, by Debian suite."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "pentimento" / "gimp-roots"
    return {
        path.name: path for path in sorted(folder.glob("*")) if (path / "usr/bin/gimp").exists()
    }


class GuiError(AssertionError):
    """Something did not come to pass inside GIMP; the text tells what was there instead."""


class Gui:
    """A GIMP on a screen of its own. Any method of stage.Stage can be called on it."""

    def __init__(self, root: Path, data: Path | None = None) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="小明's “图” ", dir="/tmp")
        self.work = Path(self.folder.name)
        self.data = data or self.work / "data"
        self.process = subprocess.Popen(
            [ENTER, root, self.work, "python3", f"{HOST}{HERE}/stage.py", self.work],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start(self, plugins: tuple[Path, ...] = (PLUGIN,), **options: Any) -> float:
        """Starts GIMP with these plug-ins; gives the seconds until it is usable."""
        environment = {"PENTIMENTO_DATA": str(self.data), **options.pop("environment", {})}
        folders = [f"{HOST}{path}" for path in plugins]
        seconds: float = self.call("start", folders, environment=environment, **options)
        return seconds

    def call(self, name: str, *args: Any, **options: Any) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        request = {"call": name, "args": args, "options": options}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise GuiError("the stage ended; see its stderr")
        answer = json.loads(line)
        if "error" in answer:
            raise GuiError(f"{name}{args}: {answer['error']}\n{answer['trace']}")
        return answer["result"]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **options: self.call(name, *args, **options)

    def python(self, source: str, timeout: float = 60) -> str:
        """Runs Python inside GIMP; gives what it printed."""
        answer = self.call("python", source, timeout)
        if answer["failure"]:
            raise GuiError(answer["failure"])
        return str(answer["printed"])

    def shot(self, path: Path, title: str | None = None) -> Path:
        """A picture of the screen or of the window with this title."""
        inside = self.work / "shot.png"
        self.call("shot", str(inside), title)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(inside.read_bytes())
        return path

    def alive(self) -> bool:
        return self.process.poll() is None

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.folder.cleanup()

    def __enter__(self) -> Gui:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
