"""What fal, Replicate and AUTOMATIC1111 get from us beside what their own clients from PyPI send to
the same stand-in: calls, headers and bodies, field by field."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import pytest
from tests.remote.setup import Setup
from tests.remote.standins.base import Call, picture
from tests.remote.test_edit_at_services import edit
from tests.remote.test_services import Service
from tests.support import awkward

PNG = picture(24, 16)
MODES = ("txt2img", "img2img", "inpaint", "canny", "edit")
WORDS = awkward.PROMPTS["straight_quotes"] + awkward.PROMPTS["cjk"]
URI = "data:image/png;base64,"


def asked(service: Service, mode: str) -> dict[str, Any]:
    """A job of that kind with everything that can be said."""
    if mode == "edit":
        return edit(service) | {"prompt": WORDS}
    more: dict[str, Any] = {"prompt": WORDS, "steps": 12, "guidance": 3.5}
    if mode == "canny":
        mode, more["controls"] = "img2img", [{"type": "canny", "weight": 0.75}]
    return service.request(mode, **more)


def calls_of(service: Service, job: dict[str, Any]) -> list[Call]:
    service.stand_in.calls.clear()
    done = service.setup.run(job)
    assert done["status"] == "succeeded", done["error"]
    return list(service.stand_in.calls)


def without_pictures(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_pictures(part) for name, part in value.items()}
    if isinstance(value, list):
        return [without_pictures(part) for part in value]
    return URI if isinstance(value, str) and value.startswith(URI) else value


def with_pictures(value: Any, shown: Any) -> Any:
    """The same with what `shown()` gives in place of each picture."""
    if isinstance(value, dict):
        return {name: with_pictures(part, shown) for name, part in value.items()}
    if isinstance(value, list):
        return [with_pictures(part, shown) for part in value]
    return shown() if isinstance(value, str) and value.startswith(URI) else value


def steps_of(calls: list[Call]) -> list[tuple[str, str]]:
    """Method and path, numbers of orders aside; what is loaded at the end is no call of the API."""
    paths = [(call.method, call.path.partition("?")[0]) for call in calls]
    return [
        (method, re.sub(r"/\d+(?=/|$)", "/N", path))
        for method, path in paths
        if not path.startswith("/files/")
    ]


@pytest.mark.parametrize("mode", MODES)
def test_fal_gets_what_its_own_client_sends(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """We ask besides that nothing is kept: `X-Fal-Store-IO` and the lifecycle."""
    import fal_client
    from fal_client import client as module

    service = Service("fal", setup)
    ours = calls_of(service, asked(service, mode))
    service.stand_in.calls.clear()
    monkeypatch.setattr(module, "QUEUE_URL_FORMAT", service.stand_in.origin + "/")
    client = fal_client.SyncClient(key=service.stand_in.key)
    sent = with_pictures(ours[0].json, lambda: fal_client.encode(PNG, "image/png"))
    order = client.submit(ours[0].path[1:], arguments=sent)
    assert order.get()["images"]
    theirs = list(service.stand_in.calls)
    assert steps_of(ours) == list(dict.fromkeys(steps_of(theirs)))
    assert without_pictures(ours[0].json) == without_pictures(theirs[0].json)
    assert ours[0].headers["authorization"] == theirs[0].headers["authorization"]
    added = {name for name in ours[0].headers if name.startswith("x-")} - set(theirs[0].headers)
    assert added == {"x-fal-store-io", "x-fal-object-lifecycle-preference"}
    order.cancel()
    assert steps_of(service.stand_in.calls[-1:]) == [("PUT", "/fal-ai/flux/requests/N/cancel")]


@pytest.mark.parametrize("mode", MODES)
def test_replicate_gets_what_its_own_client_sends(setup: Setup, mode: str) -> None:
    import replicate

    service = Service("replicate", setup)
    ours = calls_of(service, asked(service, mode))
    service.stand_in.calls.clear()
    client = replicate.Client(api_token=service.stand_in.key, base_url=service.stand_in.origin)
    sent = with_pictures(ours[0].json["input"], lambda: _file())
    model = ours[0].path.removeprefix("/v1/models/").removesuffix("/predictions")
    made = client.models.predictions.create(
        model, input=sent, file_encoding_strategy="base64", wait=False
    )
    made.reload()
    assert made.status == "succeeded"
    theirs = list(service.stand_in.calls)
    assert steps_of(ours) == steps_of(theirs)
    assert without_pictures(ours[0].json) == without_pictures(theirs[0].json)
    assert ours[0].headers["authorization"] == theirs[0].headers["authorization"]
    assert not [name for name in ours[0].headers if name.startswith("x-")]
    made.cancel()
    assert steps_of(service.stand_in.calls[-1:]) == [("POST", "/v1/predictions/N/cancel")]


def _file() -> io.BytesIO:
    file = io.BytesIO(PNG)
    file.name = "a.png"
    return file


@pytest.mark.parametrize("mode", ["txt2img", "img2img", "inpaint", "canny"])
def test_a1111_gets_what_its_clients_send(setup: Setup, mode: str) -> None:
    """`webuiapi` sends its defaults for what we leave to the server, and nothing differently."""
    import webuiapi
    from PIL import Image

    service = Service("a1111", setup)
    ours = next(one for one in calls_of(service, asked(service, mode)) if one.method == "POST")
    service.stand_in.calls.clear()
    told, shown = ours.json, Image.open(io.BytesIO(PNG))
    client = webuiapi.WebUIApi(baseurl=service.stand_in.origin + "/sdapi/v1")
    client.set_auth("pentimento", service.stand_in.key)
    same = {
        name: told[name] for name in ("prompt", "negative_prompt", "seed", "steps", "cfg_scale")
    }
    same |= {name: told[name] for name in ("width", "height", "batch_size", "n_iter")}
    if unit := told.get("alwayson_scripts", {}).get("controlnet", {}).get("args"):
        names = ("module", "model", "weight", "resize_mode", "guidance_start", "guidance_end")
        more = {name: unit[0][name] for name in (*names, "control_mode")}
        same["controlnet_units"] = [webuiapi.ControlNetUnit(image=shown, **more)]
    if "init_images" in told:
        same |= {"images": [shown], "denoising_strength": told["denoising_strength"]}
        if "mask" in told:
            names = ("mask_blur", "inpainting_fill", "inpaint_full_res", "inpainting_mask_invert")
            same |= {"mask_image": shown} | {name: told[name] for name in names}
        client.img2img(**same, save_images=False)
    else:
        client.txt2img(**same, save_images=False)
    theirs = [call for call in service.stand_in.calls if call.path == ours.path][-1]
    assert ours.headers["authorization"] == theirs.headers["authorization"]
    sent, expected = _flat(told), _flat(theirs.json)
    assert {name: expected.get(name) for name in sent} == sent


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Paths of fields and their values; pictures by what they are: base64 of a PNG. A script's name
    counts in any case (modules/api/api.py), and a unit counts as enabled where nothing is said."""
    if isinstance(value, dict):
        parts = [
            (f"{name}.{key}".replace("ControlNet", "controlnet"), part)
            for key, part in value.items()
        ]
    elif isinstance(value, list):
        parts = [(f"{name}[{number}]", part) for number, part in enumerate(value)]
    else:
        return {name: _kind(value)}
    return {path: told for key, part in parts for path, told in _flat(part, key).items()}


def _kind(value: Any) -> Any:
    if not isinstance(value, str) or len(value) < 60 or value == WORDS:
        return value
    is_png = base64.b64decode(value.rpartition(",")[2]).startswith(b"\x89PNG")
    return "a PNG" if is_png else "something else"
