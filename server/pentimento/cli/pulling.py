"""What `pentimento models pull` and `available` do: through the running server, or without one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from pentimento.api.settings import Limits
from pentimento.cli.client import Client, ServerError, connect
from pentimento.cli.progress import Bar
from pentimento.errors import PentimentoError
from pentimento.models import machine
from pentimento.models.catalogue import Catalogue, Entry, load
from pentimento.models.pull import pull as pulls
from pentimento.models.pull.problems import amount
from pentimento.models.pull.pull import Progress, Pull
from pentimento.models.pull.tokens import hub_settings

VERDICTS = {"yes": "yes", "slow": "slowly, on the processor", "no": "too large"}
INTERRUPTED = 130  # exit code, as shells have it for Ctrl+C


def show_available(data: Path, *, as_json: bool) -> None:
    catalogue, found = load(data), machine.look()
    rows = [_row(catalogue, entry, data, found) for entry in catalogue.entries.values()]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table("id", "what", "size", "suits", "licence", "state", "for", box=None)
    for row in rows:
        state = "installed" if row["installed"] else "" if row["usable"] else "not usable yet"
        size, verdict = amount(row["bytes"]), VERDICTS[row["fits"]["verdict"]]
        table.add_row(row["id"], row["role"], size, verdict, row["licence"], state, row["use"])
    Console().print(table)


def pull(data: Path, model: str, *, accept_licence: bool, endpoint: str | None) -> None:
    """Raises PentimentoError; Ctrl+C ends it with what has come kept."""
    catalogue = load(data)
    entry = catalogue.get(model)
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
            typer.echo(f"Paused. `pentimento models pull {entry.id}` goes on.", err=True)
            raise typer.Exit(INTERRUPTED) from None
    typer.echo(f"Installed {entry.id}: {entry.title}.")


def _tell_licence(catalogue: Catalogue, entry: Entry) -> None:
    licence = catalogue.licence(entry)
    typer.echo(f"{entry.title}, about {amount(entry.bytes)}, from {entry.repo}.", err=True)
    typer.echo(f"Licence: {licence.title}, {licence.url}", err=True)
    if licence.notice:
        typer.echo(licence.notice, err=True)
    if not entry.usable:
        typer.echo("This version of Pentimento cannot paint with it yet.", err=True)


def _server(data: Path) -> Client | None:
    try:
        return connect(data)
    except ServerError:
        return None


def _through(server: Client, entry: Entry, accept: bool, bar: Bar) -> None:
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
    data: Path, catalogue: Catalogue, entry: Entry, accept: bool, endpoint: str | None, bar: Bar
) -> None:
    pulls.agreed(catalogue, entry, accept, data)
    settings = hub_settings(data, endpoint)
    licence = catalogue.licence(entry)

    def tell(progress: Progress) -> None:
        bar.show(progress.file or "Done", progress.done / max(progress.total, 1))

    Pull(data, entry, licence, settings, Limits().disk_reserve).run(tell)


def _error(told: dict[str, Any]) -> PentimentoError:
    return PentimentoError(told["code"], told["message"], told["hint"], details=told["details"])


def _row(catalogue: Catalogue, entry: Entry, data: Path, found: machine.Machine) -> dict[str, Any]:
    told = entry.model_dump(include={"id", "title", "role", "family", "bytes", "gated", "use"})
    return told | {
        "licence": catalogue.licence(entry).title,
        "usable": entry.usable,
        "installed": entry.place(data).exists(),
        "fits": found.suits(entry),
    }
