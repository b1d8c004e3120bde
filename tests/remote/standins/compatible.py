"""Stand-ins for servers that speak OpenAI's images API with words of their own: each takes the
fields that its documentation names and refuses all others, as the strictest would. None of them is
the program or the service itself.

Ollama: docs.ollama.com/api/openai-compatibility. LocalAI: "Image generation" of its documentation.
stable-diffusion.cpp: its examples/server. Together: the types of together 3.1.1 (PyPI). DeepInfra:
the pages of its models.
"""

from __future__ import annotations

import json
import re
from typing import Any

from PIL import Image
from tests.remote.standins.base import Asked, Call, Reply, StandIn, json_reply, opened, picture
from tests.remote.standins.openai import OpenAI

COMMON = {"prompt", "model", "n"}
TAG = re.compile(r" <sd_cpp_extra_args>(.*?)</sd_cpp_extra_args>")


class Compatible(OpenAI):
    """`fields` are those it takes beside OpenAI's own three."""

    base_path = "/v1"
    fields: frozenset[str] = frozenset({"size"})
    names: tuple[str, ...] = ("some-model",)
    edits = False

    @property
    def painters(self) -> tuple[str, ...]:
        return self.names

    def authorized(self, call: Call) -> bool:
        """A server of one's own does not ask who it is."""
        return True

    def is_order(self, call: Call) -> bool:
        return call.method == "POST"

    def answer(self, call: Call) -> Reply:
        path = call.path.removeprefix(self.base_path)
        if path == "/models":
            return json_reply(200, self.listed())
        if path == "/images/generations":
            return self.paint(call.json)
        if path == "/images/edits" and self.edits:
            form = call.form
            shown, mask = opened(form.pop("image")), form.pop("mask", None)
            told = {name: value.decode() for name, value in form.items()}
            return self.paint(told, shown, opened(mask).convert("RGB") if mask else None)
        return self.refusal(404)

    def listed(self) -> Any:
        return {"object": "list", "data": [{"id": name} for name in self.names]}

    def paint(
        self, order: dict[str, Any], image: Image.Image | None = None, mask: Any = None
    ) -> Reply:
        if set(order) - COMMON - self.fields or not order.get("prompt"):
            return self.refusal(400)
        if "size" in self.fields:
            width, height = (int(side) for side in order["size"].split("x"))
        else:
            width, height = order["width"], order["height"]
        asked = Asked(order["prompt"], (width, height), image, mask and mask.getchannel(0))
        asked.seed = order.get("seed")
        self.understand(asked, order)
        self.asked.append(asked)
        return self.with_image(picture(width, height))

    def understand(self, asked: Asked, order: dict[str, Any]) -> None:
        """What is not in a field of its own."""


class Ollama(Compatible):
    fields = frozenset({"size", "response_format"})


class LocalAI(Compatible):
    fields = frozenset({"size", "response_format", "step", "mode"})
    unwanted = ""

    def understand(self, asked: Asked, order: dict[str, Any]) -> None:
        asked.prompt, _, self.unwanted = asked.prompt.partition("|")


class StableDiffusionCpp(Compatible):
    """It reads the gray channel of a mask, and knows a seed between its tags only: 42 without."""

    edits = True

    def understand(self, asked: Asked, order: dict[str, Any]) -> None:
        found = TAG.search(asked.prompt)
        asked.seed = json.loads(found[1])["seed"] if found else 42
        asked.prompt = TAG.sub("", asked.prompt)


class Together(Compatible):
    fields = frozenset(
        {"width", "height", "steps", "seed", "negative_prompt", "guidance_scale"}
    ) | {
        "response_format",
        "output_format",
        "image_url",
    }
    names = ("black-forest-labs/FLUX.1-schnell", "meta-llama/some-chat")

    def authorized(self, call: Call) -> bool:
        return call.headers.get("authorization") == f"Bearer {self.key}"

    def listed(self) -> Any:
        """docs.together.ai, "List all models": a list by itself, each with its `type`."""
        return [
            {"id": name, "type": "image" if name in self.painters else "chat"}
            for name in self.names
        ]

    @property
    def painters(self) -> tuple[str, ...]:
        return self.names[:1]

    def paint(self, order: dict[str, Any], *shown: Any) -> Reply:
        if order.get("response_format") not in ("base64", "url", None):
            return self.refusal(422)
        return super().paint(order, *shown)


class DeepInfra(Compatible):
    base_path = "/v1/openai"

    def authorized(self, call: Call) -> bool:
        return call.headers.get("authorization") == f"Bearer {self.key}"


COMPATIBLE: dict[str, type[StandIn]] = {
    "deepinfra": DeepInfra,
    "localai": LocalAI,
    "ollama": Ollama,
    "stable-diffusion-cpp": StableDiffusionCpp,
    "together": Together,
}
