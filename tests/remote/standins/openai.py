"""Stand-in for OpenAI's images API: generations and edits, pictures as base64, errors as OpenAI has
them. Not OpenAI."""

from __future__ import annotations

import base64
from collections.abc import Sequence

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

LEAST, MOST, STEP, LONGEST = 655_360, 8_294_400, 16, 3  # px; the rule of gpt-image-2 and later
MODELS = ("gpt-image-2.6-flare", "gpt-image-2.6-sunburst")  # gpt-image-1 is shut down
KNOWN = {"prompt", "model", "n", "size", "quality", "background", "output_format", "user"}


class OpenAI(StandIn):
    """`usage`: what answers count, where they do."""

    base_path = "/v1"
    usage: object = None

    def authorized(self, call: Call) -> bool:
        return call.headers.get("authorization") == f"Bearer {self.key}"

    def is_order(self, call: Call) -> bool:
        return call.method == "POST"

    def answer(self, call: Call) -> Reply:
        if call.path == "/v1/models":
            named = [{"id": name} for name in MODELS]
            return json_reply(200, {"object": "list", "data": [{"id": "gpt-chat"}, *named]})
        if call.path == "/v1/images/generations":
            return self._made(call.json)
        if call.path == "/v1/images/edits":
            return self._edited(call)
        return self.refusal(404)

    def _edited(self, call: Call) -> Reply:
        form, shown = call.form, call.pictures_in("image", "image[]")
        fields = {
            name: value.decode()
            for name, value in form.items()
            if name not in ("image", "image[]", "mask")
        }
        if not shown or ("image" in form and len(shown) > 1):
            return self.refusal(400)
        source, mask = shown[0], None
        if "mask" in form:
            sent = opened(form["mask"])
            if sent.size != source.size or sent.mode != "RGBA":
                return self.refusal(400)
            mask = ImageOps.invert(sent.getchannel("A"))
        return self._made(fields, source, mask, shown[1:])

    def _made(
        self,
        fields: dict[str, str],
        source: Image.Image | None = None,
        mask: Image.Image | None = None,
        references: Sequence[Image.Image] = (),
    ) -> Reply:
        width, height = (int(side) for side in fields["size"].split("x"))
        fits = LEAST <= width * height <= MOST and width % STEP == height % STEP == 0
        if set(fields) - KNOWN or not fits or max(width, height) > LONGEST * min(width, height):
            return self.refusal(400)
        if fields.get("model", MODELS[0]) not in MODELS:
            return self._no_model()
        asked = Asked(fields["prompt"], (width, height), source, mask, references=[*references])
        self.asked.append(asked)
        return self.with_image(picture(width, height))

    def _no_model(self) -> Reply:
        error = {"message": "The model does not exist", "type": "invalid_request_error"}
        return json_reply(404, {"error": error | {"code": "model_not_found", "param": "model"}})

    def refusal(self, status: int) -> Reply:
        code = {401: "invalid_api_key", 403: "moderation_blocked"}.get(status, "invalid_value")
        error = {"message": f"no, {self.key}", "type": "invalid_request_error", "code": code}
        return json_reply(status, {"error": error | {"param": None}})

    def with_image(self, image: bytes) -> Reply:
        told = {"created": 1, "data": [{"b64_json": base64.b64encode(image).decode()}]}
        return json_reply(200, told | ({"usage": self.usage} if self.usage else {}))

    def with_url(self, url: str) -> Reply:
        return json_reply(200, {"created": 1, "data": [{"url": url}]})
