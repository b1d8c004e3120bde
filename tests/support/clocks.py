"""A data folder as a server with another clock sees it: what is kept gets older or younger."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

DAY = 86_400.0


def put_forward(data: Path, seconds: float, *copies: Path) -> None:
    """For the next server it is so much later than for the last one. Nothing else has changed:
    all dates that were written move back instead of the clock moving forward, those in `copies` of
    the database too: a backup that is put back later was made before the jump as well."""
    for database in (data / "jobs.sqlite", *copies):
        if database.exists():
            _move_back(database, seconds)
    for record in data.glob("jobs/*/record.json"):
        with suppress(ValueError, TypeError, KeyError):  # one that a test has spoilt has no dates
            told = json.loads(record.read_bytes())
            told["state"] = _earlier(told["state"], seconds)
            record.write_text(json.dumps(told))
    for file in (*data.glob("jobs/*/*"), *data.glob("jobs/*"), *data.glob("blobs/*")):
        times = file.lstat()
        os.utime(file, (times.st_atime - seconds, times.st_mtime - seconds), follow_symlinks=False)


def _move_back(database: Path, seconds: float) -> None:
    with closing(sqlite3.connect(database)) as db, db:
        for job_id, state in db.execute("SELECT id, state FROM jobs").fetchall():
            db.execute(
                "UPDATE jobs SET state = ?, created_at = created_at - ?,"
                " expires_at = expires_at - ? WHERE id = ?",
                (json.dumps(_earlier(json.loads(state), seconds)), seconds, seconds, job_id),
            )
        db.execute("UPDATE blobs SET expires_at = expires_at - ?", (seconds,))
        db.execute("UPDATE clock SET wall = wall - ?, doubted_at = doubted_at - ?", (seconds,) * 2)


def _earlier(state: dict, seconds: float) -> dict:
    names = ("created_at", "started_at", "finished_at", "expires_at")
    return state | {name: state[name] - seconds for name in names if state[name]}
