"""Batch: one recipe over a folder of pictures, for scripts. The command `pentimento batch` does it,
which goes on where it was after whatever happens; here it is only called."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any

import server
import texts
from actions import generate_again
from errors import NotPossible, PluginError
from gimpio.progress import Progress
from i18n import _

if TYPE_CHECKING:
    from context import Context

FRAME = " ╭╮╰╯─│"
BESIDE = ("Usage: ", "Try '", "Error")  # that a command says along with it


def run(context: Context) -> Any:
    values, command = context.values, _command()
    recipe, drafted = values["recipe"], ""
    if not recipe:
        recipe = drafted = _recipe_of(context)
    asked = {
        "--recipe": recipe,
        "--output": values["output"],
        "--mask": values["masks"],
        "--suffix": values["ending"],
        "--data-dir": server.data_dir(),
    }
    command += ["batch", values["folder"], "--json", *(f"{k}={v}" for k, v in asked.items())]
    progress = Progress(_("Batch"))
    try:
        found = progress.wait_for(
            lambda: subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=server.clean_environment(),
                check=False,
            )
        )
        progress.end()
    finally:
        if drafted:
            os.unlink(drafted)
    return _told(found)


def _command():
    """`pentimento` as install.sh has put it. Raises NotPossible."""
    place = server.address()
    if place is not None and place.origin != server.OWN:
        raise NotPossible(
            _("A batch needs this computer's own server, and GIMP uses the one at {url}.").format(
                url=place.url
            ),
            _("Run “pentimento batch” on the computer of that server."),
            "batch_elsewhere",
        )
    command = server.command()
    if not command or server.sandbox():
        raise NotPossible(
            _("The command “pentimento” can't be called from here."),
            _("Run “pentimento batch” in a terminal."),
            "no_command",
        )
    return command


def _recipe_of(context) -> str:
    """A file with the job that the selected result layer carries. Raises NotPossible."""
    _layer, record = generate_again.result_layer(context.drawables)
    handle, path = tempfile.mkstemp(prefix="recipe-", suffix=".json", dir=server.data_dir())
    with os.fdopen(handle, "wb") as file:
        file.write(json.dumps(record["record"]).encode())
    return path


def _told(found):
    """The return values. Raises PluginError where the batch could not begin."""
    try:
        report = json.loads(found.stdout)
        counts = {name: int(report[name]) for name in ("done", "failed", "left")}
    except (ValueError, KeyError, TypeError):
        words = _without_frame(found.stderr.decode("utf-8", "replace"))
        raise PluginError(words or _("The batch said nothing."), "", "batch_failed") from None
    return {**counts, "report": texts.readable(found.stdout.decode("utf-8"))}


def _without_frame(said: str) -> str:
    """What a command has said of wrong arguments, without the frame around it and how to use it."""
    lines = [line.strip(FRAME) for line in texts.readable(said).splitlines()]
    told = [line for line in lines if line and not line.startswith(BESIDE)]
    return " ".join(told)
