"""AUTOMATIC1111's API, driven by the unmodified `webuiapi` package: what is painted."""

from __future__ import annotations

import http.client
import json
import threading

import numpy as np
import pytest
from PIL import Image
from tests.faces.asking import PROMPT, paint, repaint
from tests.faces.pictures import SIDE, left_half, packed, photo, pixels, result, same, unpacked
from tests.server.front import until

LONG_JOB = {"prompt": "the sea", "steps": 200, "width": 128, "height": 128, "batch_size": 16}


def mask_of(selected):
    return Image.fromarray(np.where(selected, 255, 0).astype(np.uint8))


# txt2img


def test_a_seed_paints_the_same_picture_as_a_job_of_our_own(front, a1111, ball):
    job = {"prompt": PROMPT, "width": SIDE, "height": SIDE, "seed": 7, "steps": 3}
    direct = result(front, front.start(job | {"sampler": "DDIM", "guidance": 7.0}))
    assert np.array_equal(pixels(ball.image), direct)
    assert not np.array_equal(pixels(paint(a1111, seed=8).image), direct)


def test_a_chosen_seed_is_told_and_repeats_the_picture(a1111):
    first = paint(a1111, seed=-1)
    again = paint(a1111, seed=first.info["seed"])
    assert np.array_equal(pixels(first.image), pixels(again.image))


def test_a_batch_has_the_size_and_the_seeds_it_tells(a1111, ball):
    batch = paint(a1111, seed=6, n_iter=2, width=SIDE, height=SIDE)
    assert batch.info["all_seeds"] == [6, 7]
    assert [image.size for image in batch.images] == [(SIDE, SIDE)] * 2
    assert np.array_equal(pixels(batch.images[1]), pixels(ball.image))
    assert paint(a1111, width=96, height=64).image.size == (96, 64)


def test_what_is_asked_for_is_what_the_job_does(a1111, made):
    paint(a1111, negative_prompt="night", steps=2, cfg_scale=3.0, sampler_name="DPM++ 2M")
    (job,) = made()
    done = job["record"]["request"]
    assert (done["prompt"], done["negative_prompt"]) == (PROMPT, "night")
    assert (done["steps"], done["guidance"]) == (2, 3.0)
    assert done["sampler"] == "DPM++ 2M Karras"


def test_the_text_in_the_picture_is_read_again(a1111, ball):
    found = a1111.png_info(ball.image)
    assert found.info.startswith(PROMPT)
    settings = found.parameters
    assert (settings["Prompt"], settings["Seed"], settings["Steps"]) == (PROMPT, "7", "3")
    assert ball.info["infotexts"] == [found.info]


def test_the_text_can_be_left_out_and_the_format_chosen(a1111, ball):
    bare = paint(a1111, override_settings={"enable_pnginfo": False})
    assert bare.image.info == {}
    assert np.array_equal(pixels(bare.image), pixels(ball.image))
    assert paint(a1111, override_settings={"samples_format": "webp"}).image.format == "WEBP"
    assert a1111.get_options()["samples_format"] == "png"


# img2img


@pytest.mark.parametrize("invert", [0, 1])
@pytest.mark.parametrize("full_res", [False, True])
def test_white_is_repainted_and_black_is_kept(a1111, invert, full_res):
    mask, source = left_half(), pixels(photo())
    made = repaint(
        a1111,
        mask_image=mask_of(mask),
        inpainting_mask_invert=invert,
        inpaint_full_res=full_res,
    )
    repainted = ~mask if invert else mask
    assert same(pixels(made.image), source, ~repainted)
    changed = (pixels(made.image) != source).any(axis=2)
    assert changed[repainted].mean() > 0.9


def test_a_transparent_mask_counts_by_its_alpha(a1111):
    mask = left_half()
    colours = np.full((SIDE, SIDE, 4), 255, np.uint8)
    colours[..., 3] = np.where(mask, 255, 0)
    made = pixels(repaint(a1111, mask_image=Image.fromarray(colours)).image)
    assert same(made, pixels(photo()), ~mask)
    assert not same(made, pixels(photo()), mask)


def test_a_masked_job_is_the_job_we_would_make(front, a1111):
    made = repaint(a1111, mask_image=mask_of(left_half()))
    raw = {"width": SIDE, "height": SIDE}
    source = front.blob(pixels(photo()).tobytes(), **raw, format="rgb-u8")
    mask = front.blob(np.asarray(mask_of(left_half())).tobytes(), **raw, format="y-u8")
    job = {"mode": "inpaint", "source": source, "mask": mask, "prompt": PROMPT, "seed": 7}
    job |= {"steps": 3, "sampler": "DDIM", "guidance": 7.0, "strength": 1.0}
    assert np.array_equal(pixels(made.image), result(front, front.start(job)))


def test_only_masked_leaves_the_size_and_the_rest_of_a_large_picture(a1111):
    large = photo(300, 200)
    selected = np.zeros((200, 300), bool)
    selected[80:110, 200:240] = True
    made = repaint(a1111, images=[large], mask_image=mask_of(selected), inpaint_full_res=True)
    assert made.image.size == (300, 200)
    assert same(pixels(made.image), pixels(large), ~selected)
    assert not same(pixels(made.image), pixels(large), selected)


def test_mask_blur_goes_each_way_as_far_as_it_says(front):
    spot = np.zeros((SIDE, SIDE), bool)
    spot[24:40, 24:40] = True
    pictures = {"init_images": [packed(photo())], "mask": packed(mask_of(spot))}
    asked = {"prompt": PROMPT, "seed": 7, "steps": 3, "sampler_name": "DDIM"}
    asked |= {"denoising_strength": 1, "inpaint_full_res": False, "width": SIDE, "height": SIDE}

    def made(**blur):
        answer = front.call("POST", "/sdapi/v1/img2img", pictures | asked | blur)
        assert answer.status == 200, answer.body
        return pixels(unpacked(answer.json["images"][0]))

    across, down = (
        (made(mask_blur_x=x, mask_blur_y=6 - x) != pixels(photo())).any(axis=2) for x in (6, 0)
    )
    assert across[24:40, 16:24].any()
    assert not across[16:24].any()
    assert down[16:24, 24:40].any()
    assert not down[:, 16:24].any()
    assert np.array_equal(made(mask_blur_x=6, mask_blur_y=6), made(mask_blur=6))
    assert np.array_equal(made(), made(mask_blur=4, mask_blur_x=9))


def test_mask_blur_softens_the_edge_outward(a1111):
    mask = left_half()
    near = np.zeros_like(mask)
    near[:, SIDE // 2 : SIDE // 2 + 3] = True
    hard = pixels(repaint(a1111, mask_image=mask_of(mask)).image)
    soft = pixels(repaint(a1111, mask_image=mask_of(mask), mask_blur=4).image)
    assert same(hard, pixels(photo()), near)
    assert not same(soft, pixels(photo()), near)


def test_fill_begins_with_the_surroundings_and_original_with_what_was_there(a1111):
    blue = np.full((SIDE, SIDE, 3), (20, 40, 200), np.uint8)
    mask = np.zeros((SIDE, SIDE), bool)
    mask[24:40, 24:40] = True
    blue[mask] = (230, 20, 20)
    common = {"images": [Image.fromarray(blue)], "mask_image": mask_of(mask), "prompt": ""}
    common |= {"denoising_strength": 0.1, "steps": 10}
    reds = [
        pixels(repaint(a1111, inpainting_fill=fill, **common).image)[28:36, 28:36, 0].mean()
        for fill in (0, 1)
    ]
    assert reds[0] < 110 < 150 < reds[1]


def test_strength_0_is_the_picture_and_the_size_is_the_one_asked_for(a1111):
    kept = repaint(a1111, denoising_strength=0)
    assert np.array_equal(pixels(kept.image), pixels(photo()))
    wide = photo(128, 64)
    middle = pixels(repaint(a1111, images=[wide], denoising_strength=0, resize_mode=1).image)
    assert np.array_equal(middle, pixels(wide)[:, 32:96])
    padded = pixels(repaint(a1111, images=[wide], denoising_strength=0, resize_mode=2).image)
    assert padded.shape == (SIDE, SIDE, 3)
    assert np.array_equal(padded[0], padded[8])
    assert not np.array_equal(padded[20], padded[40])


def test_no_picture_is_404_as_in_a1111(a1111):
    with pytest.raises(RuntimeError) as refused:
        repaint(a1111, images=[])
    assert refused.value.args[0] == 404


# progress, interrupt


@pytest.fixture
def long_call(front, a1111):
    """A txt2img call under way in a thread, with its task id, and its answer."""
    answer = {}

    def call():
        body = LONG_JOB | {"force_task_id": "task(1)"}
        answer["got"] = front.call("POST", "/sdapi/v1/txt2img", body)

    thread = threading.Thread(target=call)
    thread.start()
    until(lambda: a1111.get_progress()["state"]["sampling_step"] >= 1, 60)
    yield answer, thread
    a1111.interrupt()
    thread.join(60)


def test_progress_is_told_and_interrupt_stops(front, a1111, long_call, made):
    answer, thread = long_call
    seen = until(lambda: (told := a1111.get_progress())["current_image"] and told)
    assert 0 < seen["progress"] < 1
    assert seen["state"]["job_count"] == 1
    assert seen["state"]["sampling_steps"] == 200
    assert unpacked(seen["current_image"]).format == "JPEG"
    question = {"id_task": "task(1)", "id_live_preview": -1, "live_preview": True}
    task = front.call("POST", "/internal/progress", question).json
    assert task["active"]
    assert task["live_preview"].startswith("data:image/jpeg;base64,")

    assert a1111.interrupt() == {}
    thread.join(60)
    assert not thread.is_alive()
    assert answer["got"].status == 200
    info = json.loads(answer["got"].json["info"])
    assert info["interrupted"]
    assert len(answer["got"].json["images"]) == len(info["infotexts"]) < 16
    assert front.job(info["job"])["status"] == "cancelled"
    after = a1111.get_progress()
    assert (after["progress"], after["state"]["job_count"]) == (0, 0)
    assert front.call("POST", "/internal/progress", question).json["completed"]


def test_interrupt_leaves_the_jobs_of_others_alone(front, a1111):
    job = {key: value for key, value in LONG_JOB.items() if key != "batch_size"} | {"count": 16}
    other = front.start(job)
    front.running(other)
    assert a1111.get_progress()["state"]["job_count"] == 0
    a1111.interrupt()
    step = front.job(other)["progress"]["step"]
    moved = until(lambda: (now := front.job(other))["progress"]["step"] != step and now)
    assert moved["status"] == "running"
    front.call("DELETE", f"/v1/jobs/{other}")
    front.finished(other)


def test_who_hangs_up_ends_the_job(front, a1111, made):
    connection = http.client.HTTPConnection("127.0.0.1", front.port)
    headers = {"Authorization": f"Bearer {front.token}", "Content-Type": "application/json"}
    connection.request("POST", "/sdapi/v1/txt2img", json.dumps(LONG_JOB), headers)
    until(lambda: a1111.get_progress()["state"]["sampling_step"] >= 1, 60)
    connection.close()
    (ended,) = until(lambda: [job for job in made() if job["status"] != "running"])
    assert ended["status"] == "cancelled"  # asking for the job itself would keep it alive
