"""Stand-in for OpenRouter's images API, written from the types of its own clients: openrouter
1.3.84 (PyPI) and @openrouter/sdk 1.3.19 (npm). Not OpenRouter."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from tests.remote.standins.base import Asked, Call, Reply, StandIn, from_text, json_reply, picture

SIZES = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "9:16": (768, 1344),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
    "4:3": (1152, 896),
    "3:4": (896, 1152),
}
MODELS = ("bytedance-seed/seedream-4.5", "google/gemini-3.1-flash-image")
FIELDS = {"model", "prompt", "n", "aspect_ratio", "background", "input_references", "provider"}
FIELDS |= {"output_compression", "output_format", "quality", "resolution", "seed", "size", "user"}


@dataclass
class OpenRouter(StandIn):
    filtered: bool = False

    base_path = "/api/v1"

    def authorized(self, call: Call) -> bool:
        public = call.path == "/api/v1/images/models"
        return public or call.headers.get("authorization") == f"Bearer {self.key}"

    def is_order(self, call: Call) -> bool:
        return call.method == "POST"

    def answer(self, call: Call) -> Reply:
        if call.path == "/api/v1/key":
            return json_reply(200, {"data": {"label": "mine", "limit": None}})
        if call.path == "/api/v1/images/models":
            return json_reply(200, {"data": [{"id": name} for name in MODELS]})
        if call.path != "/api/v1/images":
            return self.refusal(404)
        return self._ordered(call.json)

    def _ordered(self, order: dict[str, Any]) -> Reply:
        if set(order) - FIELDS or not order.get("prompt") or order["aspect_ratio"] not in SIZES:
            return self.refusal(400)
        if order["model"] not in MODELS:
            return self._error(404, "No endpoints found for " + order["model"])
        sent = order.get("input_references", [])
        if any(set(one) != {"type", "image_url"} for one in sent):
            return self.refusal(400)
        shown = [one for one in (from_text(one["image_url"]["url"]) for one in sent) if one]
        size = SIZES[order["aspect_ratio"]]
        image = shown[0] if shown else None
        self.asked.append(Asked(order["prompt"], size, image, references=shown[1:]))
        if self.filtered:
            return self._error(403, "Flagged", {"reasons": ["violence"], "flagged_input": "…"})
        return self.with_image(picture(*size))

    def with_image(self, image: bytes) -> Reply:
        data = [{"b64_json": base64.b64encode(image).decode(), "media_type": "image/png"}]
        usage = {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9, "cost": 0.04}
        return json_reply(200, {"created": 1, "data": data, "usage": usage})

    def refusal(self, status: int) -> Reply:
        return self._error(status, "no")

    def _error(self, status: int, message: str, metadata: Any = None) -> Reply:
        error = {"code": status, "message": f"{message} {self.key}", "metadata": metadata}
        return json_reply(status, {"error": error, "user_id": "user_1"})
