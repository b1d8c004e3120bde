"""Stand-in for AUTOMATIC1111's API with its ControlNet extension: the calls the adapter needs. Not
AUTOMATIC1111."""

from __future__ import annotations

import base64
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


class A1111(StandIn):
    def authorized(self, call: Call) -> bool:
        expected = base64.b64encode(f"pentimento:{self.key}".encode()).decode()
        return call.headers.get("authorization") == f"Basic {expected}"

    def is_order(self, call: Call) -> bool:
        return call.path in ("/sdapi/v1/txt2img", "/sdapi/v1/img2img")

    def answer(self, call: Call) -> Reply:
        if self.is_order(call):
            wanted = call.json
            self.asked.append(_asked(wanted))
            return self.with_image(picture(wanted["width"], wanted["height"]))
        lists = {
            "/sdapi/v1/sd-models": [{"title": "dream [1]", "model_name": "dream"}],
            "/controlnet/model_list": {"model_list": list(UNITS)},
            "/sdapi/v1/interrupt": {},
        }
        found = lists.get(call.path)
        return self.refusal(404) if found is None else json_reply(200, found)

    def refusal(self, status: int) -> Reply:
        return json_reply(status, {"detail": f"not with {self.key}"})

    def with_image(self, image: bytes) -> Reply:
        images = [base64.b64encode(image).decode()]
        return json_reply(200, {"images": images, "parameters": {}, "info": "{}"})


def _asked(wanted: dict[str, Any]) -> Asked:
    """`inpainting_mask_invert` 0: white is repainted."""
    units = wanted.get("alwayson_scripts", {}).get("controlnet", {}).get("args", [])
    return Asked(
        wanted["prompt"],
        (wanted["width"], wanted["height"]),
        from_text((wanted.get("init_images") or [None])[0]),
        from_text(wanted.get("mask")),
        from_text(units[0]["image"]) if units else None,
        wanted.get("denoising_strength"),
        wanted["seed"],
    )
