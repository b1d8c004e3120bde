"""What `pentimento models pull` and `available` do: through the running server, or without one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from pentimento.cli.client import Client, ServerError, connect
from pentimento.cli.progress import Bar
from pentimento.cli.speech import said, say
from pentimento.core.errors import PentimentoError
from pentimento.core.settings import Limits
from pentimento.models import machine
from pentimento.models.catalogue import Catalogue, CatalogueEntry, load
from pentimento.models.download import pull as pulls
from pentimento.models.download.linked import found
from pentimento.models.download.problems import amount
from pentimento.models.download.pull import Pull, PullProgress
from pentimento.schema.answers import AvailableModel
from pentimento.services.hub_token import hub_settings

VERDICTS = {"yes": "yes", "slow": "slowly, on the processor", "no": "too large"}
INTERRUPTED = 130  # exit code, as shells have it for Ctrl+C


def show_available(data: Path, *, as_json: bool) -> None:
    rows = load(data).available(data, machine.look())
    if as_json:
        typer.echo(json.dumps([_plain(row) for row in rows], indent=2))
        return
    table = Table(*map(said, ("id", "what", "size", "suits", "licence", "state", "for")), box=None)
    for row in rows:
        state = "installed" if row.installed else "" if row.usable else "not usable yet"
        size, verdict = amount(row.bytes), VERDICTS[row.fits.verdict]
        told = (row.role, size, verdict, row.licence.title, state, row.use)
        table.add_row(row.id, *map(said, told))
    Console().print(table)


def _plain(row: AvailableModel) -> dict[str, Any]:
    return row.model_dump(mode="json") | {"licence": row.licence.title}


def pull(data: Path, model: str, *, accept_licence: bool, endpoint: str | None) -> None:
    """Raises PentimentoError; Ctrl+C ends it with what has come kept."""
    entry = found(model, data, lambda: hub_settings(data, endpoint))
    catalogue = load(data)
    _tell_licence(catalogue, entry)
    server = None if endpoint else _server(data)
    with Bar(quiet=False) as bar:
        try:
            if server:
                _through(server, entry, accept_licence, bar)
            else:
                _alone(data, catalogue, entry, accept_licence, endpoint, bar)
        except KeyboardInterrupt:
            if server:
                server.pause_pull(entry.id)
            bar.stop()
            say(f"Paused. `pentimento models pull {entry.id}` goes on.", err=True)
            raise typer.Exit(INTERRUPTED) from None
    say(f"Installed {entry.id}: {entry.title}.")


def _tell_licence(catalogue: Catalogue, entry: CatalogueEntry) -> None:
    licence = catalogue.licence(entry)
    say(f"{entry.title}, about {amount(entry.bytes)}, from {entry.repo}.", err=True)
    say(f"Licence: {licence.title}, {licence.url}", err=True)
    if licence.notice:
        say(licence.notice, err=True)
    if not entry.usable:
        say("This version of Pentimento cannot paint with it yet.", err=True)


def _server(data: Path) -> Client | None:
    try:
        return connect(data)
    except ServerError:
        return None


def _through(server: Client, entry: CatalogueEntry, accept: bool, bar: Bar) -> None:
    server.pull(entry.id, accept)
    for told in server.follow_pull(entry.id):
        bar.show(told["file"] or "Waiting", told["fraction"])
        if told["status"] == "failed":
            raise _error(told["error"])
        if told["status"] in ("paused", "cancelled"):
            raise PentimentoError(
                "pull_ended",
                f"The download was {told['status']} elsewhere.",
                f"`pentimento models pull {entry.id}` goes on.",
            )


def _alone(
    data: Path,
    catalogue: Catalogue,
    entry: CatalogueEntry,
    accept: bool,
    endpoint: str | None,
    bar: Bar,
) -> None:
    pulls.agreed(catalogue, entry, accept, data)
    settings = hub_settings(data, endpoint)
    licence = catalogue.licence(entry)

    def tell(progress: PullProgress) -> None:
        bar.show(progress.file or "Done", progress.done / max(progress.total, 1))

    Pull(data, entry, licence, settings, Limits().disk_reserve).run(tell)


def _error(told: dict[str, Any]) -> PentimentoError:
    return PentimentoError(told["code"], told["message"], told["hint"], details=told["details"])
