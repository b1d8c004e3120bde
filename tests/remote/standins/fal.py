"""Stand-in for fal's queue: orders, state and result, all at addresses it tells. Not fal."""

from __future__ import annotations

from typing import Any

from tests.remote.standins.base import Asked, Call, Reply, from_text, json_reply, picture
from tests.remote.standins.queue import FILES, Queue

REQUESTS = "/fal-ai/flux/requests/"
MODELS = (
    "/fal-ai/flux/dev",
    "/fal-ai/flux/dev/image-to-image",
    "/fal-ai/flux-lora/inpainting",
    "/fal-ai/flux-general",
)
COMMON = {"prompt", "seed", "output_format", "sync_mode"}
SAMPLING = {"guidance_scale", "num_images", "enable_safety_checker"}
TYPED = {  # inputs of other makers' models: the types of @fal-ai/client 1.10.1 (endpoints.d.ts)
    "fal-ai/flux-2-pro": COMMON | {"image_size", "enable_safety_checker", "safety_tolerance"},
    "fal-ai/flux-2-pro/edit": COMMON
    | {"image_size", "image_urls", "enable_safety_checker", "safety_tolerance"},
    "fal-ai/nano-banana/edit": COMMON | {"aspect_ratio", "image_urls", "num_images"},
    "fal-ai/nano-banana-pro/edit": COMMON
    | {"aspect_ratio", "image_urls", "num_images", "resolution"},
    "fal-ai/nano-banana-pro": COMMON | {"aspect_ratio", "num_images", "resolution"},
    "fal-ai/qwen-image": COMMON
    | SAMPLING
    | {"image_size", "num_inference_steps", "negative_prompt", "acceleration"},
    "fal-ai/qwen-image-edit-plus": COMMON
    | SAMPLING
    | {"image_size", "image_urls", "num_inference_steps", "negative_prompt", "acceleration"},
    "fal-ai/flux-pro/kontext": COMMON
    | {"aspect_ratio", "image_url", "guidance_scale", "num_images", "safety_tolerance"},
}
NEEDED = ("image_url", "image_urls")
SHAPES = {"1:1": (1024, 1024), "16:9": (1344, 768), "3:2": (1216, 832), "2:3": (832, 1216)}


class Fal(Queue):
    def has_key(self, call: Call) -> bool:
        return call.headers.get("authorization") == f"Key {self.key}"

    def is_order(self, call: Call) -> bool:
        return call.method == "POST"

    def answer(self, call: Call) -> Reply:
        if call.path.startswith(FILES):
            return self.file(call)
        if call.path in MODELS:
            return self._ordered(call.json)
        if call.path[1:] in TYPED and self.is_order(call):
            return self._typed(call.json, TYPED[call.path[1:]])
        path = call.path.partition("?")[0]  # their client says whether it wants logs
        number, _, action = path.removeprefix(REQUESTS).partition("/")
        if not call.path.startswith(REQUESTS) or not number.isdigit():
            return self.refusal(404)
        if action == "cancel" and call.method == "PUT":
            return self.take_back(number)
        if action == "status":
            if self.is_done():
                return json_reply(200, {"status": "COMPLETED", "logs": None, "metrics": {}})
            return json_reply(202, {"status": "IN_QUEUE", "queue_position": 1})
        images = [{"url": self.url_of(number), "content_type": "image/png"}]
        return json_reply(200, {"images": images, "has_nsfw_concepts": [self.filtered]})

    def _ordered(self, order: dict[str, Any]) -> Reply:
        size = (order["image_size"]["width"], order["image_size"]["height"])
        nets = order.get("controlnets")
        self.asked.append(
            Asked(
                order["prompt"],
                size,
                from_text(order.get("image_url")),
                from_text(order.get("mask_url")),
                from_text(nets[0]["control_image_url"]) if nets else None,
                order.get("strength"),
                order["seed"],
            )
        )
        return self.with_image(picture(*size))

    def _typed(self, order: dict[str, Any], known: set[str]) -> Reply:
        lacks = [name for name in NEEDED if name in known and not order.get(name)]
        if set(order) - known or lacks or not order.get("prompt"):
            return json_reply(422, {"detail": [{"type": "value_error"}]})
        sent = order.get("image_urls") or [order[name] for name in ("image_url",) if name in order]
        shown = [one for one in map(from_text, sent) if one]
        size = SHAPES[order.get("aspect_ratio", "1:1")]
        if "image_size" in order:
            size = (order["image_size"]["width"], order["image_size"]["height"])
        elif shown:
            size = shown[0].size
        image = shown[0] if shown else None
        asked = Asked(order["prompt"], size, image, seed=order.get("seed"), references=shown[1:])
        self.asked.append(asked)
        return self.with_image(picture(*size))

    def taken(self, number: str) -> Reply:
        url = f"{self.origin}{REQUESTS}{number}"
        told = {"status_url": f"{url}/status", "cancel_url": f"{url}/cancel"}
        return json_reply(200, {"request_id": number, "response_url": url} | told)

    def refusal(self, status: int) -> Reply:
        locked = "User is locked. Reason: Exhausted balance."
        detail = {403: locked, 422: [{"type": "content_policy_violation"}]}
        return json_reply(status, {"detail": detail.get(status, f"no, {self.key}")})
