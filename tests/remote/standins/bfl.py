"""Stand-in for Black Forest Labs' API, written from its OpenAPI document (api.bfl.ai/openapi.json):
an order, an address that tells its state, the result at an address of its own. Not their API."""

from __future__ import annotations

from typing import Any

from tests.remote.standins.base import Asked, Call, Reply, from_text, json_reply, picture
from tests.remote.standins.queue import FILES, Queue

RESULT = "/v1/get_result?id="
TEXT = ("flux-2-pro", "flux-2-max", "flux-2-flex", "flux-pro-1.1")
STEERED = ("flux-pro-1.0-canny", "flux-pro-1.0-depth")
FILL = "flux-pro-1.0-fill"
KONTEXT = ("flux-kontext-pro", "flux-kontext-max")  # take no size
SEEN = ("input_image", *(f"input_image_{number}" for number in range(2, 9)))


class BlackForestLabs(Queue):
    """`cost`: what an order's answer tells, in credits; it may be null."""

    cost: float | None = None

    def has_key(self, call: Call) -> bool:
        return call.headers.get("x-key") == self.key

    def is_order(self, call: Call) -> bool:
        return call.method == "POST"

    def answer(self, call: Call) -> Reply:
        if call.path.startswith(FILES):
            return self.file(call)
        if call.path.startswith(RESULT):
            return self._state(call.path.removeprefix(RESULT))
        if call.path == "/v1/credits":
            return json_reply(200, {"credits": 12.5})
        model = call.path.removeprefix("/v1/")
        if self.is_order(call) and model in (*TEXT, *STEERED, *KONTEXT, FILL):
            return self._ordered(model, call.json)
        return self.refusal(404)

    def _state(self, number: str) -> Reply:
        told: dict[str, Any] = {"id": number, "status": "Pending", "result": None, "progress": 0.5}
        if self.is_done():
            told |= {"status": "Ready", "result": {"sample": self.url_of(number), "seed": 1}}
        if self.filtered:
            told |= {"status": "Content Moderated", "result": None}
        return json_reply(200, told)

    def _ordered(self, model: str, order: dict[str, Any]) -> Reply:
        tool = model not in TEXT
        shown = [one for one in (from_text(order.get(name)) for name in SEEN) if one]
        if shown and ((tool and model not in KONTEXT) or model == "flux-pro-1.1"):
            return self.refusal(422)
        steps, guidance = order.get("steps", 50), order.get("guidance", 30)
        if not order.get("prompt") or not (15 <= steps <= 50 and 1 <= guidance <= 100):
            return self.refusal(422)
        if tool == ("width" in order):  # the tools take the size of their picture
            return self.refusal(422)
        image, mask = from_text(order.get("image")), from_text(order.get("mask"))
        control = from_text(order.get("preprocessed_image"))
        source = image or control or (shown[0] if shown else None)
        size = source.size if source and tool else (order["width"], order["height"])
        image = image or (shown[0] if shown else None)
        asked = Asked(order["prompt"], size, image, mask, control, seed=order.get("seed"))
        asked.references = shown[1:]
        self.asked.append(asked)
        return self.with_image(picture(*size))

    def taken(self, number: str) -> Reply:
        told = {"id": number, "polling_url": f"{self.origin}{RESULT}{number}", "cost": self.cost}
        return json_reply(200, told)

    def take_back(self, number: str) -> Reply:
        raise NotImplementedError  # there is no such call

    def refusal(self, status: int) -> Reply:
        return json_reply(status, {"detail": f"no, {self.key}"})
