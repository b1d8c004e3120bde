"""R1 and R2 as a property: whatever became of the database and the folders, no start removes a
picture that has not expired, nor a file that is not the server's."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.server.front import Front
from tests.support import awkward, clocks, folders

from pentimento.api.server import Instance
from pentimento.api.services import build
from pentimento.core.errors import PentimentoError
from pentimento.core.settings import Settings
from pentimento.jobs.results import Results

EXAMPLES = int(os.environ.get("PENTIMENTO_EXAMPLES", "30"))
ALIVE, EXPIRED = 3, 1  # jobs
Harm = Callable[[Path, random.Random], None]


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A data folder with finished jobs, some of which have expired for long, and a backup of its
    database from before the last one."""
    place = tmp_path_factory.mktemp("origin") / "data"
    front = Front(place, {"disk_reserve": 0})
    ids = []
    for number in range(ALIVE + EXPIRED):
        ids.append(front.start({"prompt": "猫", "steps": 1, "count": 2, "width": 8, "height": 8}))
        front.finished(ids[-1])
        if number == ALIVE + EXPIRED - 2:
            with (
                closing(sqlite3.connect(place / "jobs.sqlite")) as db,
                closing(sqlite3.connect(place.parent / "backup")) as copy,
            ):
                db.backup(copy)
    front.blob(b"x" * 256, 8, 8)
    front.stop()
    with closing(sqlite3.connect(place / "jobs.sqlite")) as db, db:
        db.execute("PRAGMA journal_mode = DELETE")
        for job_id in ids[:EXPIRED]:
            _expire(db, place, job_id)
    return place, ids[:EXPIRED], ids[EXPIRED:]


def _expire(db: sqlite3.Connection, place: Path, job_id: str) -> None:
    gone = time.time() - 10 * clocks.DAY
    db.execute("UPDATE jobs SET expires_at = ? WHERE id = ?", (gone, job_id))
    record = place / "jobs" / job_id / "record.json"
    told = json.loads(record.read_bytes())
    told["state"]["expires_at"] = gone
    record.write_text(json.dumps(told))


def lose(data: Path, chance: random.Random) -> None:
    (data / "jobs.sqlite").unlink(missing_ok=True)


def overwrite(data: Path, chance: random.Random) -> None:
    file = data / "jobs.sqlite"
    if file.exists() and (size := file.stat().st_size):
        with file.open("r+b") as stream:
            stream.seek(chance.randrange(size))
            stream.write(chance.randbytes(chance.choice((1, 100, 5000))))


def cut(data: Path, chance: random.Random) -> None:
    file = data / "jobs.sqlite"
    if file.exists():
        os.truncate(file, chance.randrange(file.stat().st_size + 1))


def put_back(data: Path, chance: random.Random) -> None:
    for name in ("jobs.sqlite-wal", "jobs.sqlite-shm"):
        (data / name).unlink(missing_ok=True)
    shutil.copy(data.parent / "backup", data / "jobs.sqlite")


def old_version(data: Path, chance: random.Random) -> None:
    """Without a clock in the database and without a marker."""
    (data / ".pentimento-data").unlink(missing_ok=True)
    with suppress(sqlite3.Error), closing(sqlite3.connect(data / "jobs.sqlite")) as db, db:
        db.execute("DELETE FROM clock")


def _unlink(record: Path) -> None:
    """It got lost at some time, not just now: a new date would be a proof of what time it is."""
    times = record.parent.stat()
    record.unlink()
    os.utime(record.parent, (times.st_atime, times.st_mtime))


def lose_a_record(data: Path, chance: random.Random) -> None:
    for record in data.glob("jobs/*/record.json"):
        if chance.random() < 0.5:
            _unlink(record)


def lose_all_records(data: Path, chance: random.Random) -> None:
    for record in data.glob("jobs/*/record.json"):
        _unlink(record)


def spoil_a_record(data: Path, chance: random.Random) -> None:
    for record in data.glob("jobs/*/record.json"):
        if chance.random() < 0.5:
            times = record.stat()
            record.write_bytes(chance.choice((b"", b"{", b"[]", b"\xff", b'{"state": 1}')))
            os.utime(record, (times.st_atime, times.st_mtime))


def jump(data: Path, chance: random.Random) -> None:
    """Once: a clock that is later and later at each look cannot be told from time that passes."""
    once = data.parent / "jumped"
    if not once.exists():
        once.touch()
        days = chance.choice((0.5, 3, 30, 400, -400))
        with suppress(sqlite3.Error, ValueError, TypeError):  # a damaged one: all dates stay
            clocks.put_forward(data, days * clocks.DAY, data.parent / "backup")


def nothing(data: Path, chance: random.Random) -> None:
    pass


HARMS: list[Harm] = [
    *(lose, overwrite, cut, put_back, old_version, lose_a_record, lose_all_records),
    *(spoil_a_record, jump, nothing),
]
JOB, BLOB = "ab" * 16, "cd" * 32
BLOB_ID = re.compile("[0-9a-f]{64}")
FOREIGN = st.sampled_from(
    [
        *("jobs/my photos/0.raw", f"jobs/{JOB}/holiday.jpg", f"jobs/{JOB}/0.raw.bak"),
        *("blobs/cat.png", f"blobs/{BLOB.upper()}", "blobs/mine.part", "notes.txt"),
        *("jobs/0.raw", f"jobs/{JOB.upper()}/0.raw", "jobs.sqlite.bak", "logs/mine.txt"),
        *(f"jobs/{awkward.name(case)}" for case in ("cjk", "not_utf8", "leading_dash", "newline")),
        *(f"blobs/{awkward.name(case)}" for case in ("emoji", "not_utf8", "dots", "glob")),
    ]
)
LINKS = st.sampled_from([f"jobs/{JOB}", f"blobs/{BLOB}", f"jobs/{JOB}/0.raw", "jobs/link"])
STEPS = st.lists(st.sampled_from(HARMS), max_size=3)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(rounds=[[put_back, lose_all_records]], foreign=[], links=[], seed=0)  # young strays
@example(rounds=[[lose, lose_all_records], [], [nothing]], foreign=[], links=[], seed=1)
@example(rounds=[[lose, lose_all_records], [put_back]], foreign=[], links=[], seed=2)
@example(rounds=[[lose], [lose_all_records, lose], [put_back], []], foreign=[], links=[], seed=3)
@example(rounds=[[jump, lose, lose_all_records], []], foreign=[], links=[], seed=4)
@example(rounds=[[lose_all_records, jump, put_back]], foreign=[], links=[], seed=0)
@example(rounds=[[spoil_a_record], [overwrite], [put_back]], foreign=[], links=[], seed=617)
@example(
    rounds=[[lose_all_records, put_back], []],
    foreign=[f"jobs/{JOB}/0.raw.bak", f"jobs/{JOB}/holiday.jpg", f"blobs/{BLOB.upper()}"],
    links=[f"jobs/{JOB}/0.raw", f"blobs/{BLOB}", "jobs/link"],
    seed=5,
)
@given(
    rounds=st.lists(STEPS, min_size=1, max_size=3),
    foreign=st.lists(FOREIGN, max_size=4),
    links=st.lists(LINKS, max_size=2),
    seed=st.integers(0, 2**32),
)
def test_no_start_removes_what_is_not_expired_or_not_ours(origin, rounds, foreign, links, seed):
    template, _, alive = origin
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as work:
        data, outside = Path(work, "data"), folders.foreign(Path(work, "outside"))
        shutil.copytree(template, data)
        shutil.copy(template.parent / "backup", Path(work, "backup"))
        _lay(data, outside, foreign, links)
        before = _seen(data, outside)
        pictures = _pictures(data, alive)
        mine = {name: before[name] for name in before if name not in _seen(template, None)}
        for steps in rounds:
            for harm in steps:
                harm(data, chance)
            _start(data)
            after = _seen(data, outside)
            assert {name: after.get(name) for name in mine} == mine
            there = _pictures(data, alive)
            assert there == {
                name: pictures[name] for name in pictures if name in there or "jobs" in name
            }
            assert (data.parent / "jumped").exists() or there == pictures


def test_expired_results_are_removed_where_nothing_is_in_doubt(origin, tmp_path):
    """So that the property is not kept by removing nothing at all."""
    template, expired, alive = origin
    data = tmp_path / "data"
    shutil.copytree(template, data)
    _start(data)
    assert not any((data / "jobs" / job_id).exists() for job_id in expired)
    assert all((data / "jobs" / job_id).exists() for job_id in alive)


@pytest.mark.parametrize("beside", ["holiday.jpg", "猫 “x”.png", "0.raw.bak", "sub/0.raw", ""])
def test_a_stray_holds_nothing_but_old_files_of_the_server(beside, tmp_path):
    """Its name and those of our files alone are no proof that all of it is ours."""
    results = Results(tmp_path)
    picture = tmp_path / JOB / "0.raw"
    for place in (picture, tmp_path / JOB / beside) if beside else (picture,):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"years of work")
        os.utime(place, (1e9, 1e9))
    os.utime(tmp_path / JOB, (1e9, 1e9))
    results.remove_strays({JOB}, before=2e9)
    assert picture.exists()
    results.remove_strays((), before=2e9)
    assert picture.exists() == bool(beside)


def test_a_folder_with_a_record_is_no_stray(origin, tmp_path):
    template, _, (job_id, *_) = origin
    shutil.copytree(template / "jobs" / job_id, tmp_path / job_id)
    Results(tmp_path).remove_strays((), before=time.time() + clocks.DAY)
    assert (tmp_path / job_id / "0.raw").exists()


def _lay(data: Path, outside: Path, foreign: list[str], links: list[str]) -> None:
    for name in foreign:
        place = data / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"somebody's")
        os.utime(place, (1e9, 1e9))
    for name in links:
        place = data / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(place):
            place.symlink_to(
                outside / ("letter.txt" if "raw" in name or "blobs" in name else "jobs")
            )


def _seen(data: Path, outside: Path | None) -> dict[str, bytes | str]:
    found = folders.everything(data)
    return found | (folders.everything(outside) if outside else {})


def _pictures(data: Path, jobs: list[str]) -> dict[str, bytes]:
    """Of the jobs that have not expired, and the blob, which lives for a day: where the clock is
    put forward and younger files tell the same, it may go."""
    files = [file for job_id in jobs for file in (data / "jobs" / job_id).glob("*.raw")]
    if not (data.parent / "jumped").exists():
        files += [file for file in (data / "blobs").iterdir() if BLOB_ID.fullmatch(file.name)]
    return {
        str(file.relative_to(data)): file.read_bytes() for file in files if not file.is_symlink()
    }


def _start(data: Path) -> None:
    """All of a start that removes things, and the first sweep; a refusal is fine."""
    instance = Instance(data)
    try:
        instance.open()
    except PentimentoError:
        return
    try:
        asyncio.run(_tidy_up(data))
    finally:
        instance.close()


async def _tidy_up(data: Path) -> None:
    services = build(Settings(data), _NoBackend(), lambda: None)
    try:
        await services.sweeper.tidy_up()
        await services.sweeper.sweep()
        await services.sweeper.sweep()
    finally:
        services.store.close()


class _NoBackend:
    """Nothing is computed here."""

    name = "none"
