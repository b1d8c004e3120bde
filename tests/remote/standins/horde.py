"""Stand-in for AI Horde: asynchronous orders, pictures at an address of their own. Not AI Horde."""

from __future__ import annotations

from typing import Any

from tests.remote.standins.base import Asked, Call, Reply, from_text, json_reply, picture
from tests.remote.standins.queue import FILES, Queue

ANONYMOUS = "0000000000"
CONTROLS = ("canny", "hed", "depth", "normal", "openpose", "seg", "scribble", "fakescribbles")
ORDER, CHECK, STATUS = "/generate/async", "/generate/check/", "/generate/status/"


class Horde(Queue):
    base_path = "/api/v2"

    def has_key(self, call: Call) -> bool:
        return call.headers.get("apikey") in (self.key, ANONYMOUS)

    def is_order(self, call: Call) -> bool:
        return call.method == "POST"

    def answer(self, call: Call) -> Reply:
        if call.path.startswith(FILES):
            return self.file(call)
        path = call.path.removeprefix(self.base_path)
        if path == ORDER:
            return self._ordered(call.json)
        if path.startswith(CHECK):
            done = self.is_done()
            state = {"done": done, "faulted": False, "is_possible": True, "queue_position": 3}
            return json_reply(200, state | {"wait_time": 9, "waiting": int(not done)})
        if path.startswith(STATUS) and call.method == "DELETE":
            return self.take_back(path.removeprefix(STATUS))
        if path.startswith(STATUS):
            return json_reply(200, {"done": True, "generations": [self._made(path)]})
        lists: dict[str, Any] = {"/find_user": {"username": "me"}, "/status/models?type=image": []}
        return json_reply(200, lists[path]) if path in lists else self.refusal(404)

    def _made(self, path: str) -> dict[str, Any]:
        url = self.url_of(path.removeprefix(STATUS))
        state = "censored" if self.filtered else "ok"
        return {"img": url, "seed": "1", "state": state, "censored": self.filtered, "model": "m"}

    def _ordered(self, order: dict[str, Any]) -> Reply:
        params = order["params"]
        kind = params.get("control_type")
        whole = params["width"] % 64 == 0 == params["height"] % 64
        upfront = kind and (params.get("steps") or 30) > 20 and not order.get("allow_downgrade")
        if upfront:  # AI-Horde fbd5ed4, waiting_prompt.py:454; 30 steps are the default there
            return self.refusal(403)
        decimals = str(params.get("cfg_scale") or 7.5).partition(".")[2]
        if len(decimals) > 2:
            return json_reply(400, {"message": "no", "rc": "BadCFGDecimals"})
        if not whole or (kind is not None and kind not in CONTROLS):
            return self.refusal(400)
        source = from_text(order.get("source_image"))
        if source is not None and source.format != "WEBP":
            return self.refusal(400)
        self.asked.append(
            Asked(
                order["prompt"],
                (params["width"], params["height"]),
                None if kind else source,
                control=source if kind else None,
                strength=params.get("denoising_strength"),
                seed=int(params["seed"]),
            )
        )
        return self.with_image(picture(params["width"], params["height"]))

    def taken(self, number: str) -> Reply:
        return json_reply(202, {"id": number, "kudos": 10.0})

    def refusal(self, status: int) -> Reply:
        code = {401: "InvalidAPIKey", 403: "KudosUpfront", 404: "RequestNotFound"}.get(
            status, "BadRequest"
        )
        return json_reply(status, {"message": f"no, {self.key}", "rc": code})
