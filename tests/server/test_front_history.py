"""The history: found by words in every language, page by page, starred for good, with thumbnails;
waiting jobs change places."""

from __future__ import annotations

import io
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.server.front import Front, until

PROMPTS = (
    "一只黄色的月亮",
    "Ein Mädchen “im Schnee” & 100 % Wolken_1",
    "قمر أصفر فوق البحر",
    "👩🏽‍🚀 a yellow Moon over the SEA",
    'back\\slash "quoted" it\'s',
)


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    server = Front(tmp_path / "数据", None)
    yield server
    server.stop()


def unchanged(front: Front, prompt: str, **more: Any) -> str:
    """A job of strength 0: done at once, without an engine."""
    picture = np.full((20, 30, 4), 255, np.uint8)
    picture[:, :10, :3] = (200, 30, 30)
    source = front.blob(picture.tobytes(), 30, 20, "rgba-u8")
    request = {"mode": "img2img", "source": source, "strength": 0, "prompt": prompt, **more}
    return front.start(request)


def found(front: Front, query: dict[str, str]) -> list[str]:
    from urllib.parse import urlencode

    answer = front.call("GET", f"/v1/jobs?{urlencode(query)}")
    assert answer.status == 200, answer.body
    return [job["record"]["request"]["prompt"] for job in answer.json["jobs"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("黄色的月", [0]),
        ("月亮", [0]),  # shorter than the index's threes
        ("mädchen", [1]),
        ("100 %", [1]),
        ("n_1", [1]),
        ("n_2", []),
        ("البحر", [2]),
        ("moon sea", [3]),
        ("moon snow", []),
        ("👩🏽‍🚀", [3]),
        ('"quoted"', [4]),
        ("k\\s", [4]),
        ("starter", [4, 3, 2, 1, 0]),  # the model
        ("", [4, 3, 2, 1, 0]),
    ],
)
def test_words_are_found_in_every_language(history: Front, text: str, expected: list[int]) -> None:
    assert found(history, {"q": text}) == [PROMPTS[index] for index in expected]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    server = Front(tmp_path_factory.mktemp("history") / "data", None)
    for number, prompt in enumerate(PROMPTS):
        unchanged(server, prompt, image=f"image-{number % 2}")
    yield server
    server.stop()


def test_pages_follow_each_other_without_a_gap(history: Front) -> None:
    seen: list[str] = []
    following: str | None = ""
    while following is not None:
        before = f"&before={following}" if following else ""
        page = history.call("GET", f"/v1/jobs?limit=2{before}").json
        seen += [job["record"]["request"]["prompt"] for job in page["jobs"]]
        following = page["next"]
    assert seen == list(reversed(PROMPTS))


def test_jobs_of_one_image_are_found(history: Front) -> None:
    assert found(history, {"image": "image-1"}) == [PROMPTS[3], PROMPTS[1]]
    assert found(history, {"model": "no-such-model"}) == []


def test_what_brought_pictures_is_found_however_it_ended(front: Front) -> None:
    """Slow jobs of the stand-in are stopped: one after its first picture, one before."""
    front.finished(front.start({"prompt": "done 猫", "client": "p", "steps": 1}))
    late = front.start({"prompt": "slow late", "client": "p", "steps": 4, "count": 8})
    until(lambda: front.job(late)["images"])
    assert front.call("DELETE", f"/v1/jobs/{late}").status == 200
    early = front.start({"prompt": "slow early", "client": "p", "steps": 200})
    assert front.call("DELETE", f"/v1/jobs/{early}").status == 200
    ended = [front.finished(one) for one in (late, early)]
    assert [one["status"] for one in ended] == ["cancelled", "cancelled"]
    assert found(front, {"client": "p", "pictures": "true"}) == ["slow late", "done 猫"]
    assert len(found(front, {"client": "p", "pictures": "false"})) == 3
    following = front.call("GET", "/v1/jobs?client=p&pictures=1&limit=1").json["next"]
    assert found(front, {"client": "p", "pictures": "1", "before": following}) == ["done 猫"]
    assert front.call("GET", "/v1/jobs?pictures=maybe").status == 400


def test_wrong_questions_are_refused(history: Front) -> None:
    assert history.call("GET", "/v1/jobs?starred=maybe").status == 400
    job = history.call("GET", "/v1/jobs?limit=1").json["jobs"][0]["id"]
    for change in ({"position": 0}, {"position": "last"}, {"starred": "yes"}, {"other": 1}):
        assert history.call("PATCH", f"/v1/jobs/{job}", change).status in (400, 422)
    answer = history.call("PATCH", f"/v1/jobs/{job}", {"position": "next"})
    assert (answer.status, answer.code) == (409, "not_waiting")


def test_a_star_outlives_the_database_and_the_sweep(front: Front) -> None:
    kept, plain = unchanged(front, "keep me 猫"), unchanged(front, "let me go")
    for starred in (True, False, True):
        answer = front.call("PATCH", f"/v1/jobs/{kept}", {"starred": starred})
        assert answer.json["starred"] is starred
    front.stop(signal.SIGTERM)
    (front.data / "jobs.sqlite").unlink()
    again = Front(front.data, None)
    try:
        assert found(again, {"starred": "true"}) == ["keep me 猫"]
        assert set(found(again, {})) == {"keep me 猫", "let me go"}
        assert again.call("GET", f"/v1/jobs/{plain}").json["starred"] is False
    finally:
        again.stop()


def test_a_thumbnail_is_small_and_looks_the_same(history: Front) -> None:
    job = history.call("GET", "/v1/jobs?limit=1").json["jobs"][0]
    for query, size in (("thumbnail=16", (16, 11)), ("thumbnail=256", (30, 20))):
        for _ in range(2):  # made, and kept
            answer = history.call("GET", f"{job['images'][0]['url']}?{query}")
            assert answer.headers["content-type"] == "image/webp"
            picture = Image.open(io.BytesIO(answer.body))
            assert picture.size == size
            seen = np.asarray(picture.convert("RGB")).astype(int)
            assert np.abs(seen[size[1] // 2, 1] - (200, 30, 30)).max() < 30
            assert (seen[size[1] // 2, -2] > 240).all()
    assert history.call("GET", f"{job['images'][0]['url']}?thumbnail=5000").status == 400


def test_nothing_is_kept_of_a_forgotten_job(front: Front, tmp_path: Path) -> None:
    word = "xyzzy-private-words"
    job, other = unchanged(front, f"{word} 秘密"), unchanged(front, "kept")
    for one in (job, other):
        front.finished(one)
    folder = tmp_path / "数据"
    assert holding(folder, word), "it is there before"
    answer = front.call("DELETE", f"/v1/jobs/{job}?forget=true")
    assert answer.json["status"] == "succeeded"
    assert front.call("GET", f"/v1/jobs/{job}").status == 404
    assert found(front, {}) == ["kept"]
    assert found(front, {"q": "xyzzy"}) == []
    assert holding(folder, word) == []
    assert holding(folder, job) == ["server.log"], "the log knows that there was one"
    assert front.call("GET", f"/v1/jobs/{other}/images/0").status == 200


def test_forgetting_has_to_be_asked_for(front: Front) -> None:
    job = unchanged(front, "one")
    front.finished(job)
    assert front.call("DELETE", f"/v1/jobs/{job}?forget=maybe").status == 400
    assert front.call("GET", f"/v1/jobs/{job}").status == 200
    assert front.call("DELETE", f"/v1/jobs/{job}?forget=false").status == 200
    assert front.call("GET", f"/v1/jobs/{job}").status == 200


def holding(folder: Path, word: str) -> list[str]:
    """Files with this word in them or in their names."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [file.name for file in files if word in str(file) or word.encode() in file.read_bytes()]
