"""Stand-in for Google's Gemini API, written from the requests of google-genai 3.6.1 (its types
`GenerateContentConfig`, `ImageConfig`, `FinishReason`) and the API's documented errors: a wrong key
is 400 with the reason API_KEY_INVALID, and withheld pictures are a success without one. Not Google.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from tests.remote.standins.base import Asked, Call, Reply, StandIn, json_reply, opened, picture

SIZES = {
    "1:1": (1024, 1024),
    "16:9": (1376, 768),
    "9:16": (768, 1376),
    "3:2": (1264, 848),
    "2:3": (848, 1264),
    "4:3": (1200, 896),
    "3:4": (896, 1200),
    "5:4": (1152, 928),
    "4:5": (928, 1152),
    "21:9": (1584, 672),
}
MODELS = ("gemini-3.1-flash-image", "gemini-3-pro-image")  # 2.5-flash-image is shut down
STATUSES = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


@dataclass
class Gemini(StandIn):
    """`finish` is why the next pictures end; `free` means an account that pays nothing."""

    finish: str = "STOP"
    blocked: str = ""
    free: bool = False
    abroad: bool = False

    base_path = "/v1"

    @property
    def filtered(self) -> bool:
        return self.finish != "STOP"

    @filtered.setter
    def filtered(self, value: bool) -> None:
        self.finish = "IMAGE_SAFETY" if value else "STOP"

    def authorized(self, call: Call) -> bool:
        return call.headers.get("x-goog-api-key") == self.key

    def is_order(self, call: Call) -> bool:
        return call.method == "POST"

    def answer(self, call: Call) -> Reply:
        if call.path.split("?")[0] == "/v1/models":
            listed = [
                {"name": f"models/{name}", "supportedGenerationMethods": ["generateContent"]}
                for name in (*MODELS, "gemini-3.5-pro")
            ]
            embedding = {"name": "models/image-embedding", "supportedGenerationMethods": ["embed"]}
            return json_reply(200, {"models": [*listed, embedding]})
        model, _, method = call.path.removeprefix("/v1/models/").partition(":")
        if method != "generateContent" or model not in MODELS:
            return self.refusal(404)
        if self.abroad:
            message = "User location is not supported for the API use."
            return self._error(400, "FAILED_PRECONDITION", message)
        if self.free:
            message = "Quota exceeded for metric: generate_content_free_tier_requests, limit: 0"
            return self._error(429, "RESOURCE_EXHAUSTED", message)
        return self._ordered(call.json)

    def _ordered(self, order: dict[str, Any]) -> Reply:
        wanted = order["generationConfig"]
        if set(order) - {"contents", "generationConfig", "safetySettings"}:
            return self.refusal(400)
        if wanted.get("responseModalities") != ["IMAGE"]:
            return self.refusal(400)
        shape = wanted["imageConfig"]
        if shape["aspectRatio"] not in SIZES or shape.get("imageSize") not in ("1K", "2K", "4K"):
            return self.refusal(400)
        (content,) = order["contents"]
        words = [part["text"] for part in content["parts"] if "text" in part]
        shown = [
            opened(base64.b64decode(part["inlineData"]["data"]))
            for part in content["parts"]
            if "inlineData" in part
        ]
        size = SIZES[shape["aspectRatio"]]
        image = shown[0] if shown else None
        self.asked.append(Asked(words[0], size, image, references=shown[1:]))
        if self.blocked:
            return json_reply(200, {"promptFeedback": {"blockReason": self.blocked}})
        if self.filtered:
            candidate = {"finishReason": self.finish, "index": 0}
            return json_reply(200, {"candidates": [candidate]})
        return self.with_image(picture(*size))

    def with_image(self, image: bytes) -> Reply:
        thought = {"inlineData": {"mimeType": "image/png", "data": "QUJD"}, "thought": True}
        data = base64.b64encode(image).decode()
        made = {"inlineData": {"mimeType": "image/png", "data": data}}
        parts = [thought, {"text": "Here it is."}, made]
        candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP"}
        return json_reply(200, {"candidates": [candidate], "modelVersion": MODELS[0]})

    def refusal(self, status: int) -> Reply:
        if status == 401:
            detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo"}
            detail |= {"reason": "API_KEY_INVALID", "domain": "googleapis.com"}
            return self._error(400, "INVALID_ARGUMENT", "API key not valid.", detail)
        return self._error(status, STATUSES.get(status, "UNKNOWN"), "no")

    def _error(self, status: int, name: str, message: str, *details: dict[str, str]) -> Reply:
        error = {"code": status, "message": f"{message} {self.key}", "status": name}
        return json_reply(status, {"error": error | {"details": [*details]}})
