"""Models: what is installed and what can be downloaded, in words; downloads and removes for
scripts."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import choices
import failure_words
import model_words
import server
from errors import JobFailed
from gimpio.progress import Progress
from i18n import _

if TYPE_CHECKING:
    from context import Context

LOOK_SECONDS = 0.5


def run(context: Context) -> Any:
    values = context.values
    progress = Progress(_("Asking the server…"))
    try:
        return {"report": progress.wait_for(lambda: _work(values, progress.tell))}
    finally:
        progress.end()


def _work(values, tell) -> str:
    """In a thread: does what the command says; the report."""
    client = server.ready(tell)
    if values["command"] == choices.DOWNLOAD:
        download(client, values["model"], values["accept-licence"], tell)
    elif values["command"] == choices.REMOVE:
        client.remove_model(values["model"])
    return report(client)


def download(client, model: str, accept: bool, tell) -> None:
    """Waits for the end of a download. Raises ServerRefused, JobFailed."""
    pull = client.pull(model, accept)
    while pull["status"] in model_words.ACTIVE:
        tell(model_words.progress(pull), pull["fraction"])
        threading.Event().wait(LOOK_SECONDS)
        pull = next(one for one in client.pulls() if one["id"] == pull["id"])
    if pull["error"]:
        error = pull["error"]
        told = failure_words.told
        raise JobFailed(told(error["message"]), told(error["hint"]), error["code"])
    if pull["status"] != "succeeded":
        raise JobFailed(
            _("The download was stopped elsewhere."),
            _("Filters > Pentimento > Setup > Models goes on with it."),
            "pull_ended",
        )


def report(client) -> str:
    pulls = {pull["id"]: pull for pull in client.pulls()}
    entries = client.available()["available"]
    return "\n".join(model_words.summary(entry, pulls.get(entry["id"])) for entry in entries)
