"""AUTOMATIC1111's API, as Forge, SD.Next and stable-diffusion.cpp speak it too; ControlNet where
the server has the extension."""

from __future__ import annotations

import base64
from typing import Any

from pentimento.services.adapter import ControlMap, ImageRequest, ImageResult
from pentimento.services.convert import base64_of, from_base64
from pentimento.services.problems import RemoteProblem
from pentimento.services.records import Operation
from pentimento.services.refusals import by_words, text_of
from pentimento.services.session import ServiceAnswer, ServiceSession

KARRAS = " Karras"
INTERRUPT = ("POST", "sdapi/v1/interrupt")
WORDS = {  # AUTOMATIC1111, modules/api/api.py
    "outofmemoryerror": "out_of_memory_there",
    "out of memory": "out_of_memory_there",
    "invalid encoded image": "picture_refused",
    "sampler not found": "bad_values",
    "script not found": "no_maps_there",
}
ORIGINAL = 1  # inpainting_fill: begin with what is there


def auth(key: str) -> dict[str, str]:
    """The key is `user:password` of --api-auth; without a colon it is the password."""
    pair = key if ":" in key else f"pentimento:{key}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def paint(ask: ImageRequest, line: ServiceSession) -> ImageResult:
    fields = _fields(ask) | _source(ask)
    if ask.control:
        unit = _unit(ask.control, line)
        fields["alwayson_scripts"] = {"controlnet": {"args": [unit]}}
    call = "txt2img" if ask.operation is Operation.TXT2IMG else "img2img"
    answer = line.order(f"sdapi/v1/{call}", undo=INTERRUPT, glance=_progress, json=fields)
    return ImageResult(from_base64(answer.find("images", 0), line.problem("bad_answer")))


def check(line: ServiceSession) -> None:
    line.look("sdapi/v1/sd-models")


def observe(line: ServiceSession) -> tuple[str, bool]:
    """SD.Next and stable-diffusion.cpp have no calls of the ControlNet extension."""
    return str(_asked(line, "sdapi/v1/options", "sd_model_checkpoint") or ""), _takes_maps(line)


def _asked(line: ServiceSession, path: str, name: str) -> Any:
    """None where the server has no such call, or no such value."""
    try:
        return line.look(path).json().get(name)
    except (RemoteProblem, AttributeError):
        return None


def _takes_maps(line: ServiceSession) -> bool:
    return isinstance(_asked(line, "controlnet/model_list", "model_list"), list)


def models(line: ServiceSession) -> list[str]:
    listed = line.look("sdapi/v1/sd-models").json()
    found = listed if isinstance(listed, list) else []
    return [
        str(one["model_name"]) for one in found if isinstance(one, dict) and "model_name" in one
    ]


def meaning(answer: ServiceAnswer) -> str | None:
    return by_words(text_of(answer), WORDS) or ("no_such_call" if answer.status == 404 else None)


def _progress(line: ServiceSession) -> None:
    """Of whatever the server computes at the moment; it has one job at a time."""
    skip = "false" if line.shows else "true"
    told = line.look("sdapi/v1/progress", params={"skip_current_image": skip})
    share = told.find("progress")
    if not isinstance(share, int | float) or not 0 < share <= 1:
        return
    line.say(f"{line.address.title} is painting", float(share))
    whole = told.json()
    if picture := whole.get("current_image"):  # none where live previews are off
        state = whole.get("state")
        step = state.get("sampling_step") if isinstance(state, dict) else 0
        seen = from_base64(picture, line.problem("bad_answer"))
        line.show(seen, step if isinstance(step, int) else 0)


def _fields(ask: ImageRequest) -> dict[str, Any]:
    """What is None is left out: the server's own default counts there."""
    sampler = ask.sampler or ""
    karras = sampler.endswith(KARRAS)
    fields = {
        "prompt": ask.prompt,
        "negative_prompt": ask.negative_prompt,
        "width": ask.size.width,
        "height": ask.size.height,
        "seed": -1 if ask.seed is None else ask.seed,
        "steps": ask.steps,
        "cfg_scale": ask.guidance,
        "sampler_name": sampler.removesuffix(KARRAS) or None,
        "scheduler": "karras" if karras else None,  # stable-diffusion.cpp knows small letters only
        "batch_size": 1,
        "n_iter": 1,
        "save_images": False,
        "send_images": True,
        "override_settings": {"sd_model_checkpoint": ask.model} if ask.model else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _source(ask: ImageRequest) -> dict[str, Any]:
    if ask.image is None:
        return {}
    fields: dict[str, Any] = {
        "init_images": [base64_of(ask.image)],
        "denoising_strength": ask.strength,
        "resize_mode": 0,
    }
    if ask.mask:
        fields |= {
            "mask": base64_of(ask.mask),
            "mask_blur": 0,
            "inpainting_fill": ORIGINAL,
            "inpaint_full_res": False,
            "inpainting_mask_invert": 0,
        }
    return fields


def _unit(control: ControlMap, line: ServiceSession) -> dict[str, Any]:
    return {
        "enabled": True,
        "module": _no_preprocessor(line),
        "model": _control_model(control.type, line),
        "weight": control.weight,
        "image": base64_of(control.image),
        "resize_mode": "Just Resize",
        "guidance_start": control.start,
        "guidance_end": control.end,
        "control_mode": "Balanced",
    }


def _no_preprocessor(line: ServiceSession) -> str:
    """What the server calls it: `none` in AUTOMATIC1111's extension, `None` in Forge, which paints
    without the map, silently, when it is asked for the other."""
    if not _takes_maps(line):
        raise line.problem("no_maps_there")
    listed = line.look("controlnet/module_list").find("module_list")
    names = [str(name) for name in listed] if isinstance(listed, list) else []
    return next((name for name in names if name.lower() == "none"), "none")


def _control_model(kind: str, line: ServiceSession) -> str:
    """The server's first ControlNet whose name says that it was made for such maps."""
    listed = line.look("controlnet/model_list").find("model_list")
    names = [str(name) for name in listed] if isinstance(listed, list) else []
    for name in names:
        if kind in name.lower():
            return name
    raise line.problem("control_missing", missing=kind)
