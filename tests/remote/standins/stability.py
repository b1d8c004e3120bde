"""Stand-in for Stability AI's v2beta API: forms in, base64 in JSON out. Not Stability AI."""

from __future__ import annotations

import base64

from tests.remote.standins.base import Asked, Call, Reply, StandIn, json_reply, opened, picture

ASPECTS = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "9:16": (768, 1344),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
    "5:4": (1152, 896),
    "4:5": (896, 1152),
    "21:9": (1536, 640),
    "9:21": (640, 1536),
}
CALLS = "/v2beta/stable-image/"
KNOWN = {
    "generate/sd3": {"prompt", "mode", "image", "strength", "aspect_ratio", "model", "seed"},
    "edit/inpaint": {"prompt", "image", "mask", "grow_mask", "seed"},
    "control/structure": {"prompt", "image", "control_strength", "seed"},
    "control/sketch": {"prompt", "image", "control_strength", "seed"},
}
EVERYWHERE = {"negative_prompt", "output_format"}


class Stability(StandIn):
    base_path = "/v2beta"
    filtered = False

    def authorized(self, call: Call) -> bool:
        return call.headers.get("authorization") == f"Bearer {self.key}"

    def is_order(self, call: Call) -> bool:
        return call.method == "POST"

    def answer(self, call: Call) -> Reply:
        if call.path == "/v1/user/balance":
            return json_reply(200, {"credits": 12.5})
        name = call.path.removeprefix(CALLS)
        return self._ordered(name, call.form) if name in KNOWN else self.refusal(404)

    def _ordered(self, name: str, form: dict[str, bytes]) -> Reply:
        if set(form) - KNOWN[name] - EVERYWHERE:
            return self.refusal(400)
        image = opened(form["image"]) if "image" in form else None
        mask = opened(form["mask"]) if "mask" in form else None
        told = {key: value.decode() for key, value in form.items() if key not in ("image", "mask")}
        size = image.size if image else ASPECTS[told["aspect_ratio"]]
        steered = name.startswith("control/")
        self.asked.append(
            Asked(
                told["prompt"],
                size,
                None if steered else image,
                mask,
                image if steered else None,
                float(told["strength"]) if "strength" in told else None,
                int(told["seed"]),
            )
        )
        if self.filtered:
            answer = {"image": "", "finish_reason": "CONTENT_FILTERED", "seed": 1}
            return json_reply(200, answer)
        return self.with_image(picture(*size))

    def refusal(self, status: int) -> Reply:
        name = "content_moderation" if status == 403 else "bad_request"
        return json_reply(status, {"id": "1", "name": name, "errors": [f"no, {self.key}"]})

    def with_image(self, image: bytes) -> Reply:
        told = {"image": base64.b64encode(image).decode(), "finish_reason": "SUCCESS", "seed": 5}
        return json_reply(200, told)
