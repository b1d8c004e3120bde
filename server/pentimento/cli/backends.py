"""`pentimento backends`: where jobs can run, and setting services up. Through the running server,
which keeps the settings; keys are typed or piped in, so that no list of processes shows them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pentimento.cli.arguments import DataDir, data_folder_of
from pentimento.cli.client import Client, connect_or_start
from pentimento.cli.speech import said, say
from pentimento.core.errors import BadInput

command = typer.Typer(no_args_is_help=True, help="See where jobs can run, and set services up.")

Service = Annotated[str, typer.Argument(help="The service's id, see `pentimento backends list`.")]


@command.command("list")
def list_backends(
    data: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the server's answer.")] = False,
) -> None:
    """List this machine and every service, with price and privacy."""
    found = _client(data).backends()
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    table = Table(*map(said, ("id", "title", "state", "price", "privacy")), box=None)
    for one in found:
        mark = said(" (recommended)") if one["recommended"] else ""
        told = (one["title"], _state(one), one["price"], one["privacy"])
        table.add_row(one["id"] + mark, *map(said, told))
    Console().print(table)


@command.command("set")
def set_up(
    service: Service,
    url: Annotated[str | None, typer.Option(help="The address of a server of your own.")] = None,
    model: Annotated[str | None, typer.Option(help="One of the service's models.")] = None,
    edit_model: Annotated[
        str | None, typer.Option(help="The one for edits by instruction.")
    ] = None,
    per_job: Annotated[float | None, typer.Option(help="At most so many $ a job.")] = None,
    per_day: Annotated[float | None, typer.Option(help="At most so many $ a day.")] = None,
    price: Annotated[
        float | None, typer.Option(help="What a picture costs in $, as limits count it.")
    ] = None,
    native_size: Annotated[
        int | None, typer.Option(help="The side in px that the server's model paints best at.")
    ] = None,
    quality: Annotated[
        str | None, typer.Option(help="low, medium or high, where the service has that; it costs.")
    ] = None,
    at_once: Annotated[
        int | None, typer.Option(help="So many jobs run there beside each other.")
    ] = None,
    extras: Annotated[
        bool | None,
        typer.Option(help="The server takes strength, seed, steps and guidance, too."),
    ] = None,
    data: DataDir = None,
) -> None:
    """Change a service's address, model, price, size or limits; what is left out stays."""
    client = _client(data)
    caps = {"per_job": per_job, "per_day": per_day}
    change: dict[str, Any] = {"base_url": url, "model": model, "price": price}
    change |= {"native_size": native_size, "extras": extras, "at_once": at_once}
    change |= {"picture_quality": quality}
    change |= {"models": {"edit": edit_model} if edit_model else None}
    change = {name: value for name, value in change.items() if value is not None}
    if any(value is not None for value in caps.values()):
        now = _entry(client, service)["caps"]
        change["caps"] = now | {name: value for name, value in caps.items() if value is not None}
    if not change:
        raise BadInput("bad_request", "Nothing is to be changed.", "Give --url, --model, a limit.")
    _tell(client.change_backend(service, change))


@command.command()
def key(
    service: Service,
    forget: Annotated[bool, typer.Option("--forget", help="Delete the key instead.")] = False,
    data: DataDir = None,
) -> None:
    """Keep a service's key; it is asked for, or read from standard input."""
    client = _client(data)
    if forget:
        _tell(client.forget_key(service))
        return
    entry = _entry(client, service)
    if sys.stdin.isatty():
        typed = typer.prompt(said(f"Key for {entry['title']}"), hide_input=True)
    else:
        typed = sys.stdin.readline()
    _tell(client.put_key(service, typed.strip()))


@command.command()
def agree(
    service: Service,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Agree no longer.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data: DataDir = None,
) -> None:
    """Agree that a service gets the part of a picture that a job needs, and your words."""
    client = _client(data)
    if not withdraw:
        entry = _entry(client, service)
        for name in ("receives", "price", "privacy"):
            say(f"{name.capitalize()}: {entry[name]}")
        if not yes:
            typer.confirm(said("May it receive what your jobs there need?"), abort=True)
    _tell(client.agree(service, agreed=not withdraw))


@command.command()
def check(service: Service, data: DataDir = None) -> None:
    """Try address and key, without cost, and hold what is offered there against what is known."""
    told = _client(data).check_backend(service)
    models = told["models"]
    say("Address and key work." + (f" Models: {', '.join(models)}" if models else ""))
    for remark in told["remarks"]:
        say(remark["sentence"])


def _client(data: Path | None) -> Client:
    client, _started = connect_or_start(data_folder_of(data))
    return client


def _entry(client: Client, service: str) -> dict[str, Any]:
    """Raises BadInput where there is no such service."""
    found = client.backends()
    for one in found:
        if one["id"] == service:
            return one
    raise BadInput(
        "backend_not_found",
        f"There is no place called “{service}”.",
        f"There are: {', '.join(one['id'] for one in found)}.",
    )


def _state(entry: dict[str, Any]) -> str:
    if entry["configured"]:
        return "ready"
    if entry["needs_key"] and not entry["has_key"]:
        return "needs a key"
    return "needs your consent"


def _tell(entry: dict[str, Any]) -> None:
    say(f"{entry['title']} at {entry['base_url']}: {_state(entry)}")
