"""Runs Python files inside real, headless GIMP in a private root, with this checkout's plug-in.

The root is the one that tools/gimp-root.sh makes; tools/gimp-enter.sh enters it in a mount
namespace of its own, so that neither the root nor the machine keeps anything of a test.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.gimp import profiles, table_profile

REPO = Path(__file__).resolve().parents[2]
PLUGIN = REPO / "plugin" / "pentimento"
INSIDE = Path(__file__).parent / "inside"
ENTER = REPO / "tools" / "gimp-enter.sh"
SUITES = {"3.0": "trixie", "3.2": "sid"}
SYSTEM_PLUGINS = ("python-eval", "script-fu", "file-png")
START_SECONDS = 60
AWKWARD = "小明's “图” 1"  # a folder as people name them, for what lives in one


def root_of(version: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "pentimento" / "gimp-roots" / SUITES[version]


class HeadlessGimp:
    """gimp-console of one version with its own configuration folder under `work`."""

    def __init__(self, version: str, work: Path, more_plugins: tuple[str, ...] = ()) -> None:
        self.root = root_of(version)
        self.work = work
        self.config = work / "config"
        self.data = work / "data"
        (self.data / "logs").mkdir(parents=True)
        (work / "home").mkdir()
        table_profile.write(work / "table.icc")
        profiles.write_all(work)
        self._install((*SYSTEM_PLUGINS, *more_plugins))

    def _install(self, system_plugins: tuple[str, ...]) -> None:
        """The plug-in, and of GIMP's own plug-ins only what runs the tests: starts faster."""
        target = self.config / "plug-ins" / "pentimento"
        shutil.copytree(PLUGIN, target, ignore=shutil.ignore_patterns("__pycache__"))
        (target / "pentimento.py").chmod(0o755)
        shutil.copytree(INSIDE, self.work / "inside", ignore=shutil.ignore_patterns("__pycache__"))
        system = self.config / "system"
        system.mkdir()
        for name in system_plugins:
            (found,) = self.root.glob(f"usr/lib/*/gimp/3.0/plug-ins/{name}")
            (system / name).symlink_to("/" / found.relative_to(self.root))
        (self.config / "gimprc").write_text(
            f'(plug-in-path "{self.config}/plug-ins:{system}")\n(check-updates no)\n'
        )

    def point_to(self, url: str, token: str) -> None:
        """Writes the server.json that the plug-in reads."""
        described = {"url": url, "token": token, "pid": 0, "version": "test"}
        (self.data / "server.json").write_text(json.dumps(described))

    def let_it_call_the_command(self) -> None:
        """Writes install.json, as install.sh does: the command goes by way of a chroot back to this
        machine."""
        inner = ["/usr/bin/env", f"PYTHONPATH={REPO / 'server'}", sys.executable]
        command = ["/usr/sbin/chroot", "/mnt", *inner, "-m", "pentimento", "serve"]
        (self.data / "install.json").write_text(json.dumps({"command": command}))

    def run(
        self,
        script: str,
        arguments: object = None,
        *,
        timeout: float = 120,
        variables: dict[str, str] | None = None,
    ) -> dict:
        """Runs inside/SCRIPT in GIMP with `arguments`; what it handed to `batch.answer`."""
        with self.started(script, arguments, variables) as process:
            return self.finish(script, process, timeout=timeout)

    def finish(self, script: str, process: subprocess.Popen, *, timeout: float) -> dict:
        """Waits for the end of a started file; what it handed to `batch.answer`."""
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            raise AssertionError(f"GIMP still ran after {timeout} s\n{output}") from None
        answer = self.work / "answer.json"
        assert answer.exists(), f"{script} gave no answer, exit {process.returncode}\n{output}"
        found = json.loads(answer.read_text())
        found["output"] = output
        return found

    def started(
        self, script: str, arguments: object = None, variables: dict[str, str] | None = None
    ) -> subprocess.Popen:
        """GIMP running inside/SCRIPT, not waited for."""
        (self.work / "answer.json").unlink(missing_ok=True)
        (self.work / "arguments.json").write_text(json.dumps(arguments))
        inside = str(self.work / "inside")
        code = f"exec(compile(open({inside + '/' + script!r}).read(), {script!r}, 'exec'))"
        command = f"import sys; sys.path.insert(0, {inside!r}); {code}"
        return self.console(["--batch-interpreter=python-fu-eval", "-b", command], variables)

    def console(
        self, arguments: list[str], variables: dict[str, str] | None = None
    ) -> subprocess.Popen:
        """gimp-console with these arguments, then --quit."""
        environment = {
            "GIMP3_DIRECTORY": self.config,
            "PENTIMENTO_DATA": self.data,
            "PENTIMENTO_TEST_WORK": self.work,
            **(variables or {}),
        }
        return subprocess.Popen(
            [
                str(ENTER),
                str(self.root),
                str(self.work),
                "env",
                *(f"{name}={value}" for name, value in environment.items()),
                *("gimp-console", "-i", "-d", "-f", "-s", "--quit"),
                *arguments,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
