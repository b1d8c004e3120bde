"""The same API: what is refused, what steers, and the lists and options around the pictures."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import webuiapi
from PIL import Image
from tests.faces.asking import PROMPT, paint
from tests.faces.pictures import SIDE, packed, photo, pixels, png, result
from tests.models.weight_files import write

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
        ({"sampler_name": "Wackel ⏳"}, "Sampler not found"),
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
    assert [lora["name"] for lora in a1111.get_loras()] == ["blueprint", "quick"]
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
