"""Jobs, blobs and timings on disk: one SQLite file in WAL mode; pixels lie beside it as files.

All calls are coroutines that run one after the other on the store's own thread, so that a slow disk
never holds up the event loop.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sqlite3
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from pentimento.core.data_folder import is_file
from pentimento.jobs.clock import CautiousClock, Sight
from pentimento.jobs.job import JobState
from pentimento.schema.job import JobRequest, JobStatus, PixelFormat

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
BUSY_SECONDS = 5.0
TRIGRAM = 3  # characters
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


def _clock(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 1), wall REAL NOT NULL,"
        " lag REAL NOT NULL, doubted_at REAL)"
    )


def _history(db: sqlite3.Connection) -> None:
    """What jobs are looked for by. Words are indexed by threes of characters, for languages that
    do not part them by spaces."""
    db.execute("ALTER TABLE jobs ADD COLUMN starred INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE jobs ADD COLUMN model TEXT")
    db.execute("ALTER TABLE jobs ADD COLUMN image TEXT")
    db.execute("CREATE VIRTUAL TABLE jobs_words USING fts5 (words, tokenize = 'trigram')")
    db.execute(
        "CREATE TRIGGER jobs_gone AFTER DELETE ON jobs"
        " BEGIN DELETE FROM jobs_words WHERE rowid = old.rowid; END"
    )
    for rowid, state in db.execute("SELECT rowid, state FROM jobs").fetchall():
        for readable in _readable([(state,)]):
            row = _job_row(readable) | {"rowid": rowid}
            db.execute("UPDATE jobs SET model = :model, image = :image WHERE rowid = :rowid", row)
            db.execute("INSERT INTO jobs_words (rowid, words) VALUES (:rowid, :words)", row)


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [_first_tables, _clock, _history]

WITH_PICTURES = (  # what of a state is read is read for few: most have succeeded
    "(status = 'succeeded' OR (status IN ('cancelled', 'failed')"
    " AND json_array_length(state, '$.images') > 0))"
)


@dataclass(frozen=True, slots=True)
class Search:
    """Which jobs are asked for; None or empty is any. All of the words in `text` must be there, in
    the prompts and names of a job, as parts of words too. `pictures`: those that have ended and
    brought pictures, also where they were stopped or failed after some. `before`: the id of the job
    after which the list goes on."""

    client: str | None = None
    status: str | None = None
    text: str = ""
    model: str | None = None
    image: str | None = None
    starred: bool | None = None
    pictures: bool = False
    before: str | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Known:
    """What the database has of a job, without reading its state."""

    status: str
    readable: bool


class Store:
    """`is_new` says that the database was made just now; `put_aside` where a damaged one went.
    `clock` is what decides what has expired."""

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        try:
            self._db, self.is_new, self.put_aside = self._thread.submit(_open, path).result()
            sight = self._thread.submit(_sight, self._db).result()
            self.knew_time = sight is not None
            self.clock = CautiousClock(sight)
        except BaseException:
            self._thread.shutdown()
            raise
        self.rescued: set[str] = set()  # jobs of folders only: this server deletes none of them

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

    async def jobs(self, search: Search) -> list[JobState]:
        """Newest first."""
        return await self._call(_select_jobs, *_found(search))

    async def unfinished_jobs(self) -> list[JobState]:
        """Oldest first."""
        query = "SELECT state FROM jobs WHERE status IN (?, ?) ORDER BY created_at, rowid"
        active = (JobStatus.QUEUED.value, JobStatus.RUNNING.value)
        return await self._call(_select_jobs, query, active)

    async def job_of_key(self, key: str) -> tuple[str, str] | None:
        """Id and body hash of the job that was made with an idempotency key."""
        query = "SELECT id, body_hash FROM jobs WHERE idempotency_key = ?"
        rows = await self._call(_select, query, (key,))
        return (rows[0][0], rows[0][1]) if rows else None

    async def key_of(self, job_id: str) -> tuple[str | None, str]:
        """The idempotency key and the body hash that a job was made with."""
        query = "SELECT idempotency_key, body_hash FROM jobs WHERE id = ?"
        rows = await self._call(_select, query, (job_id,))
        return (rows[0][0], rows[0][1] or "") if rows else (None, "")

    async def known_jobs(self) -> dict[str, Known]:
        query = "SELECT id, status, json_valid(state) FROM jobs"
        rows = await self._call(_select, query)
        return {row[0]: Known(row[1], bool(row[2])) for row in rows}

    async def take_back(self, state: JobState, key: str | None, body_hash: str, size: int) -> None:
        """A job as its folder tells it, in place of what the database has, if anything."""
        await self._call(_take_back, _job_row(state), key, body_hash, size)
        self.rescued.add(state.id)

    async def drop_old_jobs(self, max_bytes: int) -> list[str]:
        """Forgets finished jobs that expired, and the oldest ones beyond `max_bytes`; their ids.
        Starred ones neither go nor count."""
        return await self._call(_drop_old_jobs, self.clock.now(), max_bytes, self.rescued)

    async def drop_job(self, job_id: str) -> None:
        """Forgets a job for good: its words are neither in the index nor in the journal."""
        await self._call(_execute, "DELETE FROM jobs WHERE id = ?", (job_id,))
        await self._call(_execute, "INSERT INTO jobs_words (jobs_words) VALUES ('optimize')", ())
        await self._call(_execute, "PRAGMA wal_checkpoint(TRUNCATE)", ())

    async def keep_time(self) -> None:
        """Writes down what time it is, so that the next server sees a wrong clock."""
        sight = self.clock.sight
        query = "INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?)"
        await self._call(_execute, query, (sight.wall, sight.lag, sight.doubted_at))

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
        rows = await self._call(_select, query, (blob_id, self.clock.now()))
        return _blob(rows[0]) if rows else None

    async def blobs(self) -> list[Blob]:
        """All, those that expire first at the front; expired ones too."""
        query = (
            "SELECT id, width, height, format, kind, bytes, expires_at FROM blobs"
            " ORDER BY expires_at"
        )
        return [_blob(row) for row in await self._call(_select, query)]

    async def blob_bytes(self) -> int:
        rows = await self._call(_select, "SELECT COALESCE(SUM(bytes), 0) FROM blobs")
        return int(rows[0][0])

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


def _open(path: Path) -> tuple[sqlite3.Connection, bool, Path | None]:
    """The database at its newest version, whether it is new, and where a damaged one was put."""
    if not path.exists():
        aside = _put_aside(path)  # what a lost database left must not mix with a new one
        return _connect(path), True, aside
    try:
        return _connect(path), False, None
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and not _is_mixed_up(error):
            raise
        log.error("the job store is damaged (%s); it is put aside and a new one begun", error)
        aside = _put_aside(path)
        return _connect(path), True, aside


KNOWN_MIX_UPS = ("no such table", "no such column", "already exists", "duplicate column")


def _is_mixed_up(error: sqlite3.OperationalError) -> bool:
    """Whether the database is readable and not what was written: tables missing or there twice."""
    return any(text in str(error) for text in KNOWN_MIX_UPS)


def _put_aside(path: Path) -> Path | None:
    """Renames the database and its journals; never over what was put aside before."""
    parts = [
        suffix for suffix in ("", "-wal", "-shm") if is_file(path.with_name(path.name + suffix))
    ]
    if not parts:
        return None
    names = (
        f"{path.name}.damaged{number}" for number in ("", *(f"-{n}" for n in range(2, 10_000)))
    )
    free = next(name for name in names if not path.with_name(name).exists())
    for suffix in parts:
        path.with_name(path.name + suffix).replace(path.with_name(free + suffix))
    return path.with_name(free)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
    db.text_factory = _text
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
        db.execute("PRAGMA synchronous = NORMAL")  # safe against the end of the process
        said = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if said != "ok":
            raise sqlite3.DatabaseError(said)
        _migrate(db)
        db.execute("SELECT id, state, bytes FROM jobs LIMIT 1")
    except sqlite3.DatabaseError:
        db.close()
        raise
    except UnicodeDecodeError as error:  # of SQLite's own words about a schema that is no text
        db.close()
        raise sqlite3.DatabaseError("its schema is no text") from error
    path.chmod(0o600)
    return db


def _text(data: bytes) -> str:
    """Of a damaged database, what is no text: it must not keep a server from starting, nor hide
    what else is there."""
    return data.decode("utf-8", "replace")


def _migrate(db: sqlite3.Connection) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    for number, migration in enumerate(MIGRATIONS[version:], version + 1):
        with db:
            db.execute("BEGIN")
            migration(db)
            db.execute(f"PRAGMA user_version = {number}")


def _select(
    db: sqlite3.Connection, query: str, values: tuple[Any, ...] = ()
) -> list[tuple[Any, ...]]:
    return db.execute(query, values).fetchall()


def _execute(db: sqlite3.Connection, query: str, values: tuple[Any, ...]) -> None:
    db.execute(query, values)


def _select_jobs(
    db: sqlite3.Connection, query: str, values: tuple[Any, ...] = ()
) -> list[JobState]:
    """Read here, in the store's thread: hundreds of long records are no work for the event loop."""
    return _readable(_select(db, query, values))


def _found(search: Search) -> tuple[str, tuple[Any, ...]]:
    """The query for a search, and its values."""
    conditions: list[str] = ["1"]
    values: list[object] = []
    equal = {name: getattr(search, name) for name in ("client", "status", "model", "image")}
    for column, wanted in (equal | {"starred": search.starred}).items():
        if wanted is not None:
            conditions.append(f"{column} = ?")
            values.append(wanted)
    if search.pictures:
        conditions.append(WITH_PICTURES)
    for word in search.text.split():
        condition, value = _holds(word)
        conditions.append(f"rowid IN (SELECT rowid FROM jobs_words WHERE {condition})")
        values.append(value)
    if search.before is not None:
        conditions.append("(created_at, rowid) < (SELECT created_at, rowid FROM jobs WHERE id = ?)")
        values.append(search.before)
    query = (
        f"SELECT state FROM jobs WHERE {' AND '.join(conditions)}"
        " ORDER BY created_at DESC, rowid DESC LIMIT ?"
    )
    return query, (*values, search.limit)


def _holds(word: str) -> tuple[str, str]:
    """A condition of the words' table. Its index knows nothing shorter than three characters."""
    if len(word) >= TRIGRAM:
        quoted = word.replace('"', '""')
        return "jobs_words MATCH ?", f'"{quoted}"'
    escaped = re.sub(r"([%_\\])", r"\\\1", word)
    return r"words LIKE ? ESCAPE '\'", f"%{escaped}%"


def _words(request: JobRequest) -> str:
    """What a person would look for a job by."""
    named = [request.prompt, request.negative_prompt, request.text, request.model or ""]
    named += [region.prompt for region in request.regions]
    named += [lora.id for lora in request.loras]
    return "\n".join(text for text in named if text)


def _job_row(state: JobState) -> dict[str, object]:
    return {
        "id": state.id,
        "status": state.status.value,
        "client": state.request.client,
        "created_at": state.created_at,
        "expires_at": state.expires_at,
        "state": json.dumps(state.as_json()),
        "starred": int(state.starred),
        "model": state.request.model,
        "image": state.request.image,
        "words": _words(state.request),
    }


def _insert_job(
    db: sqlite3.Connection, row: dict[str, Any], key: str | None, body_hash: str
) -> None:
    made = db.execute(
        "INSERT INTO jobs (id, status, client, created_at, expires_at, state, starred, model,"
        " image, idempotency_key, body_hash) VALUES (:id, :status, :client, :created_at,"
        " :expires_at, :state, :starred, :model, :image, :key, :hash)",
        row | {"key": key, "hash": body_hash},
    )
    db.execute(
        "INSERT INTO jobs_words (rowid, words) VALUES (:rowid, :words)",
        row | {"rowid": made.lastrowid},
    )


def _update_job(db: sqlite3.Connection, row: dict[str, Any], size: int) -> None:
    db.execute(
        "UPDATE jobs SET status = :status, expires_at = :expires_at, state = :state,"
        " starred = :starred, bytes = MAX(bytes, :size) WHERE id = :id",
        row | {"size": size},
    )


def _take_back(
    db: sqlite3.Connection, row: dict[str, Any], key: str | None, body_hash: str, size: int
) -> None:
    db.execute("DELETE FROM jobs WHERE id = :id", row)
    taken = db.execute("SELECT 1 FROM jobs WHERE idempotency_key = ?", (key,)).fetchone()
    _insert_job(db, row, None if taken else key, body_hash)
    _update_job(db, row, size)


def _sight(db: sqlite3.Connection) -> Sight | None:
    """What time it was; None where the database is new, or of a version that did not keep it."""
    row = db.execute("SELECT wall, lag, doubted_at FROM clock").fetchone()
    return Sight(*row) if row else None


def _drop_old_jobs(
    db: sqlite3.Connection, now: float, max_bytes: int, spared: Collection[str]
) -> list[str]:
    dropped, kept_bytes = [], 0
    final = tuple(status.value for status in JobStatus if status.final)
    query = (
        "SELECT id, bytes, expires_at FROM jobs WHERE status IN (?, ?, ?) AND NOT starred"
        " ORDER BY created_at DESC"
    )
    for job_id, size, expires_at in db.execute(query, final).fetchall():
        kept_bytes += size
        if job_id not in spared and (expires_at <= now or kept_bytes > max_bytes):
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


def _readable(rows: list[tuple[Any, ...]]) -> list[JobState]:
    """One damaged record must not keep a server from starting."""
    states = []
    for row in rows:
        try:
            states.append(_state(row))
        except (ValueError, KeyError, TypeError):
            log.exception("a job in the store cannot be read; it is left out")
    return states


def _state(row: tuple[Any, ...]) -> JobState:
    return JobState.from_json(json.loads(row[0]))


def _blob(row: tuple[Any, ...]) -> Blob:
    blob_id, width, height, name, kind, size, expires_at = row
    return Blob(blob_id, width, height, PixelFormat(name) if name else None, kind, size, expires_at)
