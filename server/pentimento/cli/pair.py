"""`pentimento pair`: a server for other machines, and a machine that uses it."""

from __future__ import annotations

import sys
from getpass import getpass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from pentimento.cli.arguments import data_folder_of
from pentimento.cli.client import Client, ServerError, connect_or_start
from pentimento.cli.speech import say
from pentimento.core import data_folder, identity, other_machine, pairing_code
from pentimento.core.errors import BadInput, NotAllowed
from pentimento.core.other_machine import OtherMachine

SECONDS = 10.0


def command(
    address: Annotated[
        str | None,
        typer.Argument(
            help="On the machine that is to use the server: where that is, as it told. "
            "The code is asked for."
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(help="On the server's machine: the address to listen at; else all."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="On the server's machine: the port; else 7843. 0: any free one."
        ),
    ] = None,
    close: Annotated[
        bool,
        typer.Option("--close", help="On the server's machine: let no other machine in any more."),
    ] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Use this machine's own server again.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option("--data-dir", help="The data folder of the server.")
    ] = None,
) -> None:
    """Let GIMP on another machine use this server, encrypted, or use that of another one."""
    folder = data_folder_of(data)
    if sum(map(bool, (address, close, forget))) > 1:
        raise BadInput(
            "bad_request", "ADDRESS, --close and --forget exclude each other.", "Give one of them."
        )
    if forget:
        other_machine.forget(folder)
        say("This machine's own server is used from now on.")
    elif address:
        _use(folder, address)
    else:
        client, _ = connect_or_start(folder, own=True)
        if close:
            client.close_network()
            say("No other machine is let in any more.")
        else:
            _offer(client.offer_pairing({"host": host, "port": port}))


def _offer(offer: dict[str, Any]) -> None:
    say("On the other machine, type one of:")
    for one in offer["addresses"]:
        typer.echo(f"  pentimento pair {one}")
    say("or open Filters > Pentimento > Setup > Server in GIMP there. It asks for this code:")
    typer.echo(f"  {offer['code']}")
    minutes = offer["seconds"] // 60
    say(f"It is good for one machine and for {minutes} minutes.")


def _use(folder: Path, address: str) -> None:
    host, port = _place(address)
    typed = _typed_code()
    code = pairing_code.plain(typed)
    if code is None:
        raise BadInput(
            "wrong_code",
            "This is no code.",
            "It has four groups of four signs, as `pentimento pair` shows it on the other machine.",
        )
    other = paired(host, port, code)
    data_folder.claim(folder)
    other_machine.keep(folder, other)
    say(f"Paired: GIMP and the pentimento command use {other.url} from now on.")
    say("`pentimento pair --forget` goes back to this machine's own server.")


def _typed_code() -> str:
    """Never as an argument: those are seen by everybody on the machine."""
    if sys.stdin.isatty():
        return getpass("Code: ")
    return sys.stdin.readline()


def paired(host: str, port: int, code: str) -> OtherMachine:
    """The machine there, with its token. Raises ServerError where nothing answers, and NotAllowed
    where it does not know the code."""
    try:
        fingerprint = other_machine.fingerprint_at(host, port, SECONDS)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ServerError(
            "server_not_running",
            f"Nothing answers at {host}, port {port}: {reason}.",
            "Run `pentimento pair` on the other machine, and look whether its firewall lets this "
            "port through.",
        ) from error
    url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    client = Client(url, "", fingerprint)
    nonce = identity.new_nonce()
    answer = client.pair(nonce, pairing_code.proof(code, "client", fingerprint, nonce))
    token = str(answer.get("token"))
    if not pairing_code.is_proof(answer.get("proof"), code, "server", fingerprint, nonce, token):
        raise NotAllowed(
            "wrong_code",
            "What answers there does not know the code.",
            "It is not the machine that shows it. Look at the address.",
        )
    other = OtherMachine(url, token, fingerprint)
    Client(other.url, other.token, other.fingerprint).health()
    return other


def _place(address: str) -> tuple[str, int]:
    """Raises BadInput."""
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme != "https" or parts.path not in ("", "/"):
        raise BadInput(
            "bad_request",
            f"“{address}” is no address of another machine.",
            f"For example 192.168.1.20:{pairing_code.PORT}, as `pentimento pair` tells it there.",
        )
    return host, port or pairing_code.PORT
