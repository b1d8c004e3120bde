"""The server and the models."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

from pentimento import __version__
from pentimento.cli.checks import Finding, State, failed, ok, warning
from pentimento.cli.client import Client
from pentimento.errors import PentimentoError
from pentimento.models import Registry
from pentimento.paths import server_file

START = "It starts by itself with the first job, or with `pentimento serve`."


def server(folder: Path) -> Finding:
    found = server_file(folder)
    if found is None:
        return warning("Server", "not running", START)
    client = Client(found.url, found.token)
    try:
        told = client.health()
        status = client.status()
    except PentimentoError as error:
        return _silent(found.url, error)
    if told.get("version") != __version__:
        return failed(
            "Server",
            f"version {told.get('version')} runs, {__version__} is installed",
            "Stop it in GIMP (Filters > Pentimento > Server) or end its process; "
            "the next job starts the new one.",
        )
    engine = status["engine"]["state"]
    return ok("Server", f"{told['version']} at {found.url}, engine {engine}")


def models(folder: Path) -> list[Finding]:
    """One finding for each model, and one more when there is none to work with."""
    findings = []
    for info in Registry(folder).list():
        name = f"Model {info.id}"
        if info.role == "rest":
            findings.append(ok(name, info.problem))
        elif info.ok:
            findings.append(ok(name, f"{info.title}, {info.family}, {info.bytes / 1e6:.0f} MB"))
        else:
            findings.append(
                warning(name, info.problem, f"`pentimento models remove {info.id}` removes it.")
            )
    if all(finding.state is not State.OK for finding in findings):
        findings.append(failed("Models", "none can be used", "Run install.sh again."))
    return findings


def _silent(url: str, error: PentimentoError) -> Finding:
    """Tells a server that has ended from a port that someone else has taken."""
    if error.status == 401:
        return failed(
            "Server",
            "it does not accept the token of this data folder",
            "Another user's or an older server uses the port; restart yours.",
        )
    address = urlsplit(url)
    try:
        with socket.create_connection((address.hostname, address.port or 80), timeout=2):
            pass
    except OSError:
        return warning("Server", f"not running (it last was at {url})", START)
    return failed("Server", error.message, error.hint)
