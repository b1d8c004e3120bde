"""What outlives the server, what is bounded, and what a full queue or disk says."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing

from tests.server.front import until

RAW = {"Accept": "application/x-pixels"}


def test_after_a_crash_results_are_there_and_waiting_jobs_run(launch):
    first = launch()
    kept = {"prompt": "behalten “保留” 🐈\nקח", "steps": 2, "count": 2, "width": 4, "height": 4}
    key = {"Idempotency-Key": "through"}
    done = first.start(kept, **key)
    before = first.finished(done)
    picture = first.call("GET", before["images"][1]["url"], headers=RAW).body
    running = first.start({"prompt": "slow", "steps": 200})
    interactive = first.start({"steps": 1, "interactive": True})
    waiting = first.start({"prompt": "waits", "steps": 2})
    first.running(running)
    first.kill()

    second = launch()
    assert second.token == first.token
    assert second.job(done) == before
    assert second.start(kept, **key) == done
    assert second.call("GET", before["images"][1]["url"], headers=RAW).body == picture
    failed = second.job(running)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "server_restarted")
    assert failed["error"]["hint"]
    assert second.job(interactive)["status"] == "cancelled"
    assert second.finished(waiting)["status"] == "succeeded"
    with second.events(done, before["rev"] - 1) as stream:
        assert [event.name for event in stream.rest()] == ["snapshot", "succeeded"]


def test_a_polite_end_in_the_middle_of_a_job_is_quick_and_clean(launch):
    first = launch()
    running = first.start({"prompt": "slow", "steps": 200})
    waiting = first.start({"steps": 1})
    with first.events(running) as stream:
        stream.until("step")
        assert first.stop() == (0, "")
    assert not (first.data / "server.json").exists()
    stray = first.data / "jobs" / ("f" * 32)
    stray.mkdir(parents=True)
    (stray / "0.raw").write_bytes(b"of a job that nobody knows")
    young = first.data / "jobs" / ("e" * 32)
    shutil.copytree(stray, young)
    for path in (stray / "0.raw", stray):
        os.utime(path, (1e9, 1e9))

    second = launch()
    assert not stray.exists()
    assert young.exists()
    assert second.job(running)["error"]["code"] == "server_restarted"
    assert second.finished(waiting)["status"] == "succeeded"


def test_a_full_queue_says_when_to_come_back(launch):
    front = launch(queued=2)
    front.running(front.start({"prompt": "slow", "steps": 200}))
    for _ in range(2):
        front.start({"steps": 1})
    refused = front.call("POST", "/v1/jobs", {"steps": 1})
    assert (refused.status, refused.code) == (429, "queue_full")
    retry = int(refused.headers["Retry-After"])
    assert 1 <= retry <= 120
    assert refused.json["error"]["details"]["retry_after"] == retry
    source = front.blob(b"x" * 64, 4, 4)
    free = front.call("POST", "/v1/jobs", {"mode": "img2img", "strength": 0, "source": source})
    assert free.json["status"] == "succeeded"


def test_a_full_disk_is_told(launch):
    front = launch(disk_reserve=10**15)
    job = front.call("POST", "/v1/jobs", {"steps": 1})
    assert (job.status, job.code) == (507, "disk_full")
    kind = {"Content-Type": "application/x-pixels; format=y-u8; width=2; height=2"}
    blob = front.call("PUT", "/v1/blobs", b"abcd", kind)
    assert (blob.status, blob.code) == (507, "disk_full")


def test_results_beyond_the_size_limit_go_oldest_first(launch):
    first = launch()
    ids = []
    for _ in range(3):
        ids.append(first.start({"steps": 1, "width": 100, "height": 100}))
        first.finished(ids[-1])
    first.stop()
    second = launch(result_bytes=70_000)
    until(lambda: second.call("GET", f"/v1/jobs/{ids[0]}").status == 404)
    assert [job["id"] for job in second.call("GET", "/v1/jobs").json["jobs"]] == ids[:0:-1]
    assert not (second.data / "jobs" / ids[0]).exists()
    assert (second.data / "jobs" / ids[2]).exists()


def test_results_and_blobs_expire(launch):
    first = launch(result_age=0, blob_age=0)
    job_id = first.start({"steps": 1})
    first.finished(job_id)
    blob = first.blob(b"x" * 16, 2, 2)
    assert first.call("HEAD", f"/v1/blobs/{blob['blob']}").status == 404
    assert (first.data / "blobs" / blob["blob"]).exists()
    first.stop()
    second = launch()
    until(lambda: second.call("GET", f"/v1/jobs/{job_id}").status == 404)
    until(lambda: not (second.data / "blobs" / blob["blob"]).exists())


def test_head_renews_a_blob(front):
    blob = front.blob(b"renewed!", 2, 1)["blob"]
    first = front.blob(b"renewed!", 2, 1)["blob"]
    assert first == blob
    assert front.call("HEAD", f"/v1/blobs/{blob}").status == 200


def test_what_is_damaged_is_told_or_put_aside_and_the_server_goes_on(launch):
    """First the row of a job without a record beside its pictures, then the whole database."""
    first = launch()
    job_id = first.start({"steps": 1})
    first.finished(job_id)
    first.kill()
    (first.data / "jobs" / job_id / "record.json").unlink()
    with closing(sqlite3.connect(first.data / "jobs.sqlite")) as db, db:
        db.execute("UPDATE jobs SET state = '{'")
    second = launch()
    answer = second.call("GET", f"/v1/jobs/{job_id}")
    assert (answer.status, answer.code) == (500, "internal")
    assert "Traceback" in second.log()
    assert second.finished(second.start({"steps": 1}))["status"] == "succeeded"
    second.stop()
    for name in ("jobs.sqlite-wal", "jobs.sqlite-shm"):
        (first.data / name).unlink(missing_ok=True)
    (first.data / "jobs.sqlite").write_bytes(b"not a database at all" * 500)
    third = launch()
    assert third.finished(third.start({"steps": 1}))["status"] == "succeeded"
    assert (third.data / "jobs.sqlite.damaged").exists()
