"""OpenAI's images API, driven by the unmodified `openai` package."""

from __future__ import annotations

import threading

import numpy as np
import openai
import pytest
from PIL import Image
from tests.faces.pictures import SIDE, left_half, photo, pixels, png, result, same, unpacked
from tests.server.front import until

PROMPT = "the sea “at” sunset, 日落的海\nبحر"
FEW = {"seed": 7, "num_inference_steps": 3}
LONG = {"num_inference_steps": 100}


def paint(client, extra=None, **changes):
    wanted = {"prompt": PROMPT, "size": f"{SIDE}x{SIDE}"} | changes
    return client.images.generate(**wanted, extra_body=FEW | (extra or {}))


def edit(client, image=None, mask=None, extra=None, files=None, **changes):
    wanted = {"prompt": PROMPT, "image": files or ("a.png", png(image or photo()))} | changes
    if mask is not None:
        wanted["mask"] = ("mask.png", png(mask))
    return client.images.edit(**wanted, extra_body=FEW | (extra or {}))


def hole(transparent):
    """A mask as OpenAI wants it: to be edited where it is transparent."""
    mask = np.zeros((*transparent.shape, 4), np.uint8)
    mask[..., 3] = np.where(transparent, 0, 255)
    return Image.fromarray(mask)


def picture(answer, index=0):
    return pixels(unpacked(answer.data[index].b64_json))


# generations


def test_a_seed_paints_the_same_picture_as_a_job_of_our_own(front, client):
    job = {"prompt": PROMPT, "width": SIDE, "height": SIDE, "seed": 7, "steps": 3}
    answer = paint(client)
    assert np.array_equal(picture(answer), result(front, front.start(job)))
    assert (answer.size, answer.output_format) == (f"{SIDE}x{SIDE}", "png")
    assert not np.array_equal(picture(paint(client, {"seed": 8})), picture(answer))


def test_two_pictures_have_the_size_asked_for_and_differ(client):
    answer = paint(client, n=2, size="96x64")
    assert picture(answer).shape == picture(answer, 1).shape == (64, 96, 3)
    assert not np.array_equal(picture(answer), picture(answer, 1))


@pytest.mark.parametrize(("format", "kind"), [("jpeg", "JPEG"), ("webp", "WEBP")])
def test_the_format_is_the_one_asked_for(client, format, kind):
    answer = paint(client, output_format=format, output_compression=80)
    assert unpacked(answer.data[0].b64_json).format == kind
    assert answer.output_format == format


def test_models_are_listed_and_found(client):
    assert [model.id for model in client.models.list()] == ["starter"]
    assert client.models.retrieve("starter").owned_by == "pentimento"
    assert picture(paint(client, model="starter")).shape == (SIDE, SIDE, 3)


# edits


def test_the_transparent_part_of_the_mask_is_edited_and_the_rest_is_kept(client):
    left = left_half()
    made = picture(edit(client, mask=hole(left)))
    assert same(made, pixels(photo()), ~left)
    changed = (made != pixels(photo())).any(axis=2)
    assert changed[left].mean() > 0.9


def test_an_edit_is_the_job_we_would_make(front, client):
    raw = {"width": SIDE, "height": SIDE}
    source = front.blob(pixels(photo()).tobytes(), **raw, format="rgb-u8")
    mask = front.blob(np.uint8(left_half() * 255).tobytes(), **raw, format="y-u8")
    job = {"mode": "inpaint", "source": source, "mask": mask, "prompt": PROMPT}
    direct = result(front, front.start(job | {"seed": 7, "steps": 3}))
    assert np.array_equal(picture(edit(client, mask=hole(left_half()))), direct)


def test_without_a_mask_the_strength_says_how_much_changes(client):
    assert np.array_equal(picture(edit(client, extra={"strength": 0})), pixels(photo()))
    changes = [
        np.abs(picture(edit(client, extra={"strength": much})).astype(int) - pixels(photo())).mean()
        for much in (0.2, 0.9)
    ]
    assert 0 < changes[0] < changes[1]


def test_another_size_is_reached_by_cropping(client):
    wide = photo(128, 64)
    made = edit(client, image=wide, size="64x64", extra={"strength": 0})
    assert np.array_equal(picture(made), pixels(wide)[:, 32:96])


# streaming


def test_partial_pictures_come_before_the_one_that_is_not_streamed(client):
    events = list(paint(client, {"num_inference_steps": 10}, stream=True, partial_images=2))
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    shown = [pixels(unpacked(event.b64_json)) for event in events]
    assert {one.shape for one in shown} == {(SIDE, SIDE, 3)}
    assert not np.array_equal(shown[0], shown[1])
    at_once = picture(paint(client, {"num_inference_steps": 10}))
    assert np.array_equal(shown[2], at_once)


def test_an_edit_streams_too(client):
    events = list(edit(client, mask=hole(left_half()), stream=True, partial_images=1))
    assert events[-1].type == "image_edit.completed"
    assert {event.type for event in events[:-1]} <= {"image_edit.partial_image"}
    made = pixels(unpacked(events[-1].b64_json))
    assert same(made, pixels(photo()), ~left_half())
    assert events[-1].size == f"{SIDE}x{SIDE}"


def test_a_stream_that_fails_says_so_to_its_client(front, client, made):
    stream = paint(client, LONG, stream=True, size="128x128")
    (job,) = until(made)
    front.running(job["id"])
    front.call("DELETE", f"/v1/jobs/{job['id']}")
    with pytest.raises(openai.APIError, match="cancelled"):
        list(stream)


def test_a_stream_that_is_left_ends_its_job(client, made):
    with paint(client, LONG, stream=True, size="128x128"):
        until(made)
    (ended,) = until(lambda: [job for job in made() if job["status"] not in ("running", "queued")])
    assert ended["status"] == "cancelled"


# errors and repeated requests


def refusal(kind, call, *args, **named):
    with pytest.raises(kind) as refused:
        call(*args, **named)
    return refused.value


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"size": "large"}, "bad_request", "size"),
        ({"n": 11}, "bad_request", "n"),
        ({"output_format": "gif"}, "bad_request", "output_format"),
        ({"response_format": "url"}, "bad_request", "response_format"),
        ({"extra": {"sharpness": 3}}, "bad_request", "sharpness"),
        ({"background": "transparent"}, "unsupported", "background"),
        ({"stream": True, "n": 2}, "unsupported", "n"),
        ({"size": "20000x20000"}, "too_many_pixels", None),
        ({"n": 2, "extra": {"seed": 2**53 - 1}}, "bad_request", None),
        ({"extra": {"seed": 2**53}}, "bad_request", "seed"),
    ],
    ids=str,
)
def test_a_bad_request_names_its_field(client, made, changes, code, param):
    error = refusal(openai.APIStatusError, paint, client, **changes)
    assert isinstance(error, openai.BadRequestError) or error.status_code == 413
    assert (error.code, error.param) == (code, param)
    assert made() == []


def test_error_classes(front, client):
    assert refusal(openai.NotFoundError, paint, client, model="dall-e-3").code == "model_not_found"
    assert refusal(openai.NotFoundError, client.models.retrieve, "none").code == "model_not_found"
    stranger = client.with_options(api_key="sk-wrong")
    assert refusal(openai.AuthenticationError, paint, stranger).code == "invalid_api_key"


@pytest.mark.parametrize(
    ("files", "param"),
    [
        ({"mask": photo()}, "mask"),  # has no transparent place
        ({"mask": hole(left_half(32, 32))}, "mask"),  # has another size
        ({"files": [("a.png", png(photo())), ("b.png", png(photo()))]}, "image"),
        ({"files": ("a.png", b"no picture")}, None),
    ],
    ids=["opaque", "size", "two", "text"],
)
def test_pictures_that_cannot_be_used_are_refused(client, made, files, param):
    error = refusal(openai.BadRequestError, edit, client, **files)
    assert (error.code, error.param) == ("bad_image", param)
    assert made() == []


def test_a_full_queue_is_a_rate_limit_with_a_time(front, client, made):
    job = {"prompt": "x", "steps": 200, "count": 16, "width": 128, "height": 128}
    front.running(front.start(job))
    while front.call("POST", "/v1/jobs", job).status == 202:
        pass
    error = refusal(openai.RateLimitError, paint, client)
    assert (error.code, error.type) == ("queue_full", "rate_limit_error")
    assert int(error.response.headers["retry-after"]) >= 1
    for waiting in made():
        front.call("DELETE", f"/v1/jobs/{waiting['id']}")
    front.idle()


def test_a_request_that_is_sent_again_gets_the_job_it_made(client, made):
    """100 steps take longer than the client waits, so it asks again and again; what is there in the
    end, does not."""
    paint(client)  # so that the engine is up
    (warm_up,) = made()
    hasty = client.with_options(timeout=0.6, max_retries=30)
    raw = hasty.images.with_raw_response
    steps = {"num_inference_steps": 100}
    answer = raw.generate(prompt=PROMPT, size="128x128", extra_body=steps)
    assert answer.retries_taken > 0
    (job,) = [job for job in made() if job["id"] != warm_up["id"]]
    assert picture(answer.parse()).shape == (128, 128, 3)
    assert job["status"] == "succeeded"


def test_two_first_requests_are_two_pictures(client, made):
    pictures = [picture(paint(client, {"seed": None})) for _ in range(2)]
    assert len(made()) == 2
    assert not np.array_equal(*pictures)


def test_a_cancelled_job_is_told_once_and_not_sent_again(front, client, made):
    patient = client.with_options(max_retries=2)
    caught = {}

    def call():
        caught["error"] = refusal(openai.ConflictError, paint, patient, LONG, size="128x128")

    thread = threading.Thread(target=call)
    thread.start()
    (job,) = until(made)
    front.running(job["id"])
    front.call("DELETE", f"/v1/jobs/{job['id']}")
    thread.join(60)
    assert caught["error"].code == "cancelled"
    assert len(made()) == 1
