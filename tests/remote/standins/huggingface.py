"""Stand-in for HuggingFace's Inference Providers: JSON in, a picture out. Not HuggingFace."""

from __future__ import annotations

from tests.remote.standins.base import (
    Asked,
    Call,
    Reply,
    StandIn,
    from_text,
    json_reply,
    picture,
)

MODELS = "/hf-inference/models/"


class HuggingFace(StandIn):
    base_path = "/hf-inference"

    def authorized(self, call: Call) -> bool:
        return call.headers.get("authorization") == f"Bearer {self.key}"

    def is_order(self, call: Call) -> bool:
        return call.method == "POST"

    def answer(self, call: Call) -> Reply:
        if call.path == "/v1/models":
            return json_reply(200, {"object": "list", "data": []})
        if not call.path.startswith(MODELS):
            return self.refusal(404)
        parameters = call.json["parameters"]
        if "target_size" in parameters:
            size, image = parameters["target_size"], from_text(call.json["inputs"])
            prompt = parameters["prompt"]
        else:
            size, image, prompt = parameters, None, call.json["inputs"]
        width, height = size["width"], size["height"]
        self.asked.append(Asked(prompt, (width, height), image, seed=parameters["seed"]))
        return self.with_image(picture(width, height))

    def refusal(self, status: int) -> Reply:
        told = {"error": f"no, {self.key}"}
        return json_reply(status, told | ({"estimated_time": 20.0} if status == 503 else {}))

    def with_image(self, image: bytes) -> Reply:
        return 200, {"Content-Type": "image/png"}, image
