"""Stand-in for OpenAI's images API: generations and edits, pictures as base64, errors as OpenAI has
them. Not OpenAI."""

from __future__ import annotations

import base64
import io

from PIL import Image
from tests.remote.standins.base import Call, Reply, StandIn, json_reply, picture

SIZES = ("1024x1024", "1536x1024", "1024x1536", "auto")
KNOWN = {"prompt", "model", "n", "size", "quality", "background", "output_format", "user"}


class OpenAI(StandIn):
    base_path = "/v1"

    def authorized(self, call: Call) -> bool:
        return call.headers.get("authorization") == f"Bearer {self.key}"

    def is_order(self, call: Call) -> bool:
        return call.method == "POST"

    def answer(self, call: Call) -> Reply:
        if call.path == "/v1/models":
            return json_reply(200, {"object": "list", "data": [{"id": "gpt-image-1"}]})
        if call.path == "/v1/images/generations":
            return self._made(call.json)
        if call.path == "/v1/images/edits":
            return self._edited(call)
        return self.refusal(404)

    def _edited(self, call: Call) -> Reply:
        form = call.form
        fields = {
            name: value.decode() for name, value in form.items() if name not in ("image", "mask")
        }
        source = Image.open(io.BytesIO(form["image"]))
        if "mask" in form:
            mask = Image.open(io.BytesIO(form["mask"]))
            if mask.size != source.size or mask.mode != "RGBA":
                return self.refusal(400)
        return self._made(fields)

    def _made(self, fields: dict[str, str]) -> Reply:
        if set(fields) - KNOWN or fields.get("size") not in SIZES:
            return self.refusal(400)
        width, height = (int(side) for side in fields["size"].split("x"))
        return self.with_image(picture(width, height))

    def refusal(self, status: int) -> Reply:
        code = {401: "invalid_api_key", 403: "moderation_blocked"}.get(status, "invalid_value")
        error = {"message": f"no, {self.key}", "type": "invalid_request_error", "code": code}
        return json_reply(status, {"error": error | {"param": None}})

    def with_image(self, image: bytes) -> Reply:
        told = {"created": 1, "data": [{"b64_json": base64.b64encode(image).decode()}]}
        return json_reply(200, told)

    def with_url(self, url: str) -> Reply:
        return json_reply(200, {"created": 1, "data": [{"url": url}]})
