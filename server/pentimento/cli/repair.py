"""`pentimento repair`: makes the database of the jobs again from the folders of their results."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from pentimento.cli.arguments import data_folder_of
from pentimento.cli.speech import said
from pentimento.core.errors import PentimentoError


@dataclass(frozen=True, slots=True)
class Repaired:
    jobs: int
    found: tuple[str, ...]
    unknown: tuple[str, ...]  # folders without a record
    put_aside: Path | None

    def as_json(self) -> dict[str, Any]:
        return {
            "jobs": self.jobs,
            "found": list(self.found),
            "unknown": list(self.unknown),
            "put_aside": str(self.put_aside) if self.put_aside else None,
        }


def command(
    data: Annotated[Path | None, typer.Option("--data-dir", help="The data folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List results again whose database was lost or damaged; the server must not be running."""
    done = asyncio.run(_repair(data_folder_of(data)))
    typer.echo(json.dumps(done.as_json(), indent=2) if as_json else said("\n".join(_lines(done))))


async def _repair(folder: Path) -> Repaired:
    from pentimento.api.server import Instance
    from pentimento.core.data_folder import DATABASE, JOBS
    from pentimento.jobs.recovery import recover
    from pentimento.jobs.results import Results
    from pentimento.jobs.store import Store

    if not folder.is_dir():
        raise PentimentoError("data_dir", f"There is no data folder at {folder}.", "")
    instance = Instance(folder)
    instance.open()
    try:
        store = Store(folder / DATABASE)
        try:
            recovered = await recover(store, Results(folder / JOBS))
            jobs = len(await store.known_jobs())
        finally:
            store.close()
        return Repaired(jobs, recovered.found, recovered.unknown, store.put_aside)
    except (OSError, sqlite3.Error) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise PentimentoError(
            "data_dir",
            f"The data folder {folder} cannot be repaired: {reason}.",
            "Look whether its disk has room and its files are yours.",
        ) from problem
    finally:
        instance.close()


def _lines(done: Repaired) -> list[str]:
    lines = [f"{done.jobs} jobs are in the database, {len(done.found)} of them found again now."]
    if done.put_aside:
        lines.append(f"The damaged database is kept as {done.put_aside}.")
    if done.unknown:
        lines.append(f"{len(done.unknown)} folders have no record and stay as they are:")
        lines += [f"  {job_id}" for job_id in done.unknown]
    return lines
