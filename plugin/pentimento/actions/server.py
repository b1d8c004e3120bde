"""Server: its state in words, start, stop, and the address kept for all actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import choices
import other_machine
import server
import settings
from client import Client
from errors import PluginError
from gimpio.progress import Progress
from i18n import _
from server_texts import state

if TYPE_CHECKING:
    from context import Context


def run(context: Context) -> Any:
    command = context.values["command"]
    if command == choices.SET:
        keep(context.values["url"], context.values["token"])
    elif command == choices.START:
        Progress(_("Starting the server…")).wait_for(server.ready)
    elif command == choices.STOP:
        Progress(_("Stopping the server…")).wait_for(server.stop)
    return {"report": report()}


def keep(url: str, token: str) -> None:
    """Keeps address and token; an address that can't be one is refused. A code of another computer
    in place of the token is shown there, and what it gives for it is kept."""
    url, token = url.strip(), token.strip()
    if code := other_machine.plain_code(token):
        settings.save(settings.Settings(*other_machine.pair(url, code)))
        return
    if url:
        Client(url, token)
    before = settings.load()
    if before.url and not url and token == before.token:
        token = ""  # it was for that address alone
    same = (before.url, before.token) == (url, token)
    settings.save(settings.Settings(url, token, before.fingerprint if same else ""))


def report() -> str:
    """The state as text: a sentence and a line for each fact."""
    place = server.address()
    try:
        status = server.connect().status()
    except PluginError as error:
        return str(error)
    lines = [_("The server runs at {url}.").format(url=place.url if place else "")]
    return "\n".join(lines + [f"{label}: {value}" for label, value in details(status)])


def details(status):
    """Rows of (label, value) from the server's status."""
    engine, queue = status.get("engine") or {}, status.get("queue") or {}
    rows = [
        (_("Version"), status.get("version")),
        (_("Engine"), state(engine["state"]) if engine.get("state") else None),
        (_("Device"), engine.get("device")),
        (_("Engine memory"), _megabytes(engine.get("memory_mb"))),
        (_("Models loaded"), ", ".join(map(str, engine.get("loaded") or []))),
        (_("Jobs waiting"), queue.get("queued")),
        (_("Free disk space"), _megabytes((status.get("disk") or {}).get("free_mb"))),
        (_("Data folder"), status.get("data_dir")),
    ]
    return [(label, str(value)) for label, value in rows if value not in (None, "")]


def _megabytes(number):
    return None if number is None else _("{n} MB").format(n=round(number))
