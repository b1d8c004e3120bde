"""AUTOMATIC1111's API, driven by the unmodified `webuiapi` package."""

from __future__ import annotations

import http.client
import json
import shutil
import threading

import numpy as np
import pytest
import webuiapi
from PIL import Image
from tests.faces.pictures import SIDE, left_half, packed, photo, pixels, png, result, same, unpacked
from tests.models.weight_files import write
from tests.server.front import until

LONG_JOB = {"prompt": "the sea", "steps": 200, "width": 128, "height": 128, "batch_size": 16}
PROMPT = "a red ball “on” a\ngreen meadow, 草地上的红球 🏳️‍🌈"


def paint(a1111, **changes):
    wanted = {"prompt": PROMPT, "width": SIDE, "height": SIDE, "seed": 7} | changes
    return a1111.txt2img(alwayson_scripts=wanted.pop("alwayson_scripts", {}), **wanted)


def repaint(a1111, **changes):
    wanted = {"images": [photo()], "prompt": PROMPT, "width": SIDE, "height": SIDE, "seed": 7}
    wanted |= {"denoising_strength": 1.0, "mask_blur": 0, "inpaint_full_res": False} | changes
    return a1111.img2img(alwayson_scripts={}, **wanted)


def mask_of(selected):
    return Image.fromarray(np.where(selected, 255, 0).astype(np.uint8))


@pytest.fixture(scope="module")
def ball(a1111):
    return paint(a1111)


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
    thread.join(20)


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
    thread.join(10)
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


# what cannot be done


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"enable_hr": True}, "second pass"),
        ({"tiling": True}, "Tiling"),
        ({"restore_faces": True}, "restored"),
        ({"styles": ["mine"]}, "no style called"),
        ({"subseed_strength": 0.5}, "Variation"),
        ({"script_name": "X/Y/Z"}, "scripts"),
        ({"sampler_name": "Heun"}, "Sampler not found"),
        ({"scheduler": "wobbly"}, "no scheduler"),
        ({"seed": 2**53 - 1, "batch_size": 2}, "smaller seed"),
        ({"prompt": "a ball <lora:shiny:0.5>"}, "shiny"),
        ({"batch_size": 9, "n_iter": 2}, "16 pictures"),
        ({"override_settings": {"CLIP_stop_at_last_layers": 2}}, "CLIP_stop"),
        ({"override_settings": {"sd_model_checkpoint": "v1-5"}}, "Checkpoint not found"),
        ({"steps": 0}, "greater than or equal"),
        ({"alwayson_scripts": {"controlnet": {"args": [True, "canny"]}}}, "ControlNet"),
        ({"alwayson_scripts": {"controlnet": {"args": [{"module": "openpose"}]}}}, "openpose"),
        ({"alwayson_scripts": {"controlnet": {"args": [{"control_mode": 2}]}}}, "Balanced"),
        ({"alwayson_scripts": {"controlnet": {"args": [{}]}}}, "no picture"),
        ({"prompt": "a ball <lora:blueprint:much>"}, "blueprint"),
        ({"alwayson_scripts": {"adetailer": {"args": [True, {"ad_model": "x"}]}}}, "adetailer"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_followed_is_refused_and_nothing_is_made(a1111, made, changes, word):
    with pytest.raises(RuntimeError) as refused:
        paint(a1111, **changes)
    status, body = refused.value.args
    assert status in (400, 404, 422)
    assert word in body
    assert word in json.loads(body)["message"]
    assert made() == []


@pytest.mark.parametrize(
    "picture", ["no base64!", "aGVsbG8=", "https://example.org/a.png", "data:image/png;base64,"]
)
def test_what_is_no_picture_is_refused(front, made, picture):
    body = {"init_images": [picture], "prompt": "x"}
    answer = front.call("POST", "/sdapi/v1/img2img", body)
    assert (answer.status, answer.json["error"]) == (400, "bad_image")
    assert made() == []


def outline() -> Image.Image:
    """White lines on black: a frame with a cross in it."""
    drawn = np.zeros((SIDE, SIDE, 3), np.uint8)
    drawn[12:52, [12, 31, 51]] = drawn[[12, 31, 51], 12:52] = 255
    return Image.fromarray(drawn)


@pytest.mark.parametrize("model", ["None", "canny", "canny [0123abcd]"])
def test_a_control_unit_steers_as_a_direct_job_does(front, a1111, model):
    """With the weight and range that the unit says; a unit that is off is none at all."""
    unit = webuiapi.ControlNetUnit(
        image=outline(), model=model, weight=0.8, guidance_end=0.9, resize_mode="Just Resize"
    )
    steered = pixels(paint(a1111, seed=5, controlnet_units=[unit]).image)
    blob = front.call("PUT", "/v1/blobs", png(outline()), {"Content-Type": "image/png"}).json["id"]
    control = {"type": "canny", "image": {"blob": blob}, "weight": 0.8, "end": 0.9}
    asked = {"prompt": PROMPT, "seed": 5, "sampler": "DDIM", "steps": 3, "guidance": 7}
    job = front.start(asked | {"width": SIDE, "height": SIDE, "controls": [control]})
    assert np.array_equal(steered, result(front, job))
    unit.enabled = False
    plain = pixels(paint(a1111, seed=5, controlnet_units=[unit]).image)
    assert np.array_equal(plain, pixels(paint(a1111, seed=5).image))
    assert not np.array_equal(plain, steered)


OFF = {"enabled": False, "weight": 3, "guidance_end": -1, "resize_mode": 7, "module": "openpose"}


def test_a_unit_that_is_off_may_say_anything(a1111, ball):
    off = paint(a1111, alwayson_scripts={"ControlNet": {"args": [OFF, {"enabled": False}]}})
    assert np.array_equal(pixels(off.image), pixels(ball.image))


@pytest.mark.parametrize(
    "name", ["prompt", "batch_size", "n_iter", "seed", "steps", "width", "sampler_name", "styles"]
)
def test_null_is_as_good_as_nothing(front, name):
    """Clients that were generated from A1111's own OpenAPI document send it for all they leave
    out."""
    asked = {"prompt": PROMPT, "seed": 7, "steps": 1, "width": SIDE, "height": SIDE}
    without = {key: value for key, value in asked.items() if key != name}
    answers = [
        front.call("POST", "/sdapi/v1/txt2img", job) for job in (without, asked | {name: None})
    ]
    assert [answer.status for answer in answers] == [200, 200]
    if name != "seed":
        assert answers[0].json["images"] == answers[1].json["images"]


def test_null_is_as_good_as_nothing_in_a_unit(front):
    unit = {"image": packed(photo()), "module": "canny", "model": "canny", "resize_mode": None}
    asked = {"prompt": PROMPT, "steps": 1, "width": SIDE, "height": SIDE}
    units = {"controlnet": {"args": [unit | {"weight": None, "processor_res": None}]}}
    answer = front.call("POST", "/sdapi/v1/txt2img", asked | {"alwayson_scripts": units})
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("script", ["never oom integrated", "Never OOM Integrated", "comments"])
def test_scripts_without_effect_are_passed_over(a1111, ball, script):
    made = paint(a1111, alwayson_scripts={script: {"args": [True, True]}})
    assert np.array_equal(pixels(made.image), pixels(ball.image))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Inner Fit (Scale to Fit)", "Crop and Resize"),
        ("Outer Fit (Shrink to Fit)", "Resize and Fill"),
        (0, "Just Resize"),
    ],
)
def test_units_know_the_old_names_of_the_resize_modes(a1111, old, new):
    wide = outline().resize((2 * SIDE, SIDE))
    made = [
        pixels(paint(a1111, controlnet_units=[unit], steps=1).image)
        for unit in (
            webuiapi.ControlNetUnit(image=wide, model="canny", resize_mode=mode)
            for mode in (old, new)
        )
    ]
    assert np.array_equal(*made)


SCHEDULERS = (
    *("Automatic", "uniform", "Karras", "exponential", "polyexponential", "SGM Uniform"),
    *("kl_optimal", "Align Your Steps", "simple", "Normal", "ddim", "beta"),
)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_of_a1111_is_taken_and_told_where_it_has_no_effect(a1111, scheduler):
    made = paint(a1111, scheduler=scheduler, sampler_name="DPM++ 2M", steps=1)
    told = made.info["comments"]
    if scheduler in ("Automatic", "Karras"):
        assert told == []
    else:
        assert scheduler.lower().replace(" ", "_") in told[0]
    assert made.info["sampler_name"] == "DPM++ 2M Karras"


def test_samplers_are_known_by_their_aliases(front, a1111, ball):
    listed = front.call("GET", "/sdapi/v1/samplers").json
    alias = next(one["aliases"][0] for one in listed if one["name"] == "DDIM")
    assert np.array_equal(pixels(paint(a1111, sampler_name=alias).image), pixels(ball.image))


def test_words_that_would_change_from_step_to_step_are_told_as_read(a1111):
    made = paint(a1111, prompt="a [red|blue] ball AND a hat", steps=1)
    assert [one.split("”")[0] for one in made.info["comments"]] == ["“[red|blue]", "“AND"]


def test_a_detector_draws_the_map_of_a_unit(a1111):
    """The edges of a picture steer as the map drawn by the detector's own call does."""
    picture = photo().convert("L").point(lambda value: 255 * (value > 100)).convert("RGB")
    thresholds = {"threshold_a": 100, "threshold_b": 200}
    found = a1111.controlnet_detect([picture], "canny", processor_res=SIDE, **thresholds).image
    drawn = webuiapi.ControlNetUnit(image=picture, module="canny", model="canny", **thresholds)
    sent = webuiapi.ControlNetUnit(image=found, model="canny")
    one, other = (paint(a1111, controlnet_units=[unit]).image for unit in (drawn, sent))
    assert np.array_equal(pixels(one), pixels(other))


def test_a_unit_without_a_picture_takes_the_one_that_is_repainted(a1111):
    asked = {"images": [photo()], "prompt": "a red ball", "seed": 3, "denoising_strength": 1.0}
    size = {"width": SIDE, "height": SIDE}
    made = [
        pixels(a1111.img2img(**asked, **size, controlnet_units=[unit]).image)
        for unit in (
            webuiapi.ControlNetUnit(module="canny", model="canny"),
            webuiapi.ControlNetUnit(image=photo(), module="canny", model="canny"),
        )
    ]
    assert np.array_equal(*made)


def test_a_lora_in_the_prompt_counts(a1111, made):
    plain = pixels(paint(a1111, prompt="a red ball", seed=4).image)
    off = pixels(paint(a1111, prompt="a red ball <lora:blueprint:0>", seed=4).image)
    styled = pixels(paint(a1111, prompt="a red ball <lora:blueprint:0.8>", seed=4).image)
    assert np.array_equal(plain, off)
    assert not np.array_equal(plain, styled)
    assert made()[0]["record"]["request"]["loras"] == [{"id": "blueprint", "weight": 0.8}]


def test_words_by_chance_are_told_as_they_were_drawn(a1111, made):
    prompt = "a {red|blue|green|gray} ball"
    found = paint(a1111, prompt=prompt, negative_prompt="{night|fog}", seed=7, batch_size=3)
    told = found.info["all_prompts"]
    assert len(set(told)) > 1
    assert all(said.startswith("a ") and said.endswith(" ball") for said in told)
    assert [text.splitlines()[0] for text in found.info["infotexts"]] == told
    assert set(found.info["all_negative_prompts"]) <= {"night", "fog"}
    assert made()[0]["record"]["request"]["prompt"] == prompt
    unwanted = found.info["all_negative_prompts"][1]
    again = paint(a1111, prompt=told[1], negative_prompt=unwanted, seed=8)
    assert np.array_equal(pixels(again.image), pixels(found.images[1]))


def test_embeddings_are_told_by_what_they_fit(front, a1111):
    folder = front.data / "embeddings"
    write(folder / "small.safetensors", {"emb_params": (2, 128)})
    write(folder / "other.safetensors", {"emb_params": (1, 768)})
    try:
        found = a1111.get_embeddings()
    finally:
        shutil.rmtree(folder)
    assert list(found["loaded"]) == ["small"]
    assert found["loaded"]["small"]["vectors"] == 2
    assert list(found["skipped"]) == ["other"]


def test_canny_finds_the_edge_and_nothing_else(a1111):
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[:, SIDE // 2 :] = 200
    found = a1111.controlnet_detect(
        [Image.fromarray(picture)], "canny", processor_res=SIDE, threshold_a=100, threshold_b=200
    )
    edges = np.asarray(found.image.convert("L"))
    assert edges.shape == (SIDE, SIDE)
    columns = np.flatnonzero(edges.any(axis=0))
    assert len(columns) > 0
    assert set(columns) <= {SIDE // 2 - 1, SIDE // 2}
    assert "canny" in a1111.controlnet_module_list()
    assert a1111.controlnet_model_list() == ["canny"]


# lists, options, extras


def test_every_list_answers(a1111):
    assert "DPM++ 2M Karras" in a1111.util_get_sampler_names()
    assert a1111.util_get_scheduler_names() == ["automatic", "karras"]
    assert a1111.util_get_model_names() == ["starter"]
    assert a1111.util_get_current_model() == "starter"
    assert [lora["name"] for lora in a1111.get_loras()] == ["blueprint"]
    assert [vae["model_name"] for vae in a1111.get_sd_vae()] == ["other-vae"]
    assert "Blueprint" in [style["name"] for style in a1111.get_prompt_styles()]
    assert a1111.get_scripts() == {"txt2img": [], "img2img": []}
    assert a1111.get_cmd_flags()["api"]
    assert a1111.refresh_checkpoints() is None
    assert a1111.get_cmd_flags()["nowebui"]


def test_options_go_back_as_they_came(front, a1111):
    """Open WebUI reads all, changes one and sends all; a text for a number is one, as in A1111."""
    before = a1111.get_options()
    assert a1111.set_options(before) is None
    assert a1111.get_options() == before
    as_text = {name: str(value) for name, value in before.items() if value is not None}
    assert a1111.set_options(as_text) is None  # an error would be a dict
    assert a1111.get_options() == before
    for nothing in ("", None):
        assert a1111.set_options({"sd_model_checkpoint": nothing}) is None
        made = paint(a1111, override_settings={"sd_model_checkpoint": nothing})
        assert made.info["sd_model_name"] == "starter"
    assert a1111.get_options() == before


def test_options_are_kept_or_refused(front, a1111):
    a1111.util_set_model("Starter")
    a1111.set_options({"samples_format": "jpg", "save_images": True})
    try:
        assert a1111.get_options()["samples_format"] == "jpg"
        assert paint(a1111).image.format == "JPEG"
    finally:
        a1111.set_options({"samples_format": "png"})
    answer = front.call("POST", "/sdapi/v1/options", {"cross_attention": "xformers"})
    assert answer.status == 400
    assert "cross_attention" in answer.json["detail"]


def test_styles_go_around_the_words_one_after_the_other(front, a1111):
    paint(a1111, styles=["Blueprint", "Film photograph"])
    record = front.call("GET", "/v1/jobs?limit=1").json["jobs"][0]["record"]
    words = record["request"]["prompt"]
    blueprint = words.index("blueprint, technical drawing")
    assert words.index("analog film photograph of") < words.index(PROMPT) < blueprint
    assert record["facts"]["style"] == "Film photograph"


def test_another_vae_is_chosen_by_its_name(front, a1111):
    def jobs_vae():
        return front.call("GET", "/v1/jobs?limit=1").json["jobs"][0]["record"]["facts"]["vae"]

    paint(a1111)
    assert jobs_vae() == "model"
    a1111.set_options({"sd_vae": "Other-VAE.safetensors"})
    try:
        assert a1111.get_options()["sd_vae"] == "other-vae"
        paint(a1111)
        assert jobs_vae() == "other-vae"
        paint(a1111, override_settings={"sd_vae": "Automatic"})
        assert jobs_vae() == "model"
    finally:
        a1111.set_options({"sd_vae": "None"})
    assert a1111.get_options()["sd_vae"] == "Automatic"
    answer = front.call("POST", "/sdapi/v1/options", {"sd_vae": "nobody"})
    assert answer.status == 404


def test_a_picture_is_enlarged(a1111):
    small = photo(8, 4)
    nearest = a1111.extra_single_image(small, upscaler_1="Nearest", upscaling_resize=3)
    assert np.array_equal(pixels(nearest.image), np.kron(pixels(small), np.ones((3, 3, 1), "u1")))
    exact = a1111.extra_single_image(
        small, resize_mode=1, upscaler_1="Lanczos", upscaling_resize_w=32, upscaling_resize_h=32
    )
    assert exact.image.size == (32, 32)
    with pytest.raises(RuntimeError, match="upscaler"):
        a1111.extra_single_image(small, upscaler_1="SwinIR 4x")
