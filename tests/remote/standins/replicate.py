"""Stand-in for Replicate's predictions: created, asked for, cancelled. Not Replicate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.remote.standins.base import Asked, Call, Reply, from_text, json_reply, picture
from tests.remote.standins.queue import FILES, Queue

ASPECTS = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "9:16": (768, 1344),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
    "4:3": (1152, 896),  # cog-flux 51e81e0, predict.py
    "3:4": (896, 1152),
    "5:4": (1088, 896),
    "4:5": (896, 1088),
}
PREDICTIONS = "/v1/predictions/"
ORDERS = (
    "/v1/models/black-forest-labs/flux-dev/predictions",
    "/v1/models/black-forest-labs/flux-fill-dev/predictions",
    "/v1/models/black-forest-labs/flux-canny-dev/predictions",
)


TYPED = {  # inputs, from the models' API pages at replicate.com, and whether `output` is a list
    "black-forest-labs/flux-2-pro": (
        {"prompt", "input_images", "aspect_ratio", "resolution", "width", "height"}
        | {"safety_tolerance", "seed", "output_format", "output_quality"},
        False,
    ),
    "google/nano-banana-2": ({"prompt", "image_input", "aspect_ratio", "output_format"}, False),
    "google/nano-banana-pro": (
        {"prompt", "image_input", "aspect_ratio", "output_format", "resolution"},
        False,
    ),
    "black-forest-labs/flux-kontext-pro": (
        {"prompt", "input_image", "aspect_ratio", "prompt_upsampling", "seed", "output_format"}
        | {"safety_tolerance"},
        False,
    ),
    "qwen/qwen-image-edit-plus": (
        {"prompt", "image", "aspect_ratio", "go_fast", "seed", "output_format", "output_quality"}
        | {"disable_safety_checker"},
        True,
    ),
}
LISTS = ("input_images", "image_input")
MODEL = "/v1/models/"


@dataclass
class Replicate(Queue):
    _listed: dict[str, bool] = field(default_factory=dict)

    base_path = "/v1"

    def has_key(self, call: Call) -> bool:
        return call.headers.get("authorization") == f"Bearer {self.key}"

    def is_order(self, call: Call) -> bool:
        return call.path in ORDERS or self._typed_model(call) in TYPED

    @staticmethod
    def _typed_model(call: Call) -> str:
        return call.path.removeprefix(MODEL).removesuffix("/predictions")

    def answer(self, call: Call) -> Reply:
        if call.path.startswith(FILES):
            return self.file(call)
        if call.path == "/v1/account":
            return json_reply(200, {"type": "user", "username": "me"})
        if call.path in ORDERS:
            return self._ordered(call.json["input"])
        if self.is_order(call):
            return self._typed(call.json["input"], *TYPED[self._typed_model(call)])
        number, _, action = call.path.removeprefix(PREDICTIONS).partition("/")
        if not call.path.startswith(PREDICTIONS):
            return self.refusal(404)
        if action == "cancel":
            self.take_back(number)
            return json_reply(200, self._told(number, "canceled"))
        return json_reply(200, self._prediction(number))

    def _prediction(self, number: str) -> dict[str, Any]:
        if not self.is_done():
            return self._told(number, "processing")
        if self.filtered:
            return self._told(number, "failed") | {"error": "NSFW content detected."}
        return self._told(number, "succeeded") | {"output": self._output(number)}

    def _output(self, number: str) -> list[str] | str:
        """One picture is its address alone at some models."""
        url = self.url_of(number)
        return [url] if self._listed.get(number, True) else url

    def _typed(self, order: dict[str, Any], known: set[str], listed: bool) -> Reply:
        sent: list[str] = []
        for name in ("input_images", "image_input", "input_image", "image"):
            value = order.get(name, [])
            one = name not in LISTS and name != "image"  # Qwen's is a list
            if name in order and name != "image" and one == isinstance(value, list):
                return self.refusal(422)
            sent += value if isinstance(value, list) else [value]
        if set(order) - known or not order.get("prompt"):
            return self.refusal(422)
        shown = [one for one in map(from_text, sent) if one]
        image = shown[0] if shown else None
        size = image.size if image else ASPECTS[order["aspect_ratio"]]
        asked = Asked(order["prompt"], size, image, seed=order.get("seed"), references=shown[1:])
        self.asked.append(asked)
        self._listed[str(len(self.pictures))] = listed
        return self.with_image(picture(*size))

    def _ordered(self, order: dict[str, Any]) -> Reply:
        control = from_text(order.get("control_image"))
        tool = control is not None or "mask" in order  # cog-flux 51e81e0, predict.py
        if (
            order.get("guidance", 3) > (100 if tool else 10)
            or not 1 <= order.get("num_inference_steps", 28) <= 50
        ):
            return self.refusal(422)
        image = from_text(order.get("image"))
        shown = image or control
        size = shown.size if shown else ASPECTS[order["aspect_ratio"]]
        mask = from_text(order.get("mask"))
        strength = order.get("prompt_strength")
        # go_fast is on by default, and then the seed is not followed
        seed = None if order.get("go_fast", True) else order["seed"]
        self.asked.append(Asked(order["prompt"], size, image, mask, control, strength, seed))
        return self.with_image(picture(*size))

    def taken(self, number: str) -> Reply:
        return json_reply(201, self._told(number, "starting"))

    def _told(self, number: str, status: str) -> dict[str, Any]:
        url = f"{self.origin}{PREDICTIONS}{number}"
        told = {"id": number, "status": status, "model": "x/y", "version": "hidden"}
        return told | {"urls": {"get": url, "cancel": f"{url}/cancel"}}

    def refusal(self, status: int) -> Reply:
        return json_reply(status, {"title": "No", "detail": f"no, {self.key}", "status": status})
