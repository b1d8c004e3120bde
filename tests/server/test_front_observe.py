"""Stages over HTTP: told, kept through a crash, on a sheet, and gone with their job."""

from __future__ import annotations

import io

from PIL import Image
from tests.server.front import until

RAW = {"Accept": "application/x-pixels"}
JOB = {"prompt": "seen", "steps": 2, "width": 12, "height": 8, "observe": True}


def test_stages_are_told_one_by_one_and_kept(front):
    job_id = front.start(JOB)
    with front.events(job_id) as stream:
        events = stream.rest()
    told = [event.data for event in events if event.name == "stage"]
    job = front.job(job_id)
    assert job["stages"][-len(told) :] == told or events[0].data["stages"]
    assert [stage["code"] for stage in job["stages"]] == ["noised_start", "estimate", "result"]
    assert [stage["index"] for stage in job["stages"]] == [0, 1, 2]
    assert job["stages"][1]["name"] == "Step 1 of 2"
    stage = job["stages"][1]
    raw = front.call("GET", stage["url"], headers=RAW)
    assert len(raw.body) == 12 * 8 * 3
    assert raw.headers["Content-Type"].endswith("format=rgb-u8; width=12; height=8")
    with Image.open(io.BytesIO(front.call("GET", stage["url"]).body)) as png:
        assert (png.format, png.size, png.tobytes()) == ("PNG", (12, 8), raw.body)


def test_stages_and_their_sheet_outlive_a_crash_and_go_with_their_job(launch):
    first = launch()
    job_id = first.start(JOB)
    before = first.finished(job_id)
    sheet = first.call("GET", f"/v1/jobs/{job_id}/contact-sheet")
    assert (sheet.status, sheet.headers["Content-Type"]) == (200, "image/png")
    first.kill()
    second = launch()
    assert second.job(job_id) == before
    assert second.call("GET", f"/v1/jobs/{job_id}/contact-sheet").body == sheet.body
    second.stop()
    third = launch(result_bytes=0)
    until(lambda: third.call("GET", f"/v1/jobs/{job_id}").status == 404)
    until(lambda: not (third.data / "jobs" / job_id).exists())


def test_a_job_that_begins_again_has_its_stages_once(front):
    job = front.finished(front.start(JOB | {"prompt": "again"}))
    assert [stage["code"] for stage in job["stages"]] == ["noised_start", "estimate", "result"]


def test_a_sheet_has_a_place_for_every_stage(front):
    job_id = front.start(JOB)
    front.finished(job_id)
    body = front.call("GET", f"/v1/jobs/{job_id}/contact-sheet").body
    with Image.open(io.BytesIO(body)) as sheet:
        shown = sheet.convert("L").point(lambda value: 255 if value < 250 else 0)
        columns = [shown.crop((left, 52, left + 256, 232)) for left in (16, 288, 560)]
    assert all(column.getbbox() for column in columns)


def test_what_is_not_there_is_told(front):
    plain = front.start({"steps": 1})
    front.finished(plain)
    for path in ("stages/0", "contact-sheet"):
        answer = front.call("GET", f"/v1/jobs/{plain}/{path}")
        assert (answer.status, answer.code) == (404, "image_not_found")
    slow = front.start(JOB | {"prompt": "slow", "steps": 200})
    front.running(slow)
    for path in ("stages/0", "contact-sheet"):
        answer = front.call("GET", f"/v1/jobs/{slow}/{path}")
        assert (answer.status, answer.code) == (409, "not_ready")
    front.call("DELETE", f"/v1/jobs/{slow}")
    assert front.finished(slow)["stages"] == []
    assert front.call("GET", f"/v1/jobs/{slow}/stages/0").status == 404
    done = front.start(JOB)
    front.finished(done)
    for index in ("3", "-1", "00", "x"):
        assert front.call("GET", f"/v1/jobs/{done}/stages/{index}").status == 404


def test_at_strength_0_the_source_is_all_there_is_to_see(front):
    pixels = bytes(range(64))
    request = {
        "mode": "img2img",
        "strength": 0,
        "observe": True,
        "source": front.blob(pixels, 4, 4),
    }
    job = front.job(front.start(request))
    assert [stage["code"] for stage in job["stages"]] == ["source", "result"]
    for stage in job["stages"]:
        assert stage["facts"]["psnr"] == 100
        assert front.call("GET", stage["url"], headers=RAW).body == pixels
    mask = front.blob(bytes(16), 4, 4, "y-u8")
    job = front.job(front.start(request | {"mode": "inpaint", "mask": mask}))
    assert [stage["code"] for stage in job["stages"]] == ["source", "mask", "composite"]
    assert front.call("GET", f"/v1/jobs/{job['id']}/contact-sheet").status == 200


def test_capabilities_no_longer_miss_it(front):
    missing = front.call("GET", "/v1/capabilities").json["missing"]
    assert "observe" not in [entry["what"] for entry in missing]
