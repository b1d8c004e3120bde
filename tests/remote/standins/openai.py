"""Stand-in for OpenAI's images API: generations and edits, pictures as base64, errors as OpenAI has
them. Not OpenAI."""

from __future__ import annotations

import base64

from PIL import Image, ImageOps
from tests.remote.standins.base import (
    Asked,
    Call,
    Reply,
    StandIn,
    json_reply,
    opened,
    picture,
)

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
        source, mask = opened(form["image"]), None
        if "mask" in form:
            sent = opened(form["mask"])
            if sent.size != source.size or sent.mode != "RGBA":
                return self.refusal(400)
            mask = ImageOps.invert(sent.getchannel("A"))
        return self._made(fields, source, mask)

    def _made(
        self,
        fields: dict[str, str],
        source: Image.Image | None = None,
        mask: Image.Image | None = None,
    ) -> Reply:
        if set(fields) - KNOWN or fields.get("size") not in SIZES:
            return self.refusal(400)
        width, height = (int(side) for side in fields["size"].split("x"))
        self.asked.append(Asked(fields["prompt"], (width, height), source, mask))
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
