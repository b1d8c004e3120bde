"""Pictures and files that must outlive a lost database, a wrong clock, a full disk, a wrong folder.

Named after rows R1, R2, R11, R12, R13, S8 and S13 of the faults that were found.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing

import pytest
from tests.server.front import ENVIRONMENT, Front, until
from tests.support import clocks, folders

RAW = {"Accept": "application/x-pixels"}
ROOM_FOR_A_PICTURE = 2 * 4096
LONG_AGO = 40 * clocks.DAY


def serve(*arguments, **options):
    """The real command, which is expected to refuse."""
    command = [sys.executable, "-m", "pentimento", "serve", "--port", "0", *map(str, arguments)]
    return subprocess.run(
        command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, **options
    )


def repair(data):
    command = [sys.executable, "-m", "pentimento", "repair", "--data-dir", str(data)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)


def pictures(front: Front, job_id: str) -> list[bytes]:
    images = front.job(job_id)["images"]
    return [front.call("GET", image["url"], headers=RAW).body for image in images]


def jobs(front: Front) -> list[str]:
    return [job["id"] for job in front.call("GET", "/v1/jobs").json["jobs"]]


def snapshots(kept):
    return {job_id: job for job_id, (job, _) in kept.items()}


@pytest.fixture
def finished(launch):
    """A data folder with two jobs that have two pictures each, one of them the source's own; its
    server was killed. Gives the folder, and the jobs with what their pictures are."""
    front = launch()
    first = front.start({"prompt": "猫", "steps": 2, "count": 2, "width": 4, "height": 4})
    front.finished(first)
    source = front.blob(b"x" * 64, 4, 4)
    asked = {"mode": "img2img", "strength": 0, "source": source, "count": 2}
    second = front.call("POST", "/v1/jobs", asked).json["id"]
    kept = {job_id: (front.job(job_id), pictures(front, job_id)) for job_id in (first, second)}
    front.kill()
    return front.data, kept


def lose(data):
    (data / "jobs.sqlite").unlink()


def lose_all_but_journals(data):
    (data / "jobs.sqlite-wal").write_bytes(b"of another database")
    (data / "jobs.sqlite").unlink()


def damage(data):
    for name in ("jobs.sqlite-wal", "jobs.sqlite-shm"):
        (data / name).unlink(missing_ok=True)
    (data / "jobs.sqlite").write_bytes(b"not a database at all" * 500)


def damage_one_page(data):
    with closing(sqlite3.connect(data / "jobs.sqlite")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (data / "jobs.sqlite").open("r+b") as stream:
        stream.seek(4096)
        stream.write(b"\xff" * 4096)


def empty_it(data):
    damage(data)
    (data / "jobs.sqlite").write_bytes(b"")


def lose_the_rows(data):
    """As a copy of an hour ago, from before these jobs."""
    with closing(sqlite3.connect(data / "jobs.sqlite")) as db, db:
        db.execute("DELETE FROM jobs")


def put_back_running(data):
    """As a copy of a minute ago, while these jobs ran."""
    with closing(sqlite3.connect(data / "jobs.sqlite")) as db, db:
        db.execute(
            "UPDATE jobs SET status = 'running',"
            " state = json_set(state, '$.status', 'running', '$.images', json('[]'))"
        )


def spoil_the_rows(data):
    with closing(sqlite3.connect(data / "jobs.sqlite")) as db, db:
        db.execute("UPDATE jobs SET state = '{'")


HARMS = [
    *(lose, lose_all_but_journals, damage, damage_one_page, empty_it),
    *(lose_the_rows, put_back_running, spoil_the_rows),
]


@pytest.mark.parametrize("harm", HARMS)
def test_r1_results_are_found_again_by_their_records(finished, launch, harm):
    data, kept = finished
    harm(data)
    front = launch()
    assert set(jobs(front)) == set(kept)
    for job_id, (before, shown) in kept.items():
        assert front.job(job_id) == before
        assert pictures(front, job_id) == shown
    assert front.finished(front.start({"steps": 1}))["status"] == "succeeded"
    front.stop()
    again = launch()
    assert {job_id: again.job(job_id) for job_id in kept} == {
        id: job for id, (job, _) in kept.items()
    }


def test_r1_it_is_said_in_the_log_and_the_damaged_database_is_kept(finished, launch):
    data, kept = finished
    for number in ("", "-2"):
        damage(data)
        front = launch()
        aside = data / f"jobs.sqlite.damaged{number}"
        assert aside.read_bytes().startswith(b"not a database")
        assert f"{len(kept)} jobs were found again" in front.log()
        assert str(aside) in front.log()
        code, errors = front.stop()
        assert code == 0
        assert "found again" in errors


def test_r1_an_idempotency_key_is_found_again_too(launch):
    first = launch()
    asked, key = {"prompt": "once", "steps": 1}, {"Idempotency-Key": "only once"}
    job_id = first.start(asked, **key)
    first.finished(job_id)
    first.kill()
    lose(first.data)
    assert launch().start(asked, **key) == job_id


def test_r1_pictures_of_a_job_that_was_killed_are_there_without_the_database(launch):
    first = launch()
    job_id = first.start({"prompt": "slow", "steps": 8, "count": 9, "width": 4, "height": 4})
    until(lambda: len(first.job(job_id)["images"]) >= 2)
    until(lambda: (first.data / "jobs" / job_id / "record.json").exists())
    first.kill()
    lose(first.data)
    second = launch()
    job = second.job(job_id)
    assert (job["status"], job["error"]["code"]) == ("failed", "server_restarted")
    assert job["images"]
    assert all(len(picture) == 48 for picture in pictures(second, job_id))


def test_r1_folders_without_a_record_stay(finished, launch):
    """As versions without records left them."""
    data, _ = finished
    for record in data.glob("jobs/*/record.json"):
        record.unlink()
    clocks.put_forward(data, 0)
    before = folders.everything(data / "jobs")
    lose(data)
    for _ in range(2):
        front = launch()
        assert jobs(front) == []
        front.stop()
        assert folders.everything(data / "jobs") == before


def test_r1_repair_lists_results_again(finished, launch):
    data, kept = finished
    damage(data)
    unknown = data / "jobs" / ("e" * 32)
    unknown.mkdir()
    said = repair(data)
    assert said.returncode == 0, said.stderr
    assert "2 jobs are in the database, 2 of them found again now." in said.stdout
    assert str(data / "jobs.sqlite.damaged") in said.stdout
    assert unknown.name in said.stdout
    front = launch()
    assert set(jobs(front)) == set(kept)
    refused = repair(data)
    assert refused.returncode == 1
    assert "is running already" in refused.stderr
    front.stop()
    assert "2 jobs are in the database, 0 of them" in repair(data).stdout


def test_r1_the_start_with_a_new_database_removes_nothing_that_is_too_old(finished, launch):
    data, kept = finished
    clocks.put_forward(data, LONG_AGO)
    before = folders.everything(data / "jobs")
    lose(data)
    front = launch()
    assert set(jobs(front)) == set(kept)
    front.call("POST", "/v1/shutdown", {})
    front.stop()
    assert folders.everything(data / "jobs") == before


# R2, R13, S8: whose folder it is


def test_r2_a_folder_of_somebody_else_is_refused_and_stays_as_it_is(tmp_path):
    home = folders.foreign(tmp_path / "Documents")
    home.chmod(0o755)
    before = folders.everything(home)
    refused = serve("--data-dir", home)
    assert refused.returncode == 1
    assert "holds files that are not Pentimento's" in refused.stderr
    assert "--data-dir" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert folders.everything(home) == before
    assert stat.S_IMODE(home.stat().st_mode) == 0o755


@pytest.mark.parametrize("name", ["jobs", "blobs", "logs"])
def test_r2_a_link_in_the_place_of_a_folder_is_refused(tmp_path, launch, name):
    first = launch()
    first.finished(first.start({"steps": 1}))
    first.blob(b"x" * 64, 4, 4)
    first.stop()
    outside = folders.foreign(tmp_path / "outside")
    (outside / ("a" * 32)).mkdir()
    (outside / ("a" * 64)).write_text("not a blob")
    before = folders.everything(outside)
    shutil.rmtree(first.data / name)
    (first.data / name).symlink_to(outside)
    refused = serve("--data-dir", first.data)
    assert refused.returncode == 1
    assert f"{name} in it is a link" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert folders.everything(outside) == before


@pytest.mark.parametrize("name", ["server.lock", "jobs.sqlite", "logs/server.log"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_r13_files_that_are_links_or_no_files_are_refused(tmp_path, launch, name, kind):
    first = launch()
    first.stop()
    place = first.data / name
    place.unlink()
    outside = tmp_path / "precious"
    outside.write_text("precious")
    if kind == "link":
        place.symlink_to(outside)
    else:
        os.mkfifo(place)
    refused = serve("--data-dir", first.data)
    assert refused.returncode == 1
    assert f"{name} in it is" in refused.stderr
    assert outside.read_text() == "precious"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, of whom it tells")
def test_r13_root_does_not_take_the_folder_of_another_user(tmp_path):
    data = tmp_path / "theirs"
    data.mkdir()
    os.chown(data, 65534, 65534)
    refused = serve("--data-dir", data)
    assert refused.returncode == 1
    assert "belongs to another user" in refused.stderr
    assert list(data.iterdir()) == []


@pytest.mark.parametrize("case", folders.UNUSABLE)
def test_r2_folders_that_cannot_be_used_are_said(tmp_path, case):
    place = folders.UNUSABLE[case](tmp_path / '数据 "data"')
    refused = serve("--data-dir", place)
    assert refused.returncode == 1
    assert "data folder" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "unplugged disk").exists()


def test_s8_rights_of_a_folder_stay_and_are_said(tmp_path, launch):
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o755)
    front = launch(data=data)
    front.finished(front.start({"steps": 1}))
    front.blob(b"x" * 64, 4, 4)
    assert stat.S_IMODE(data.stat().st_mode) == 0o755
    assert f"Others can look into the data folder {data} (its rights are 755)" in front.log()
    for place, names, files in os.walk(data):
        for name in [*names, *files]:
            path = os.path.join(place, name)
            assert not stat.S_IMODE(os.lstat(path).st_mode) & 0o077, path


def test_s8_a_link_to_a_folder_is_fine_and_changes_no_rights(tmp_path, launch):
    behind = tmp_path / "other disk"
    behind.mkdir()
    behind.chmod(0o750)
    link = tmp_path / "data"
    link.symlink_to(behind)
    front = Front(link, None)
    assert front.call("GET", "/v1/status").status == 200
    front.stop()
    assert stat.S_IMODE(behind.stat().st_mode) == 0o750


def test_r2_a_folder_of_a_version_without_markers_is_taken(finished, launch):
    data, kept = finished
    (data / ".pentimento-data").unlink()
    (data / "notes of mine.txt").write_text("stays")
    assert set(jobs(launch())) == set(kept)
    assert (data / ".pentimento-data").is_file()
    assert (data / "notes of mine.txt").read_text() == "stays"


def test_r2_what_people_lay_ready_is_no_stranger(tmp_path, launch):
    data = tmp_path / "data"
    (data / "models" / "我的").mkdir(parents=True)
    (data / "loras").mkdir()
    (data / "settings.json").write_text("{}")
    assert launch(data=data).call("GET", "/v1/status").status == 200


def test_r2_only_names_of_ours_are_removed(launch):
    first = launch(result_age=0, blob_age=0)
    job_id = first.start({"steps": 1})
    first.finished(job_id)
    first.blob(b"x" * 64, 4, 4)
    first.stop()
    theirs = {
        **{f"jobs/{job_id}/{name}": "mine" for name in ("note.txt", "0.raw.bak", "-1.raw")},
        **{f"jobs/{name}/0.raw": "mine" for name in ("holiday", "A" * 32, "a" * 31, "a" * 33)},
        **{f"blobs/{name}": "mine" for name in ("cat.png", "A" * 64, "a" * 63, "mine.part")},
    }
    for name, content in theirs.items():
        (first.data / name).parent.mkdir(exist_ok=True)
        (first.data / name).write_text(content)
    stray = first.data / "jobs" / ("f" * 32)
    stray.mkdir()
    (stray / "0.raw").write_bytes(b"left by a crash")
    (first.data / "blobs" / ("f" * 64)).write_bytes(b"left by a crash")
    (first.data / "blobs" / ("f" * 32 + ".part")).write_bytes(b"left by a crash")
    clocks.put_forward(first.data, 2)
    second = launch(result_age=1, blob_age=1)
    until(lambda: jobs(second) == [])
    until(lambda: not (first.data / "blobs" / ("f" * 64)).exists())
    second.stop()
    assert not stray.exists()
    found = folders.everything(first.data)
    assert {name: found.get(name) for name in theirs} == dict.fromkeys(theirs, b"mine")
    left = {name for name in found if re.match(r"(jobs|blobs)/", name)} - set(theirs)
    assert left == {os.path.dirname(name) for name in theirs if name.startswith("jobs/")}


# S13: the clock


def test_s13_one_look_at_a_wrong_clock_removes_nothing(finished, launch):
    data, kept = finished
    clocks.put_forward(data, 400 * clocks.DAY)
    before = folders.everything(data / "jobs")
    for _ in range(3):
        front = launch()
        assert set(jobs(front)) == set(kept)
        for job_id, (_, shown) in kept.items():
            assert pictures(front, job_id) == shown
        front.stop()
    assert folders.everything(data / "jobs") == before
    clocks.put_forward(data, -400 * clocks.DAY)  # it is set right
    front = launch()
    assert {job_id: front.job(job_id) for job_id in kept} == {
        id: job for id, (job, _) in kept.items()
    }


def test_s13_waiting_jobs_still_have_their_pictures_when_the_clock_jumps(launch):
    first = launch()
    first.running(first.start({"prompt": "slow", "steps": 200}))
    source = first.blob(b"x" * 64, 4, 4)
    waiting = first.start({"mode": "img2img", "strength": 0.5, "source": source, "steps": 2})
    first.kill()
    clocks.put_forward(first.data, 400 * clocks.DAY)
    assert launch().finished(waiting)["status"] == "succeeded"


def test_s13_results_do_expire_once_the_time_is_certain(finished, launch):
    """The clock says for days that it is so late."""
    data, kept = finished
    clocks.put_forward(data, LONG_AGO)
    launch().stop()
    clocks.put_forward(data, 5 * clocks.DAY)
    launch().stop()
    clocks.put_forward(data, 1 * clocks.DAY)
    front = launch()
    until(lambda: jobs(front) == [])
    until(lambda: not any((data / "jobs" / job_id).exists() for job_id in kept))


# R11, R12: room


def test_r11_the_limit_of_uploads_holds_at_once(launch):
    front = launch(blob_bytes=100_000, queued=8)
    front.running(front.start({"prompt": "slow", "steps": 200}))
    needed = front.blob(b"n" * 40_000, 100, 100)
    waiting = front.start({"mode": "img2img", "strength": 0.5, "source": needed, "steps": 1})
    sent = [front.blob(bytes([number]) * 40_000, 100, 100)["blob"] for number in range(20)]
    stored = list((front.data / "blobs").iterdir())
    assert sum(file.stat().st_size for file in stored) <= 100_000
    assert front.call("HEAD", f"/v1/blobs/{sent[-1]}").status == 200
    assert front.call("HEAD", f"/v1/blobs/{sent[0]}").status == 404
    kind = {"Content-Type": "application/x-pixels; format=rgba-u8; width=160; height=100"}
    refused = front.call("PUT", "/v1/blobs", b"t" * 64_000, kind)
    assert (refused.status, refused.code) == (507, "store_full")
    assert front.call("DELETE", f"/v1/jobs/{waiting}").status in (200, 202)
    assert front.call("PUT", "/v1/blobs", b"t" * 64_000, kind).status == 201


@pytest.mark.skipif(not folders.can_mount(), reason="needs a disk of its own, and so root")
class TestFullDisk:
    def test_r12_a_start_is_refused_in_a_sentence(self, tmp_path):
        with folders.small_disk(tmp_path / "disk") as disk:
            folders.fill(disk)
            refused = serve("--data-dir", disk / "data")
        assert refused.returncode == 1
        assert "disk" in refused.stderr
        assert "full" in refused.stderr
        assert "Traceback" not in refused.stderr

    @pytest.mark.parametrize("left", [4096, 20_000, 60_000])
    def test_r12_a_start_is_refused_or_works_with_little_room(self, tmp_path, left):
        with folders.small_disk(tmp_path / "disk") as disk:
            folders.fill(disk, leave=left)
            serving = [sys.executable, "-m", "pentimento", "serve", "--data-dir", disk / "d"]
            said = subprocess.run(
                ["timeout", "4", *serving],
                env=ENVIRONMENT,
                capture_output=True,
                text=True,
                check=False,
            )
            assert "Traceback" not in said.stderr
            assert "listening" in said.stdout or "full" in said.stderr, said
            assert not [name for name in os.listdir(disk / "d") if name.endswith(".part")]

    def test_r12_a_success_stays_one_and_is_saved_when_there_is_room(self, tmp_path, launch):
        with folders.small_disk(tmp_path / "disk") as disk:
            front = launch(data=disk / "data")
            job_id = front.start({"prompt": "slow", "steps": 12, "width": 8, "height": 8})
            front.running(job_id)
            ballast = folders.fill(disk, leave=ROOM_FOR_A_PICTURE)
            done = front.finished(job_id)
            assert done["status"] == "succeeded", done
            assert "disk is full" in front.log()
            ballast.unlink()
            until(lambda: (disk / "data" / "jobs" / job_id / "record.json").exists())
            until(lambda: saved(disk / "data", job_id) == "succeeded")
            front.kill()
            again = launch(data=disk / "data")
            assert again.job(job_id) == done
            again.stop()


def saved(data, job_id):
    with closing(sqlite3.connect(f"file:{data}/jobs.sqlite?mode=ro", uri=True)) as db:
        return db.execute("SELECT status FROM jobs WHERE id = ?", (job_id,)).fetchone()[0]


def test_the_names_of_blobs_are_what_the_sweeper_takes_for_ours(front):
    """So that the rule of names is not about something else."""
    blob = front.blob(b"y" * 64, 4, 4)["blob"]
    assert re.fullmatch(r"[0-9a-f]{64}", blob)
    assert hashlib.sha256(b"rgba-u8;4;4;" + b"y" * 64).hexdigest() == blob
    assert time.time() - (front.data / "blobs" / blob).stat().st_mtime < 60
