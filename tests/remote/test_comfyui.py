"""What is ComfyUI's own: workflows of its stock nodes, its files and its queue, which others use
too."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from tests.remote.setup import Setup
from tests.remote.standins.comfyui import ComfyUI
from tests.remote.test_job import photograph, selection
from tests.remote.test_services import squares
from tests.server.front import until
from tests.support import awkward

from pentimento.imaging import control_maps
from pentimento.services import adapter
from pentimento.services.adapters import comfyui as comfyui_adapter
from pentimento.services.adapters import comfyui_graph
from pentimento.services.session import Address, ServiceSession


@pytest.fixture
def comfyui(setup: Setup) -> ComfyUI:
    stand_in = ComfyUI()
    setup.use("comfyui", stand_in)
    setup.set("comfyui", model=None)
    return stand_in


def request(setup: Setup, mode: str = "txt2img", **more: Any) -> dict[str, Any]:
    asked = {"mode": mode, "backend": "comfyui", "prompt": "a boat", "seed": 7}
    if mode == "txt2img":
        return asked | {"width": 150, "height": 90} | more
    asked |= {"source": setup.source(photograph()), "strength": 0.6}
    if mode == "inpaint":
        asked["mask"] = setup.source(selection())
    return asked | more


def node(stand_in: ComfyUI, kind: str) -> dict[str, Any]:
    (inputs,) = (one["inputs"] for one in stand_in.workflow.values() if one["class_type"] == kind)
    return dict(inputs)


def test_words_arrive_as_they_were_typed(setup: Setup, comfyui: ComfyUI) -> None:
    for words in awkward.FEW.values():
        comfyui.asked.clear()
        job = setup.run(request(setup, prompt=words))
        assert job["status"] == "succeeded", job["error"]
        assert comfyui.asked[0].prompt == job["images"][0]["facts"].get("prompt", words)


def test_settings_become_those_of_the_sampler(setup: Setup, comfyui: ComfyUI) -> None:
    job = setup.run(
        request(setup, steps=12, guidance=3.5, sampler="DPM++ 2M Karras", negative_prompt="雨")
    )
    assert job["status"] == "succeeded", job["error"]
    told = node(comfyui, "KSampler")
    assert (told["steps"], told["cfg"], told["seed"], told["denoise"]) == (12, 3.5, 7, 1.0)
    assert (told["sampler_name"], told["scheduler"]) == ("dpmpp_2m", "karras")
    texts = [
        one["inputs"]["text"]
        for one in comfyui.workflow.values()
        if one["class_type"] == "CLIPTextEncode"
    ]
    assert texts == ["a boat", "雨"]


@pytest.mark.parametrize(
    ("checkpoint", "cfg"), [("sd15.safetensors", 7.0), ("flux1-dev-fp8.safetensors", 1.0)]
)
def test_guidance_fits_the_checkpoint_that_was_chosen(
    setup: Setup, comfyui: ComfyUI, checkpoint: str, cfg: float
) -> None:
    setup.set("comfyui", model=checkpoint)
    setup.run(request(setup))
    assert node(comfyui, "CheckpointLoaderSimple")["ckpt_name"] == checkpoint
    assert node(comfyui, "KSampler")["cfg"] == cfg


@pytest.mark.parametrize(
    ("kind", "net", "union"),
    [
        ("canny", "control_canny.safetensors", None),
        ("scribble", "xinsir_union_promax.safetensors", "hed/pidi/scribble/ted"),
    ],
)
def test_a_map_steers_through_the_net_that_fits(
    setup: Setup, comfyui: ComfyUI, kind: str, net: str, union: str | None
) -> None:
    controls = [{"type": kind, "weight": 0.8, "start": 0.1, "end": 0.7}]
    asked = request(setup, "img2img", source=setup.source(squares()), controls=controls)
    assert setup.run(asked)["status"] == "succeeded"
    assert node(comfyui, "ControlNetLoader")["control_net_name"] == net
    applied = node(comfyui, "ControlNetApplyAdvanced")
    assert (applied["strength"], applied["start_percent"], applied["end_percent"]) == (
        0.8,
        0.1,
        0.7,
    )
    if union:
        assert node(comfyui, "SetUnionControlNetType")["type"] == union
    seen, drawn = comfyui.asked[0].image, comfyui.asked[0].control
    assert seen is not None
    assert drawn is not None
    expected = control_maps.draw(kind, np.asarray(seen.convert("RGB")))
    assert (np.asarray(drawn.convert("RGB")) == expected).all()


def test_a_missing_net_is_named_before_anything_is_queued(setup: Setup, comfyui: ComfyUI) -> None:
    comfyui.controlnet = ("depth.safetensors",)
    asked = request(setup, "img2img", controls=[{"type": "canny", "weight": 1.0}])
    error = setup.run(asked)["error"]
    assert error["code"] == "control_missing"
    assert "canny" in error["message"]
    assert comfyui.accepted == 0


def test_a_checkpoint_that_is_gone_is_told_so(setup: Setup, comfyui: ComfyUI) -> None:
    setup.set("comfyui", model="gone.safetensors")
    assert setup.run(request(setup))["error"]["code"] == "model_gone"
    setup.set("comfyui", model=None)
    comfyui.checkpoints = ()
    assert setup.run(request(setup))["error"]["code"] == "model_gone"


@pytest.mark.parametrize(
    ("ends_as", "code"),
    [
        ("execution_error", "out_of_memory_there"),
        ("execution_interrupted", "interrupted_there"),
        ("something_new", "failed_there"),
    ],
)
def test_how_an_order_ended_is_told(
    setup: Setup, comfyui: ComfyUI, ends_as: str, code: str
) -> None:
    comfyui.ends_as = ends_as
    assert setup.run(request(setup))["error"]["code"] == code


@pytest.mark.parametrize("running", [False, True])
def test_only_the_own_order_is_stopped(setup: Setup, comfyui: ComfyUI, running: bool) -> None:
    """While it waits somebody else's is computed: that one goes on."""
    comfyui.waiting, comfyui.running = True, running
    job = setup.front.start(request(setup))
    seen = "ComfyUI is painting" if running else "Waiting for its turn"
    until(lambda: setup.front.job(job)["progress"]["message"] == seen)
    setup.front.call("DELETE", f"/v1/jobs/{job}")
    assert comfyui.taken_back.wait(60)
    assert setup.front.finished(job)["status"] == "cancelled"
    until(lambda: comfyui.interrupted == (["0"] if running else []))
    assert comfyui.withdrawn == ["0"]


def test_steps_are_told_as_they_are_done(setup: Setup, comfyui: ComfyUI) -> None:
    """Those of the own order alone: ComfyUI computes for others as well. Polling goes on, and does
    not take them back."""
    comfyui.waiting = comfyui.running = True
    job = setup.front.start(request(setup))
    with setup.front.events(job) as stream:
        until(lambda: setup.front.job(job)["progress"]["message"] == "ComfyUI is painting")
        comfyui.tell_steps(9, 10, "of-somebody-else")
        comfyui.sockets[comfyui.client].send(b"\x00\x00\x00\x01\xff\xd8 a preview", 0x2)
        comfyui.sockets[comfyui.client].send('{"type": "größer als"'.encode())
        comfyui.tell("progress", value=1, max=0, prompt_id="0", node="7")
        comfyui.tell_steps(3, 4)
        until(lambda: setup.front.job(job)["progress"]["fraction"] == 0.75)
        for _ in range(2):
            comfyui.looked.clear()
            assert comfyui.looked.wait(60)
        comfyui.waiting = False
        events = [one for one in stream.rest() if one.name == "loading"]
    shares = [one.data["progress"] for one in events]
    assert shares[-1] == 0.75
    assert set(shares) == {None, 0.75}
    assert setup.front.job(job)["status"] == "succeeded"


@pytest.mark.parametrize("end", ["none at all", "it breaks"])
def test_without_a_websocket_it_is_asked(setup: Setup, comfyui: ComfyUI, end: str) -> None:
    comfyui.deaf, comfyui.waiting, comfyui.running = end == "none at all", True, True
    job = setup.front.start(request(setup))
    until(lambda: setup.front.job(job)["progress"]["message"] == "ComfyUI is painting")
    if end == "it breaks":
        comfyui.sockets[comfyui.client].send(b"", 0x8)
    comfyui.waiting = False
    assert setup.front.finished(job)["status"] == "succeeded"


@pytest.mark.parametrize("running", [False, True])
def test_only_what_is_ours_at_that_moment_is_interrupted(comfyui: ComfyUI, running: bool) -> None:
    """Whatever was computed when it was looked at last."""
    comfyui.pictures.append(b"")
    comfyui.running = running
    found = adapter.load("comfyui")
    address = Address("comfyui", "ComfyUI", comfyui.base_url, found.auth(comfyui.key))
    line = ServiceSession(address, found.meaning, time.monotonic() + 60)
    line.cut()
    comfyui_adapter.take_back("0", line)
    line.close()
    assert comfyui.withdrawn == ["0"]
    assert comfyui.interrupted == (["0"] if running else [])


def test_nothing_but_uploads_stays_there(setup: Setup, comfyui: ComfyUI) -> None:
    """The same picture twice is one file; words leave the history, results are temporary."""
    for _ in range(2):
        assert setup.run(request(setup, "inpaint"))["status"] == "succeeded"
    assert comfyui.forgotten == ["0", "1"]
    assert len(comfyui.files) == 2
    assert all(name.startswith("pentimento/") for name in comfyui.files)


@pytest.mark.parametrize(
    ("sampler", "names"),
    [
        (None, ("euler", "normal")),
        ("Euler a", ("euler_ancestral", "normal")),
        ("DPM++ SDE Karras", ("dpmpp_sde", "karras")),
        ("what nobody knows", ("euler", "normal")),
    ],
)
def test_names_of_samplers(sampler: str | None, names: tuple[str, str]) -> None:
    assert comfyui_graph.sampler_names(sampler) == names


def test_a_model_in_several_files_is_loaded_with_its_parts(setup: Setup, comfyui: ComfyUI) -> None:
    setup.set("comfyui", model="flux1-dev-fp8-unet.safetensors")
    job = setup.run(request(setup, guidance=2.5))
    assert job["status"] == "succeeded", job["error"]
    assert node(comfyui, "UNETLoader")["unet_name"] == "flux1-dev-fp8-unet.safetensors"
    encoders = node(comfyui, "DualCLIPLoader")
    assert (encoders["clip_name1"], encoders["clip_name2"], encoders["type"]) == (
        "clip_l.safetensors",
        "t5xxl_fp16.safetensors",
        "flux",
    )
    assert node(comfyui, "VAELoader")["vae_name"] == "ae.safetensors"
    assert node(comfyui, "FluxGuidance")["guidance"] == 2.5
    assert node(comfyui, "KSampler")["cfg"] == 1.0
    assert node(comfyui, "EmptySD3LatentImage")["batch_size"] == 1


def test_parts_that_are_missing_there_are_named(setup: Setup, comfyui: ComfyUI) -> None:
    setup.set("comfyui", model="z_image_turbo.gguf")
    job = setup.run(request(setup))
    assert job["error"]["code"] == "parts_missing"
    assert "text encoders" in job["error"]["message"]
    comfyui.text_encoders, comfyui.vae = ("qwen_3_4b.safetensors",), ()
    assert "VAE" in setup.run(request(setup))["error"]["message"]
    assert comfyui.accepted == 0


def test_loras_there_are_found_by_their_names(setup: Setup, comfyui: ComfyUI) -> None:
    loras = [{"id": "detail", "weight": 0.6}]
    job = setup.run(request(setup, "inpaint", loras=loras))
    assert job["status"] == "succeeded", job["error"]
    told = node(comfyui, "LoraLoader")
    assert told["lora_name"] == "detail.safetensors"
    assert (told["strength_model"], told["strength_clip"]) == (0.6, 0.6)
    numbers = {one["class_type"]: name for name, one in comfyui.workflow.items()}
    assert node(comfyui, "KSampler")["model"] == [numbers["LoraLoader"], 0]
    job = setup.run(request(setup, loras=[{"id": "nowhere"}]))
    assert job["error"]["code"] == "lora_missing"
    assert comfyui.accepted == 1
