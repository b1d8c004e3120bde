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
        number, _, action = call.path.removeprefix(REQUESTS).partition("/")
        if not call.path.startswith(REQUESTS) or not number.isdigit():
            return self.refusal(404)
        if action == "cancel" and call.method == "PUT":
            return self.take_back(number)
        if action == "status":
            done = self.is_done()
            return json_reply(200 if done else 202, {"status": "COMPLETED" if done else "IN_QUEUE"})
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

    def taken(self, number: str) -> Reply:
        url = f"{self.origin}{REQUESTS}{number}"
        told = {"status_url": f"{url}/status", "cancel_url": f"{url}/cancel"}
        return json_reply(200, {"request_id": number, "response_url": url} | told)

    def refusal(self, status: int) -> Reply:
        locked = "User is locked. Reason: Exhausted balance."
        detail = {403: locked, 422: [{"type": "content_policy_violation"}]}
        return json_reply(status, {"detail": detail.get(status, f"no, {self.key}")})
