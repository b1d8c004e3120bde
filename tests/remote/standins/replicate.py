"""Stand-in for Replicate's predictions: created, asked for, cancelled. Not Replicate."""

from __future__ import annotations

from typing import Any

from tests.remote.standins.base import Asked, Call, Reply, from_text, json_reply, picture
from tests.remote.standins.queue import FILES, Queue

ASPECTS = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "9:16": (768, 1344),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
    "5:4": (1152, 896),
    "4:5": (896, 1152),
}
PREDICTIONS = "/v1/predictions/"
ORDERS = (
    "/v1/models/black-forest-labs/flux-dev/predictions",
    "/v1/models/black-forest-labs/flux-fill-dev/predictions",
)


class Replicate(Queue):
    base_path = "/v1"

    def has_key(self, call: Call) -> bool:
        return call.headers.get("authorization") == f"Bearer {self.key}"

    def is_order(self, call: Call) -> bool:
        return call.path in ORDERS

    def answer(self, call: Call) -> Reply:
        if call.path.startswith(FILES):
            return self.file(call)
        if call.path == "/v1/account":
            return json_reply(200, {"type": "user", "username": "me"})
        if call.path in ORDERS:
            return self._ordered(call.json["input"])
        number, _, action = call.path.removeprefix(PREDICTIONS).partition("/")
        if not call.path.startswith(PREDICTIONS):
            return self.refusal(404)
        if action == "cancel":
            return self.take_back(number)
        return json_reply(200, self._prediction(number))

    def _prediction(self, number: str) -> dict[str, Any]:
        if not self.is_done():
            return self._told(number, "processing")
        if self.filtered:
            return self._told(number, "failed") | {"error": "NSFW content detected."}
        return self._told(number, "succeeded") | {"output": [self.url_of(number)]}

    def _ordered(self, order: dict[str, Any]) -> Reply:
        image = from_text(order.get("image"))
        size = image.size if image else ASPECTS[order["aspect_ratio"]]
        mask = from_text(order.get("mask"))
        strength = order.get("prompt_strength")
        self.asked.append(Asked(order["prompt"], size, image, mask, None, strength, order["seed"]))
        return self.with_image(picture(*size))

    def taken(self, number: str) -> Reply:
        return json_reply(201, self._told(number, "starting"))

    def _told(self, number: str, status: str) -> dict[str, Any]:
        url = f"{self.origin}{PREDICTIONS}{number}"
        return {"id": number, "status": status, "urls": {"get": url, "cancel": f"{url}/cancel"}}

    def refusal(self, status: int) -> Reply:
        return json_reply(status, {"title": "No", "detail": f"no, {self.key}", "status": status})
