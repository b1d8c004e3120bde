"""AUTOMATIC1111's API, as Forge, SD.Next and stable-diffusion.cpp speak it too; ControlNet where
the server has the extension."""

from __future__ import annotations

import base64
from typing import Any

from pentimento.backends.remote.adapter import Ask, ControlMap, Painted
from pentimento.backends.remote.convert import base64_of, from_base64
from pentimento.backends.remote.services import Operation
from pentimento.backends.remote.session import Answer, Line

KARRAS = " Karras"
INTERRUPT = ("POST", "sdapi/v1/interrupt")
ORIGINAL = 1  # inpainting_fill: begin with what is there


def auth(key: str) -> dict[str, str]:
    """The key is `user:password` of --api-auth; without a colon it is the password."""
    pair = key if ":" in key else f"pentimento:{key}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def paint(ask: Ask, line: Line) -> Painted:
    fields = _fields(ask) | _source(ask)
    if ask.control:
        unit = _unit(ask.control, line)
        fields["alwayson_scripts"] = {"controlnet": {"args": [unit]}}
    call = "txt2img" if ask.operation is Operation.TXT2IMG else "img2img"
    answer = line.order(f"sdapi/v1/{call}", undo=INTERRUPT, json=fields)
    return Painted(from_base64(answer.find("images", 0), line.problem("bad_answer")))


def check(line: Line) -> None:
    line.look("sdapi/v1/sd-models")


def models(line: Line) -> list[str]:
    listed = line.look("sdapi/v1/sd-models").json()
    found = listed if isinstance(listed, list) else []
    return [
        str(one["model_name"]) for one in found if isinstance(one, dict) and "model_name" in one
    ]


def meaning(answer: Answer) -> str | None:
    return None


def _fields(ask: Ask) -> dict[str, Any]:
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
        "scheduler": KARRAS.strip() if karras else None,
        "batch_size": 1,
        "n_iter": 1,
        "save_images": False,
        "send_images": True,
        "override_settings": {"sd_model_checkpoint": ask.model} if ask.model else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _source(ask: Ask) -> dict[str, Any]:
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


def _unit(control: ControlMap, line: Line) -> dict[str, Any]:
    return {
        "enabled": True,
        "module": "none",
        "model": _control_model(control.type, line),
        "weight": control.weight,
        "image": base64_of(control.image),
        "resize_mode": "Just Resize",
        "guidance_start": control.start,
        "guidance_end": control.end,
        "control_mode": "Balanced",
    }


def _control_model(kind: str, line: Line) -> str:
    """The server's first ControlNet whose name says that it was made for such maps."""
    listed = line.look("controlnet/model_list").find("model_list")
    names = [str(name) for name in listed] if isinstance(listed, list) else []
    for name in names:
        if kind in name.lower():
            return name
    raise line.problem("service_error", missing=f"a ControlNet for {kind} maps")
