"""Jobs, blobs and timings on disk: one SQLite file in WAL mode; pixels lie beside it as files.

All calls are coroutines that run one after the other on the store's own thread, so that a slow disk
never holds up the event loop.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from pentimento.jobs.record import JobStatus, PixelFormat
from pentimento.jobs.state import JobState

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
BUSY_SECONDS = 5.0
SMOOTHING = 0.3  # weight of the newest measurement


@dataclass(frozen=True, slots=True)
class Blob:
    """A picture that was sent. `format` is None for encoded files, whose type is `kind`."""

    id: str
    width: int
    height: int
    format: PixelFormat | None
    kind: str  # "raw", "PNG", "JPEG" or "WEBP"
    bytes: int
    expires_at: float


def _first_tables(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE jobs (id TEXT PRIMARY KEY, status TEXT NOT NULL, client TEXT NOT NULL,"
        " created_at REAL NOT NULL, expires_at REAL NOT NULL, bytes INTEGER NOT NULL DEFAULT 0,"
        " idempotency_key TEXT UNIQUE, body_hash TEXT, state TEXT NOT NULL)"
    )
    db.execute("CREATE INDEX jobs_by_age ON jobs (created_at)")
    db.execute(
        "CREATE TABLE blobs (id TEXT PRIMARY KEY, width INTEGER NOT NULL, height INTEGER NOT NULL,"
        " format TEXT, kind TEXT NOT NULL, bytes INTEGER NOT NULL, expires_at REAL NOT NULL)"
    )
    db.execute("CREATE TABLE timings (model TEXT PRIMARY KEY, seconds_per_px_step REAL NOT NULL)")


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [_first_tables]


class Store:
    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._db = self._thread.submit(_open, path).result()

    async def _call(
        self,
        work: Callable[Concatenate[sqlite3.Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        def in_transaction() -> R:
            with self._db:
                return work(self._db, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._thread, in_transaction)

    def close(self) -> None:
        self._thread.submit(self._db.close).result()
        self._thread.shutdown()

    # Jobs

    async def add_job(self, state: JobState, key: str | None, body_hash: str) -> None:
        await self._call(_insert_job, _job_row(state), key, body_hash)

    async def save_job(self, state: JobState, size: int = 0) -> None:
        """`size`: bytes of its files, for the limit of all results together."""
        await self._call(_update_job, _job_row(state), size)

    async def job(self, job_id: str) -> JobState | None:
        rows = await self._call(_select, "SELECT state FROM jobs WHERE id = ?", (job_id,))
        return _state(rows[0]) if rows else None

    async def jobs(
        self, client: str | None = None, status: str | None = None, limit: int = 100
    ) -> list[JobState]:
        """Newest first."""
        query = (
            "SELECT state FROM jobs WHERE (?1 IS NULL OR client = ?1)"
            " AND (?2 IS NULL OR status = ?2) ORDER BY created_at DESC, rowid DESC LIMIT ?3"
        )
        return _readable(await self._call(_select, query, (client, status, limit)))

    async def unfinished_jobs(self) -> list[JobState]:
        """Oldest first."""
        query = "SELECT state FROM jobs WHERE status IN (?, ?) ORDER BY created_at, rowid"
        active = (JobStatus.QUEUED.value, JobStatus.RUNNING.value)
        return _readable(await self._call(_select, query, active))

    async def job_of_key(self, key: str) -> tuple[str, str] | None:
        """Id and body hash of the job that was made with an idempotency key."""
        query = "SELECT id, body_hash FROM jobs WHERE idempotency_key = ?"
        rows = await self._call(_select, query, (key,))
        return (rows[0][0], rows[0][1]) if rows else None

    async def job_ids(self) -> set[str]:
        return {row[0] for row in await self._call(_select, "SELECT id FROM jobs")}

    async def drop_old_jobs(self, max_bytes: int) -> list[str]:
        """Forgets finished jobs that expired, and the oldest ones beyond `max_bytes`; their ids."""
        return await self._call(_drop_old_jobs, time.time(), max_bytes)

    async def result_bytes(self) -> int:
        rows = await self._call(_select, "SELECT COALESCE(SUM(bytes), 0) FROM jobs")
        return int(rows[0][0])

    # Blobs

    async def save_blob(self, blob: Blob) -> bool:
        """Whether it is new; a known one lives on until the later date."""
        return await self._call(_save_blob, blob)

    async def blob(self, blob_id: str) -> Blob | None:
        query = (
            "SELECT id, width, height, format, kind, bytes, expires_at FROM blobs"
            " WHERE id = ? AND expires_at > ?"
        )
        rows = await self._call(_select, query, (blob_id, time.time()))
        return _blob(rows[0]) if rows else None

    async def blobs(self) -> list[Blob]:
        """All, those that expire first at the front; expired ones too."""
        query = (
            "SELECT id, width, height, format, kind, bytes, expires_at FROM blobs"
            " ORDER BY expires_at"
        )
        return [_blob(row) for row in await self._call(_select, query)]

    async def drop_blob(self, blob_id: str) -> None:
        await self._call(_execute, "DELETE FROM blobs WHERE id = ?", (blob_id,))

    # Timings

    async def add_timing(self, model: str, seconds_per_px_step: float) -> None:
        query = (
            "INSERT INTO timings VALUES (?1, ?2) ON CONFLICT (model) DO UPDATE SET"
            " seconds_per_px_step = seconds_per_px_step * (1 - ?3) + ?2 * ?3"
        )
        await self._call(_execute, query, (model, seconds_per_px_step, SMOOTHING))

    async def timings(self) -> dict[str, float]:
        return dict(await self._call(_select, "SELECT * FROM timings"))


def _open(path: Path) -> sqlite3.Connection:
    """The database at its newest version; a damaged file is put aside and a new one begun."""
    try:
        return _connect(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        log.error("the job store is damaged (%s); it is put aside and a new one begun", error)
        for suffix in ("", "-wal", "-shm"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.replace(path.with_name(f"{path.name}.damaged{suffix}"))
        return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")  # safe against the end of the process
        _migrate(db)
    except sqlite3.DatabaseError:
        db.close()
        raise
    path.chmod(0o600)
    return db


def _migrate(db: sqlite3.Connection) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    for number, migration in enumerate(MIGRATIONS[version:], version + 1):
        with db:
            db.execute("BEGIN")
            migration(db)
            db.execute(f"PRAGMA user_version = {number}")


def _select(db: sqlite3.Connection, query: str, values: tuple = ()) -> list[tuple]:
    return db.execute(query, values).fetchall()


def _execute(db: sqlite3.Connection, query: str, values: tuple) -> None:
    db.execute(query, values)


def _job_row(state: JobState) -> dict[str, object]:
    return {
        "id": state.id,
        "status": state.status.value,
        "client": state.request.client,
        "created_at": state.created_at,
        "expires_at": state.expires_at,
        "state": json.dumps(state.as_json()),
    }


def _insert_job(db: sqlite3.Connection, row: dict, key: str | None, body_hash: str) -> None:
    db.execute(
        "INSERT INTO jobs (id, status, client, created_at, expires_at, state, idempotency_key,"
        " body_hash) VALUES (:id, :status, :client, :created_at, :expires_at, :state, :key, :hash)",
        row | {"key": key, "hash": body_hash},
    )


def _update_job(db: sqlite3.Connection, row: dict, size: int) -> None:
    db.execute(
        "UPDATE jobs SET status = :status, expires_at = :expires_at, state = :state,"
        " bytes = MAX(bytes, :size) WHERE id = :id",
        row | {"size": size},
    )


def _drop_old_jobs(db: sqlite3.Connection, now: float, max_bytes: int) -> list[str]:
    dropped, kept_bytes = [], 0
    final = tuple(status.value for status in JobStatus if status.final)
    query = (
        "SELECT id, bytes, expires_at FROM jobs WHERE status IN (?, ?, ?) ORDER BY created_at DESC"
    )
    for job_id, size, expires_at in db.execute(query, final).fetchall():
        kept_bytes += size
        if expires_at <= now or kept_bytes > max_bytes:
            kept_bytes -= size
            dropped.append(job_id)
    db.executemany("DELETE FROM jobs WHERE id = ?", [(job_id,) for job_id in dropped])
    return dropped


def _save_blob(db: sqlite3.Connection, blob: Blob) -> bool:
    known = db.execute("SELECT 1 FROM blobs WHERE id = ?", (blob.id,)).fetchone()
    db.execute(
        "INSERT INTO blobs VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
        " expires_at = MAX(expires_at, excluded.expires_at)",
        (
            *(blob.id, blob.width, blob.height, blob.format and blob.format.value),
            *(blob.kind, blob.bytes, blob.expires_at),
        ),
    )
    return known is None


def _readable(rows: list[tuple]) -> list[JobState]:
    """One damaged record must not keep a server from starting."""
    states = []
    for row in rows:
        try:
            states.append(_state(row))
        except (ValueError, KeyError, TypeError):
            log.exception("a job in the store cannot be read; it is left out")
    return states


def _state(row: tuple) -> JobState:
    return JobState.from_json(json.loads(row[0]))


def _blob(row: tuple) -> Blob:
    blob_id, width, height, name, kind, size, expires_at = row
    return Blob(blob_id, width, height, PixelFormat(name) if name else None, kind, size, expires_at)
