"""Doctor: checks everything the actions need, and tells the remedy for what is missing."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, List, Optional

from gi.repository import Gimp

import log
import server
import settings
from errors import PluginError, ServerUnreachable
from gimpio.progress import Progress
from i18n import _
from server_texts import state

if TYPE_CHECKING:
    from context import Context

PLUGIN_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@dataclass(frozen=True)
class Check:
    """One thing looked at. `fix` repairs it where that can be done from here; any thread."""

    title: str
    ok: bool
    sentence: str
    fix_label: str = ""
    fix: Optional[Callable[[], Any]] = None


def run(context: Context) -> Any:
    return {"report": report(Progress(_("Looking…")).wait_for(examine))}


def examine() -> List[Check]:
    """All checks in the order to show them; any thread."""
    checks = [_about_gimp(), _about_sandbox(), _about_settings(), *_about_server()]
    return [check for check in checks if check is not None]


def report(checks: List[Check]) -> str:
    """The checks as plain text, with the newest lines of the log; without the token."""
    lines = []
    for check in checks:
        lines.append(("✓ " if check.ok else "✗ ") + check.title)
        lines += ["    " + line for line in check.sentence.splitlines()]
    lines += ["", _("Newest lines of {path}:").format(path=log.path()), *log.tail(20)]
    return "\n".join(lines)


def _about_gimp() -> Check:
    sentence = _("GIMP {gimp}, Python {python}, plug-in in {folder}").format(
        gimp=Gimp.version(),
        python=".".join(map(str, sys.version_info[:3])),
        folder=PLUGIN_DIR,
    )
    return Check(_("GIMP and plug-in"), True, sentence)


def _about_sandbox():
    if not server.sandbox():
        return None
    sentence = _("GIMP runs as a {sandbox}; the server is started outside of it.")
    return Check(
        _("Sandbox"), True, sentence.format(sandbox=server.sandbox()) + "\n" + server.how_to_start()
    )


def _about_settings() -> Check:
    title = _("Settings")
    try:
        kept = settings.load()
    except PluginError as error:
        return Check(title, False, str(error))
    if not kept.url:
        return Check(title, True, _("The server of this computer is used."))
    return Check(title, True, _("The server at {url} is used, as set.").format(url=kept.url))


def _about_server():
    """Whether it is installed, reachable and has a model."""
    title = _("Server")
    try:
        client = server.connect()
        status, models = client.status(), client.lists()["models"]
    except PluginError as error:
        may_start = isinstance(error, ServerUnreachable) and server.can_start()
        fix = (_("_Start the server"), server.start) if may_start else ("", None)
        return [Check(title, False, str(error), *fix)]
    sentence = _("Version {version} answers at {url}.").format(
        version=status.get("version"), url=client.url
    )
    return [Check(title, True, sentence), _about_engine(status), _about_models(models)]


def _about_engine(status) -> Check:
    engine = status.get("engine") or {}
    ok = engine.get("state") != "failed"
    sentence = state(engine.get("state") or "?")
    if engine.get("device"):
        sentence += " · " + str(engine["device"])
    if not ok:
        sentence += "\n" + _("Its log is in {path}.").format(
            path=os.path.join(str(status.get("data_dir")), "logs")
        )
    return Check(_("Engine"), ok, sentence)


def _about_models(models) -> Check:
    good = [model for model in models if model.get("ok", True)]
    lines = [
        "{}: {}".format(model["id"], model["problem"])
        for model in models
        if not model.get("ok", True)
    ]
    if good:
        names = ", ".join(model["id"] for model in good)
        lines.insert(0, _("Ready to use: {names}").format(names=names))
    else:
        lines.insert(0, _("No model can be used. Run install.sh of Pentimento again."))
    return Check(_("Models"), bool(good), "\n".join(lines))
