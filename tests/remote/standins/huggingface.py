"""Stand-in for HuggingFace: the hub's mapping of models to providers, and the router in front of
fal. Written from `huggingface_hub` 2.4.0 (`inference/_providers/fal_ai.py`, `_common.py`) and
hub-docs' pages on inference providers. Not HuggingFace.

Unlike the first version of it, it takes no model at `hf-inference` and shows its list of models to
everybody, as the real one does.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.remote.standins.base import Asked, Call, Reply, from_text, json_reply, picture
from tests.remote.standins.queue import FILES, Queue

HUB = "/api/models/"
PROVIDED = {  # model -> task, and its name at fal
    "black-forest-labs/FLUX.1-dev": ("text-to-image", "fal-ai/flux/dev"),
    "black-forest-labs/FLUX.1-Kontext-dev": ("image-to-image", "fal-ai/flux-kontext/dev"),
}
ROUTES = {f"/fal-ai/{name}": task for task, name in PROVIDED.values()}
REQUESTS = "/fal-ai/flux-kontext/requests/"
QUEUED = {"_subdomain": ["queue"]}


class HuggingFace(Queue):
    def authorized(self, call: Call) -> bool:
        public = call.path.startswith(HUB) or call.path == "/v1/models"
        return public or super().authorized(call)

    def has_key(self, call: Call) -> bool:
        return call.headers.get("authorization") == f"Bearer {self.key}"

    def is_order(self, call: Call) -> bool:
        return call.method == "POST"

    def answer(self, call: Call) -> Reply:
        path, query = urlsplit(call.path).path, parse_qs(urlsplit(call.path).query)
        if path.startswith(FILES):
            return self.file(call)
        if path.startswith(HUB):
            return self._mapping(path.removeprefix(HUB), query)
        if path == "/v1/models":
            return json_reply(200, {"object": "list", "data": []})
        if path == "/api/whoami-v2":
            return json_reply(200, {"type": "user", "name": "me"})
        if path in ROUTES:
            return self._ordered(call.json, ROUTES[path], query)
        return self._of_request(call, path.removeprefix(f"/fal-ai{REQUESTS}"), query)

    def _mapping(self, model: str, query: dict[str, list[str]]) -> Reply:
        if model not in PROVIDED or query != {"expand[]": ["inferenceProviderMapping"]}:
            return self.refusal(404)
        task, name = PROVIDED[model]
        entry = {"status": "live", "providerId": name, "task": task}
        return json_reply(200, {"id": model, "inferenceProviderMapping": {"fal-ai": entry}})

    def _of_request(self, call: Call, rest: str, query: dict[str, list[str]]) -> Reply:
        number, _, action = rest.partition("/")
        if not number.isdigit() or query != QUEUED:
            return self.refusal(404)
        if action == "cancel" and call.method == "PUT":
            return self.take_back(number)
        if action == "status":
            return json_reply(200, {"status": "COMPLETED" if self.is_done() else "IN_QUEUE"})
        return self._pictures(number)

    def _ordered(self, order: dict[str, Any], task: str, query: dict[str, list[str]]) -> Reply:
        edits = task == "image-to-image"
        if edits != (query == QUEUED) or edits != ("image_url" in order):
            return self.refusal(422)
        size = (order["image_size"]["width"], order["image_size"]["height"])
        image = from_text(order.get("image_url"))
        self.asked.append(Asked(order["prompt"], size, image, seed=order["seed"]))
        self._edits = edits
        return self.with_image(picture(*size))

    def taken(self, number: str) -> Reply:
        if not self._edits:
            return self._pictures(number)
        url = f"https://queue.fal.run{REQUESTS}{number}"  # the client goes through the router
        return json_reply(200, {"request_id": number, "status": "IN_QUEUE", "response_url": url})

    _edits = False

    def _pictures(self, number: str) -> Reply:
        return json_reply(200, {"images": [{"url": self.url_of(number)}]})

    def refusal(self, status: int) -> Reply:
        return json_reply(status, {"error": f"no, {self.key}"})
