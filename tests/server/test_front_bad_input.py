"""Whatever is sent, the answer is a 4xx with the error body: never 500, a trace or silence."""

from __future__ import annotations

import json
import socket
import struct
import zlib

import pytest
from tests.server.front import until
from tests.support import awkward

from pentimento.api.app import CALLS

NO_BLOB = "0" * 64
JSON = {"Content-Type": "application/json"}
PNG = {"Content-Type": "image/png"}


def raw_type(format="rgba-u8", width="2", height="2"):
    return {
        "Content-Type": f"application/x-pixels; format={format}; width={width}; height={height}"
    }


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, rows=b""):
    """A PNG of any announced size, with as much of its pixels as `rows` has."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


BAD_JOBS = {
    "not json": (b"{prompt:", 400, "bad_json"),
    "empty": (b"", 400, "bad_json"),
    "not utf-8": (b'{"prompt": "\xff"}', 400, "bad_json"),
    "half a surrogate": (b'{"prompt": "\\ud800"}', 400, "bad_json"),
    "deep nesting": (b'{"loras": ' + b"[" * 7000 + b"]" * 7000 + b"}", 400, "bad_json"),
    "many parts": (b'{"loras": ' + b"[" * 9999 + b"]" * 9999 + b"}", 413, "too_large"),
    "a list": (b"[]", 400, "bad_request"),
    "null": (b"null", 400, "bad_request"),
    "unknown field": ({"promt": "x"}, 400, "bad_request"),
    "unknown mode": ({"mode": "paint"}, 400, "bad_request"),
    "nothing to expand": ({"mode": "outpaint"}, 400, "bad_request"),
    "strength 1.5": ({"strength": 1.5}, 400, "bad_request"),
    "strength -0.1": ({"strength": -0.1}, 400, "bad_request"),
    "strength NaN": (b'{"strength": NaN}', 400, "bad_request"),
    "strength Infinity": (b'{"strength": Infinity}', 400, "bad_request"),
    "strength 1e999": (b'{"strength": 1e999}', 400, "bad_request"),
    "strength as text": ({"strength": "0.5"}, 400, "bad_request"),
    "steps 0": ({"steps": 0}, 400, "bad_request"),
    "steps 201": ({"steps": 201}, 400, "bad_request"),
    "steps 1.5": ({"steps": 1.5}, 400, "bad_request"),
    "steps true": ({"steps": True}, 400, "bad_request"),
    "guidance 51": ({"guidance": 51}, 400, "bad_request"),
    "count 17": ({"count": 17}, 400, "bad_request"),
    "seed -1": ({"seed": -1}, 400, "bad_request"),
    "seed 2^53": ({"seed": 2**53}, 400, "bad_request"),
    "a second seed of 2^53": ({"seed": 2**53 - 1, "count": 2}, 400, "bad_request"),
    "seed huge": (b'{"seed": 1' + b"0" * 5000 + b"}", 400, "bad_json"),
    "0 x 0": ({"width": 0, "height": 0}, 400, "bad_request"),
    "100000 x 100000": ({"width": 100_000, "height": 100_000}, 400, "bad_request"),
    "65535 x 65535": ({"width": 65_535, "height": 65_535}, 413, "too_many_pixels"),
    "prompt of 8001": ({"prompt": "x" * 8001}, 400, "bad_request"),
    "prompt of 10 MB": ({"prompt": "x" * 10_000_000}, 413, "too_large"),
    "NUL in prompt": ({"prompt": "a\x00b"}, 400, "bad_request"),
    "model with a path": ({"model": "../../etc/passwd"}, 400, "bad_request"),
    "model with a slash": ({"model": "a/b"}, 400, "bad_request"),
    "model with dots only": ({"model": ".."}, 400, "bad_request"),
    "model with %2e": ({"model": "%2e%2e"}, 400, "bad_request"),
    "model absolute": ({"model": "C:\\x"}, 400, "bad_request"),
    "unknown model": ({"model": "nowhere"}, 404, "model_not_found"),
    "unknown sampler": ({"sampler": "Euler b"}, 400, "bad_request"),
    "unknown backend": ({"backend": "cloud"}, 404, "backend_not_found"),
    "backend with a slash": ({"backend": "a/b"}, 400, "bad_request"),
    "no source": ({"mode": "img2img"}, 400, "bad_request"),
    "no mask": ({"mode": "inpaint", "source": {"blob": NO_BLOB}}, 400, "bad_request"),
    "source for txt2img": ({"source": {"blob": NO_BLOB}}, 400, "bad_request"),
    "size for img2img": (
        {"mode": "img2img", "source": {"blob": NO_BLOB}, "width": 8},
        *(400, "bad_request"),
    ),
    "blob never sent": ({"mode": "img2img", "source": {"blob": NO_BLOB}}, 404, "blob_not_found"),
    "blob of another form": (
        {"mode": "img2img", "source": {"blob": "../../token"}},
        *(400, "bad_request"),
    ),
    "blob as text": ({"mode": "img2img", "source": NO_BLOB}, 400, "bad_request"),
    "vae": ({"vae": "x"}, 404, "model_not_found"),
    "unknown lora": ({"loras": [{"id": "x"}]}, 404, "model_not_found"),
    "control": ({"controls": [{"type": "canny"}]}, 400, "unsupported"),
    "observed step 0": ({"observe": True, "observe_steps": [0]}, 400, "bad_request"),
    "25 observed steps": ({"observe_steps": [1] * 25}, 400, "bad_request"),
    "feather 2000": ({"mask_options": {"feather": 2000}}, 400, "bad_request"),
    "client of 65": ({"client": "x" * 65}, 400, "bad_request"),
}


@pytest.mark.parametrize("name", BAD_JOBS)
def test_a_bad_job_is_refused(front, name):
    body, status, code = BAD_JOBS[name]
    before = front.call("GET", "/v1/jobs?limit=500").json
    answer = front.call("POST", "/v1/jobs", body, JSON if isinstance(body, bytes) else None)
    assert (answer.status, answer.code) == (status, code)
    assert front.call("GET", "/v1/jobs?limit=500").json == before


def test_field_errors_name_their_fields_and_never_repeat_the_prompt(front):
    answer = front.call("POST", "/v1/jobs", {"prompt": "secret\x00words", "steps": 0})
    fields = {item["field"] for item in answer.json["error"]["details"]["fields"]}
    assert fields == {"prompt", "steps"}
    assert b"secret" not in answer.body


BAD_BLOBS = {
    "no type": ({}, b"x", 415, "unsupported_media_type"),
    "gif": ({"Content-Type": "image/gif"}, b"GIF89a", 415, "unsupported_media_type"),
    "svg": ({"Content-Type": "image/svg+xml"}, b"<svg/>", 415, "unsupported_media_type"),
    "unknown format": (raw_type("rgba-u12"), b"x" * 16, 400, "bad_request"),
    "no size": ({"Content-Type": "application/x-pixels; format=y-u8"}, b"x", 400, "bad_request"),
    "width 0": (raw_type(width="0"), b"", 400, "bad_request"),
    "width -2": (raw_type(width="-2"), b"x" * 16, 400, "bad_request"),
    "width 1e3": (raw_type(width="1e3"), b"x" * 16, 400, "bad_request"),
    "100000 x 100000": (raw_type(width="100000", height="100000"), b"x", 413, "too_many_pixels"),
    "a side too long": (raw_type("y-u8", "70000", "1"), b"x" * 70000, 413, "too_many_pixels"),
    "raw too short": (raw_type(), b"x" * 15, 400, "size_mismatch"),
    "raw too long": (raw_type(), b"x" * 17, 400, "size_mismatch"),
    "raw far too long": (raw_type(), b"x" * 3_000_000, 400, "size_mismatch"),
    "raw empty": (raw_type(), b"", 400, "size_mismatch"),
    "empty png": (PNG, b"", 400, "bad_image"),
    "truncated png": (PNG, png(64, 64, b"\x00" * 64), 400, "bad_image"),
    "png cut in its header": (PNG, png(4, 4)[:20], 400, "bad_image"),
    "not a png": (PNG, b"hello, this is text", 400, "bad_image"),
    "jpeg as png": (PNG, b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", 400, "bad_image"),
    "png bomb": (PNG, png(11_000, 11_000), 413, "too_many_pixels"),
    "large png bomb": (PNG, png(30_000, 30_000), 413, "too_many_pixels"),
    "png of 100000 x 100000": (PNG, png(100_000, 100_000), 413, "too_many_pixels"),
    "png of 0 x 0": (PNG, png(0, 0), 400, "bad_image"),
}


@pytest.mark.parametrize("name", BAD_BLOBS)
def test_a_bad_picture_is_refused(front, name):
    headers, body, status, code = BAD_BLOBS[name]
    answer = front.call("PUT", "/v1/blobs", body, headers)
    assert (answer.status, answer.code) == (status, code)
    assert not list((front.data / "blobs").glob("*.part"))


def test_the_answer_to_a_large_body_arrives_on_a_closing_connection(front):
    headers = JSON | {"Connection": "close"}
    answer = front.call("POST", "/v1/jobs", b" " * 20_000_000, headers)
    assert (answer.status, answer.code) == (413, "too_large")
    stranger = front.bare("PUT", "/v1/blobs", b" " * 20_000_000, {"Connection": "close"})
    assert (stranger.status, stranger.code) == (401, "unauthorized")


def test_a_body_in_chunks_is_measured_too(front):
    def chunks():
        yield b"x" * 10
        yield b"x" * 10

    answer = front.call("PUT", "/v1/blobs", chunks(), raw_type())
    assert (answer.status, answer.code) == (400, "size_mismatch")


def test_a_mask_of_another_size_is_refused(front):
    request = {
        "mode": "inpaint",
        "source": front.blob(b"x" * 64, 4, 4),
        "mask": front.blob(b"x" * 15, 5, 3, "y-u8"),
    }
    answer = front.call("POST", "/v1/jobs", request)
    assert (answer.status, answer.code) == (400, "size_mismatch")


BAD_CALLS = {
    "no such call": ("GET", "/v1/nothing", 404, "not_found"),
    "root": ("GET", "/", 404, "not_found"),
    "slash at the end": ("GET", "/v1/jobs/", 404, "not_found"),
    "other method": ("PATCH", "/v1/jobs", 405, "method_not_allowed"),
    "made-up method": ("BREW", "/v1/health", 405, "method_not_allowed"),
    "job id of another form": ("GET", "/v1/jobs/1", 404, "job_not_found"),
    "job id with a path": ("GET", "/v1/jobs/..%2f..%2ftoken", 404, "not_found"),
    "job id with dots": ("GET", "/v1/jobs/..", 404, "job_not_found"),
    "job id in quotes": ("DELETE", "/v1/jobs/%27%20OR%201=1--", 404, "job_not_found"),
    "NUL in the id": ("GET", "/v1/jobs/a%00b", 404, "job_not_found"),
    "events of no job": ("GET", f"/v1/jobs/{'0' * 32}/events", 404, "job_not_found"),
    "preview of no job": ("GET", f"/v1/jobs/{'0' * 32}/preview", 404, "job_not_found"),
    "mask of no job": ("GET", f"/v1/jobs/{'0' * 32}/mask", 404, "job_not_found"),
    "image of no job": ("GET", f"/v1/jobs/{'0' * 32}/images/0", 404, "job_not_found"),
    "unknown status": ("GET", "/v1/jobs?status=lost", 400, "bad_request"),
    "limit of text": ("GET", "/v1/jobs?limit=many", 400, "bad_request"),
    "limit NaN": ("GET", "/v1/jobs?limit=nan", 400, "bad_request"),
    "limit 0": ("GET", "/v1/jobs?limit=0", 400, "bad_request"),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_a_bad_call_is_refused(front, name):
    method, path, status, code = BAD_CALLS[name]
    answer = front.call(method, path)
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize("query", ["wait=-1", "wait=x", "wait=nan", "since=-1", "since=1e400"])
def test_a_bad_wait_is_refused(front, query):
    job_id = front.start({"steps": 1})
    answer = front.call("GET", f"/v1/jobs/{job_id}?{query}")
    assert (answer.status, answer.code) == (400, "bad_request")


NO_NUMBERS = ["1", "-1", "x", "..", "0.raw", "00", "%2e%2e%2ftoken", "%C2%B2", "%D9%A0", "9" * 5000]


@pytest.mark.parametrize("number", NO_NUMBERS, ids=lambda number: number[:16])
@pytest.mark.parametrize("of", ["images", "stages"])
def test_pictures_a_job_does_not_have(front, of, number):
    job_id = front.start({"prompt": "slow", "steps": 2, "width": 4, "height": 4})
    early = front.call("GET", f"/v1/jobs/{job_id}/{of}/{number}")
    front.finished(job_id)
    answer = front.call("GET", f"/v1/jobs/{job_id}/{of}/{number}")
    assert early.code in ("image_not_found", "not_found")
    assert (answer.status, answer.code) == (early.status, early.code) == (404, answer.code)


WITH_BODY = [call for call in CALLS if call.body]
JSON_TEXTS = awkward.without(awkward.JSON_TEXTS, "byte_order_mark", "null_escape", "duplicate_keys")


@pytest.mark.parametrize("call", WITH_BODY, ids=lambda call: f"{call.method} {call.path}")
def test_every_call_refuses_what_is_no_json_of_its_kind(front, call):
    path = call.path.replace("{id}", "openai").replace("{name}", "x")
    for name, text in JSON_TEXTS.items():
        answer = front.call(call.method, path, text, JSON)
        assert answer.status in (400, 413), (name, answer.body)
        assert answer.code in ("bad_json", "bad_request", "too_large"), name


@pytest.mark.parametrize("charset", ["latin-1", "utf-16", "utf-7", '"UTF8"', "gb18030"])
def test_another_charset_is_refused(front, charset):
    kind = {"Content-Type": f"application/json; charset={charset}"}
    answer = front.call("POST", "/v1/jobs", b'{"prompt": "caf\xe9"}', kind)
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


def test_the_mark_before_utf8_is_no_part_of_the_json(front):
    answer = front.call("POST", "/v1/jobs", "\ufeff{}".encode(), JSON)
    assert answer.status == 202
    front.finished(answer.json["id"])


@pytest.mark.parametrize("words", awkward.cases(awkward.ANY_PROMPT))
def test_words_come_back_as_they_were_sent_or_are_refused(front, words):
    sent = json.dumps({"prompt": words, "negative_prompt": words, "client": words[:64]})
    answer = front.call("POST", "/v1/jobs", sent.encode(), JSON)
    if answer.status == 400:
        assert answer.code in ("bad_json", "bad_request")
        assert "\x00" in words or words in awkward.SURROGATES.values()
        return
    front.finished(answer.json["id"])
    asked = front.job(answer.json["id"])["record"]["request"]
    assert [asked.get(name, "") for name in ("prompt", "negative_prompt")] == [words, words]
    with front.events(answer.json["id"]) as stream:
        told = stream.rest()[-1].data["record"]["request"]
    assert told.get("prompt", "") == words


@pytest.mark.parametrize("key", ["", "x" * 129, "käse"])
def test_bad_idempotency_keys(front, key):
    answer = front.call("POST", "/v1/jobs", {"steps": 1}, {"Idempotency-Key": key})
    assert (answer.status, answer.code) == (400, "bad_request")


@pytest.mark.parametrize("blob", [NO_BLOB, "x", "..%2ftoken", "0" * 63])
def test_head_of_unknown_blobs(front, blob):
    assert front.call("HEAD", f"/v1/blobs/{blob}").status == 404


PLANS = {
    "no selection": {"mode": "inpaint", "source": {"width": 9, "height": 9}},
    "no source": {"mode": "img2img"},
    "0 wide": {"mode": "img2img", "source": {"width": 0, "height": 9}},
    "outside": {
        "mode": "inpaint",
        "canvas": {"width": 9, "height": 9},
        "source": {"width": 9, "height": 9},
        "selection": {"x": 50, "width": 9, "height": 9},
    },
    "nothing to expand": {"mode": "outpaint"},
    "too large": {"mode": "txt2img", "width": 60000, "height": 60000},
}


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_that_cannot_be_made(front, name):
    answer = front.call("POST", "/v1/plan", PLANS[name])
    assert 400 <= answer.status < 500
    assert answer.code in ("bad_request", "unsupported_mode", "too_many_pixels")


def exchange(front, data, wait=5.0):
    """What comes back for raw bytes."""
    with socket.create_connection(("127.0.0.1", front.port), timeout=wait) as connection:
        connection.sendall(data)
        got = b""
        while part := connection.recv(65536):
            got += part
        return got


def test_garbage_is_answered_in_the_protocols_form(front):
    got = exchange(front, b"\x16\x03\x01 garbage\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 400 ")
    error = json.loads(got.partition(b"\r\n\r\n")[2])["error"]
    assert error["code"] == "bad_request"


def test_endless_headers_are_refused(front):
    assert exchange(front, b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000).startswith(b"HTTP/1.1 400 ")


def test_slow_headers_and_bodies_run_into_a_deadline(launch):
    front = launch(head_seconds=0.4, chunk_seconds=0.4)
    assert exchange(front, b"GET /v1/health HTTP/1.1\r\n") == b""
    head = (
        f"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1:{front.port}\r\nConnection: close\r\n"
        f"Authorization: Bearer {front.token}\r\nContent-Type: application/json\r\n"
        'Content-Length: 50\r\n\r\n{"prompt'
    )
    got = exchange(front, head.encode())
    assert got.startswith(b"HTTP/1.1 408 ")
    assert json.loads(got.partition(b"\r\n\r\n")[2])["error"]["code"] == "timeout"


def test_a_client_that_hangs_up_in_the_middle_leaves_nothing(front):
    before = len(list((front.data / "blobs").iterdir()))
    head = (
        f"PUT /v1/blobs HTTP/1.1\r\nHost: 127.0.0.1:{front.port}\r\n"
        f"Authorization: Bearer {front.token}\r\nContent-Length: 5000000\r\n"
        "Content-Type: application/x-pixels; format=y-u8; width=5000; height=1000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", front.port)) as connection:
        connection.sendall(head.encode() + b"x" * 2_000_000)
        until(lambda: list((front.data / "blobs").glob("*.part")))
    until(lambda: len(list((front.data / "blobs").iterdir())) == before)


def test_nothing_of_all_this_was_a_bug(front):
    log = front.log()
    assert "a request failed" not in log
    assert (
        "Traceback"
        not in log.replace("RuntimeError: a bug in the backend", "").split(
            "a job failed in the front"
        )[0]
    )
