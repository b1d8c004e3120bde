"""Other programs against the faces: libraries unmodified, and the requests that programs with a
window of their own make, as their public sources show them (Open WebUI, SillyTavern).

`webuiapi` and Python's `openai` have files of their own beside this one.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.faces.pictures import LONG, SIDE, packed, photo, pixels, png, result, unpacked
from tests.support import awkward

NODE = Path(__file__).parent / "node"
SIZE = f"{SIDE}x{SIDE}"
words = pytest.mark.parametrize("words", awkward.cases(awkward.FEW))


def direct(front, words, seed=7, steps=3, **more):
    """The same job over our own protocol."""
    job = {"prompt": words, "width": SIDE, "height": SIDE, "seed": seed, "steps": steps}
    return result(front, front.start(job | more))


# libraries

LITELLM = """
import json, os, sys
import litellm

asked = json.load(sys.stdin)
common = {"api_base": os.environ["ADDRESS"], "api_key": os.environ["KEY"]}
common["model"] = "openai/starter"
pictures = []
for prompt in asked["prompts"]:
    made = litellm.image_generation(
        prompt=prompt, size=asked["size"], n=1, extra_body=asked["few"], **common
    )
    pictures += [one.b64_json for one in made.data]
refused = None
try:
    litellm.image_generation(prompt="x", size="large", **common)
except litellm.BadRequestError as error:
    refused = {"status": error.status_code, "message": str(error)}
print(json.dumps({"pictures": pictures, "refused": refused}))
"""


def run(command, given, **environment):
    ended = subprocess.run(
        command,
        input=given,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LONG,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout.splitlines()[-1])


def address(front):
    return {"ADDRESS": f"http://127.0.0.1:{front.port}/openai/v1", "KEY": front.token}


def test_litellm_paints_by_its_openai_provider(front):
    few = {"seed": 7, "num_inference_steps": 3}
    prompts = list(awkward.FEW.values())[:3]
    asked = json.dumps({"prompts": prompts, "size": SIZE, "few": few})
    offline = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    told = run([sys.executable, "-c", LITELLM], asked, **address(front), **offline)
    made = [pixels(unpacked(picture)) for picture in told["pictures"]]
    for words, picture in zip(prompts, made, strict=True):
        assert np.array_equal(picture, direct(front, words))
    assert told["refused"]["status"] == 400
    assert "size" in told["refused"]["message"]


@pytest.fixture(scope="session")
def node():
    """Node with the client installed; without Node there is nothing to try."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("Node is not installed")
    if not (NODE / "node_modules" / "openai").is_dir():
        install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"]
        subprocess.run(install, cwd=NODE, check=True, capture_output=True, timeout=LONG)
    return ["node", str(NODE / "paint.mjs")]


def test_openai_for_node_paints_edits_and_streams(front, node, tmp_path):
    (tmp_path / "photo.png").write_bytes(png(photo()))
    words = awkward.FEW["cjk"] + awkward.FEW["emoji_joined"]
    told = run(node, words, **address(front), PICTURE=str(tmp_path / "photo.png"))
    first, second, edited = (pixels(unpacked(picture)) for picture in told["pictures"])
    assert np.array_equal(first, direct(front, words))
    assert np.array_equal(second, direct(front, words, seed=8))
    assert edited.shape == (SIDE, SIDE, 3)
    assert not np.array_equal(edited, pixels(photo()))
    assert told["models"] == ["starter"]
    assert told["events"] == ["image_generation.partial_image", "image_generation.completed"]
    assert (told["refused"]["status"], told["refused"]["param"]) == (400, "size")
    assert told["refused"]["code"] == "bad_request"


# programs with a window


class A1111:
    """Requests with the password of HTTP Basic, as the programs' users enter it."""

    def __init__(self, front):
        self._front = front
        pair = base64.b64encode(f"user:{front.token}".encode()).decode()
        self._headers = {"Authorization": f"Basic {pair}"}

    def get(self, call):
        answer = self._front.bare("GET", f"/sdapi/v1/{call}", None, self._headers)
        assert answer.status == 200, answer.body
        return answer.json

    def post(self, call, body=None):
        kind = {} if body is None else {"Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body).encode()
        answer = self._front.bare("POST", f"/sdapi/v1/{call}", sent, self._headers | kind)
        assert answer.status == 200, answer.body
        return answer.json


@pytest.fixture
def calls(front):
    return A1111(front)


@words
def test_open_webui_with_its_automatic1111_engine(front, calls, words):
    """Verify, list, choose by sending all options back, paint."""
    calls.get("options")
    chosen = [{"id": one["title"], "name": one["model_name"]} for one in calls.get("sd-models")]
    options = calls.get("options")
    options["sd_model_checkpoint"] = chosen[0]["id"]
    calls.post("options", options)
    body = {"prompt": words, "batch_size": 1, "width": SIDE, "height": SIDE, "steps": 3}
    own = {"sampler_name": "DDIM", "seed": 7, "scheduler": "Automatic"}  # its “additional params”
    made = calls.post("txt2img", body | {"negative_prompt": words} | own)
    told = json.loads(made["info"])
    assert told["prompt"] == words
    same = direct(front, words, sampler="DDIM", negative_prompt=words)
    assert np.array_equal(pixels(unpacked(made["images"][0])), same)


def test_open_webui_with_its_openai_engine(front):
    words = awkward.FEW["curly_quotes"]
    key = {"Authorization": f"Bearer {front.token}"}
    body = {"model": "starter", "prompt": words, "n": 1, "size": SIZE}
    own = {"response_format": "b64_json", "seed": 7, "num_inference_steps": 3}
    path = "/openai/v1/images/generations?api-version=2025-04-01-preview"
    answer = front.bare(
        "POST", path, json.dumps(body | own).encode(), key | {"Content-Type": "application/json"}
    )
    assert answer.status == 200, answer.body
    made = pixels(unpacked(answer.json["data"][0]["b64_json"]))
    assert np.array_equal(made, direct(front, words))

    texts = {"model": "starter", "prompt": words, "n": "1", "size": SIZE}
    form = multipart(texts | {"response_format": "b64_json"}, {"image": png(photo())})
    answer = front.bare("POST", "/openai/v1/images/edits", form, key | MULTIPART)
    assert answer.status == 200, answer.body
    assert unpacked(answer.json["data"][0]["b64_json"]).size == (SIDE, SIDE)


MULTIPART = {"Content-Type": "multipart/form-data; boundary=0123456789abcdef"}


def multipart(texts, files):
    """As aiohttp writes a form."""
    parts = []
    for name, value in texts.items():
        head = "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; "
        parts.append(f'{head}name="{name}"\r\n\r\n{value}'.encode())
    for name, data in files.items():
        head = "Content-Type: image/png\r\nContent-Disposition: form-data; "
        head += f'name="{name}"; filename="5d0a7f0e.png"\r\n\r\n'
        parts.append(head.encode() + data)
    line = b"--0123456789abcdef"
    return b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"


@words
def test_sillytavern_with_its_stable_diffusion_extension(front, calls, words):
    """Ping, fill the lists, choose a model and wait for it, paint with all that it always sends."""
    calls.get("options")
    scalers = [one["name"] for one in calls.get("upscalers")]
    scalers[1:1] = [one["name"] for one in calls.get("latent-upscale-modes")]
    assert scalers[0] == "None"
    assert [one["model_name"] for one in calls.get("sd-vae")] == ["other-vae"]
    samplers = [one["name"] for one in calls.get("samplers")]
    schedulers = [one["name"] for one in calls.get("schedulers")]
    model = calls.get("sd-models")[0]["title"]
    assert calls.get("options")["sd_model_checkpoint"] == model
    calls.post("options", {"sd_model_checkpoint": model})
    waiting = calls.get("progress")
    assert (waiting["progress"], waiting["state"]["job_count"]) == (0, 0)
    assert "forge_preset" not in calls.get("options")
    body = {
        "url": f"http://127.0.0.1:{front.port}",
        "auth": "user:secret",
        "prompt": words,
        "negative_prompt": words,
        "sampler_name": samplers[samplers.index("DDIM")],
        "scheduler": schedulers[0],
        "steps": 3,
        "cfg_scale": 7,
        "width": SIDE,
        "height": SIDE,
        "restore_faces": False,
        "enable_hr": False,
        "hr_upscaler": "Latent",
        "hr_scale": 2,
        "hr_additional_modules": [],
        "denoising_strength": 0.7,
        "hr_second_pass_steps": 0,
        "seed": 7,
        "override_settings": {"CLIP_stop_at_last_layers": 1, "sd_vae": "Automatic"},
        "override_settings_restore_afterwards": True,
        "clip_skip": 1,
        "s_churn": 0,
        "s_tmax": None,
        "save_images": True,
        "send_images": True,
        "do_not_save_grid": False,
        "do_not_save_samples": False,
    }
    made = calls.post("txt2img", body)
    same = direct(front, words, sampler="DDIM", negative_prompt=words, guidance=7.0)
    assert np.array_equal(pixels(unpacked(made["images"][0])), same)
    told = json.loads(calls.post("txt2img", body | {"seed": "-1", "scheduler": "normal"})["info"])
    assert told["seed"] >= 0
    assert told["comments"]
    calls.post("interrupt")  # when the person gives up


def test_a_picture_goes_through_img2img_as_its_data_address(front, calls):
    """Extensions send what the browser gives them: a data URI."""
    sent = f"data:image/png;base64,{packed(photo())}"
    asked = {"init_images": [sent], "denoising_strength": 0, "width": SIDE, "height": SIDE}
    made = calls.post("img2img", asked | {"prompt": "x", "steps": 1})
    assert np.array_equal(pixels(unpacked(made["images"][0])), pixels(photo()))
