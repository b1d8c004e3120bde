"""Stand-in for AUTOMATIC1111's API with its ControlNet extension: the calls the adapter needs. Not
AUTOMATIC1111."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from tests.remote.standins.base import (
    Asked,
    Call,
    Reply,
    StandIn,
    from_text,
    json_reply,
    picture,
)

UNITS = ("control_v11p_sd15_canny [d14c016b]", "control_v11p_sd15_scribble [d4ba51ff]")


@dataclass
class A1111(StandIn):
    """`no_map` is what the server calls no preprocessor: Forge, with another name for it, ends its
    ControlNet script in an error that nobody sees, and paints without the map
    (stable-diffusion-webui-forge dfdcbab, supported_preprocessor.py and modules/scripts.py)."""

    no_map: str = "none"
    progress: float = 0.0
    current: str | None = None  # what it shows of its work: base64
    checkpoint: str = ""  # what it paints with by itself
    extension: bool = True  # SD.Next and stable-diffusion.cpp have none

    def authorized(self, call: Call) -> bool:
        expected = base64.b64encode(f"pentimento:{self.key}".encode()).decode()
        return call.headers.get("authorization") == f"Basic {expected}"

    def is_order(self, call: Call) -> bool:
        return call.path in ("/sdapi/v1/txt2img", "/sdapi/v1/img2img")

    def answer(self, call: Call) -> Reply:
        if self.is_order(call):
            wanted = call.json
            self.asked.append(self._asked(wanted))
            return self.with_image(picture(wanted["width"], wanted["height"]))
        lists = {
            "/sdapi/v1/sd-models": [{"title": "dream [1]", "model_name": "dream"}],
            "/sdapi/v1/options": {"sd_model_checkpoint": self.checkpoint, "samples_save": True},
            "/sdapi/v1/progress?skip_current_image=true": self._state(None),
            "/sdapi/v1/progress?skip_current_image=false": self._state(self.current),
            "/sdapi/v1/interrupt": {},
        }
        if self.extension:
            lists |= {
                "/controlnet/model_list": {"model_list": list(UNITS)},
                "/controlnet/module_list": {"module_list": ["canny", self.no_map]},
            }
        found = lists.get(call.path)
        return self.refusal(404) if found is None else json_reply(200, found)

    def _state(self, current: str | None) -> dict[str, Any]:
        """AUTOMATIC1111, modules/api/models.py: ProgressResponse."""
        state = {"job": "scripts_txt2img", "sampling_step": 7, "sampling_steps": 20}
        told = {"progress": self.progress, "eta_relative": 1.0, "textinfo": None}
        return told | {"state": state, "current_image": current}

    def _asked(self, wanted: dict[str, Any]) -> Asked:
        """`inpainting_mask_invert` 0: white is repainted."""
        units = wanted.get("alwayson_scripts", {}).get("controlnet", {}).get("args", [])
        followed = units and units[0]["module"] == self.no_map
        return Asked(
            wanted["prompt"],
            (wanted["width"], wanted["height"]),
            from_text((wanted.get("init_images") or [None])[0]),
            from_text(wanted.get("mask")),
            from_text(units[0]["image"]) if followed else None,
            wanted.get("denoising_strength"),
            wanted["seed"],
        )

    def refusal(self, status: int) -> Reply:
        return json_reply(status, {"detail": f"not with {self.key}"})

    def with_image(self, image: bytes) -> Reply:
        images = [base64.b64encode(image).decode()]
        return json_reply(200, {"images": images, "parameters": {}, "info": "{}"})
