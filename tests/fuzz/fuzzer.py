"""A clumsy client of a running server: its calls are made from the corpus, and it knows what is a
fault among the answers."""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import re
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image
from tests.fuzz.corpus import (
    DEEP,
    JSON_TEXTS,
    NOWHERE,
    NUMBERS,
    PICTURES,
    ROUTES,
    TEXTS,
    TYPES,
    saved,
    whole_of,
)
from tests.support import awkward

MOST_READ = 2**20  # bytes of an answer that are looked at
ANSWERED = (502, 503, 504, 507)  # above 499, and no bug


@dataclass
class Outcome:
    """What a run has seen. `faults` are answers that should not have been."""

    calls: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    succeeded: Counter[str] = field(default_factory=Counter)  # by route
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0
    peak_mb: int = 0
    stalls: list[dict] = field(default_factory=list)

    def told(self) -> str:
        kinds = ", ".join(f"{count} x {status}" for status, count in sorted(self.statuses.items()))
        longest = self.stalls[0]["seconds"] if self.stalls else 0
        return (
            f"{self.calls} calls in {self.seconds:.0f} s: {kinds}\n"
            f"{len(self.succeeded)} of {len(set(ROUTES))} routes answered with success\n"
            f"faults: {len(self.faults)}, peak memory of the server: {self.peak_mb} MiB, "
            f"times the event loop stood still: {len(self.stalls)}, longest {longest} s"
        )


@dataclass
class Target:
    """A running server, and what is known of it that calls may refer to."""

    port: int
    token: str
    folder: Path
    jobs: list[str] = field(default_factory=lambda: ["0" * 32])
    blobs: list[str] = field(default_factory=lambda: ["0" * 64])

    def ask(
        self, method: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> tuple[int, bytes]:
        """One call, whole; for tests that look at the answer."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def call(
        self, method: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> bytes:
        """The answer of a call that has to succeed."""
        status, answer = self.ask(method, path, body, kind)
        assert status < 300, (status, answer[:500])
        return answer


class Fuzzer:
    """One client with random numbers of its own."""

    def __init__(self, target: Target, seed: str) -> None:
        self._target = target
        self._random = random.Random(seed)
        self._connection: http.client.HTTPConnection | None = None
        self.outcome = Outcome()
        self.ended = False

    def run(self, calls: int) -> None:
        for _ in range(calls):
            if self.ended:
                return
            self._send(*self._call())

    # what is sent

    def large(self) -> None:
        """What takes long: bodies and answers of many megabytes, and floods of small mistakes."""
        data = np.random.default_rng(2).integers(0, 255, (2000, 3000, 3), np.uint8)
        photo = saved(Image.fromarray(data))
        sent, raw = base64.b64encode(photo).decode(), "application/x-pixels; format=rgba-u8; "
        base = {"prompt": "a cat", "steps": 2, "seed": 1}
        size = {"width": 3000, "height": 2000}
        whole = {"init_images": [sent], "mask": sent, "inpaint_full_res": False}
        bodies: list[tuple[str, str, Any, str]] = [
            ("PUT", "/v1/blobs", photo, "image/png"),
            ("PUT", "/v1/blobs", bytes(64_000_000), raw + "width=4000; height=4000"),
            ("POST", "/sdapi/v1/txt2img", base | {"width": 4096, "height": 4096}, ""),
            ("POST", "/sdapi/v1/img2img", base | size | {"init_images": [sent]}, ""),
            ("POST", "/sdapi/v1/img2img", base | size | whole | {"mask_blur": 60}, ""),
            ("POST", "/sdapi/v1/img2img", base | size | whole | {"inpainting_fill": 0}, ""),
            ("POST", "/sdapi/v1/png-info", {"image": sent}, ""),
            ("POST", "/sdapi/v1/png-info", {"image": "A" * 60_000_000}, ""),
            ("POST", "/sdapi/v1/extra-single-image", {"image": sent, "upscaler_1": "Lanczos"}, ""),
            ("POST", "/controlnet/detect", {"controlnet_module": "canny"}, ""),
            ("POST", "/openai/v1/images/generations", base | {"size": "3000x3000"}, ""),
            ("POST", "/sdapi/v1/txt2img", {"styles": [1] * 19_000, "prompt": ["x"] * 900}, ""),
            ("POST", "/sdapi/v1/img2img", {"init_images": [1] * 19_000}, ""),
            ("POST", "/v1/jobs", {"loras": [1] * 19_000}, ""),
            ("POST", "/v1/jobs", base | {"width": 4096, "height": 4096, "count": 2}, ""),
            ("POST", "/sdapi/v1/txt2img", base | {"width": 9000, "height": 9000}, ""),
            ("POST", "/sdapi/v1/img2img", base | whole_of(DEEP), ""),
        ]
        bodies[9][2]["controlnet_input_images"] = [sent]
        bodies[9][2]["controlnet_processor_res"] = 2000
        bodies[10][2].pop("steps")
        headers = {"Authorization": f"Bearer {self._target.token}"}
        for method, path, body, kind in bodies:
            self._route = (method, path)
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self._send(method, path, data, headers | {"Content-Type": kind or "application/json"})
        job = self._target.jobs[-1]
        for accept in ("application/x-pixels", "image/png"):
            for number in range(2):
                self._route = ("GET", "/v1/jobs/{id}/images/{n}")
                path = f"/v1/jobs/{job}/images/{number}"
                self._send("GET", path, None, headers | {"Accept": accept})

    def _call(self) -> tuple[str, str, bytes | None, dict[str, str]]:
        method, template = self._route = self._random.choice(ROUTES)
        if self._random.random() < 0.02:
            method = self._random.choice(("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"))
        path = self._path(template)
        body, kind = self._body(method, template)
        headers = {"Authorization": f"Bearer {self._target.token}"}
        if kind:
            headers["Content-Type"] = kind
        return method, path, body, headers | self._headers()

    def _path(self, template: str) -> str:
        if self._random.random() < 0.02:
            return "/" + quote(_bytes(self._text())[:300])
        path = re.sub(r"{(\w+)}", lambda name: self._part(template, name[1]), template)
        if self._random.random() < 0.3:
            query = [f"{self._key()}={quote(self._value_text())}" for _ in range(2)]
            path += "?" + "&".join(query)
        return path

    def _part(self, template: str, name: str) -> str:
        known: list[str] = [*awkward.NAMES.values(), *map(str, awkward.NUMBERS.values())]
        if self._random.random() < 0.6:
            known = {"n": ["0", "1", "2"], "name": ["Mine", "Blueprint", "猫"]}.get(name, [])
            if "jobs" in template and name == "id":
                known = self._target.jobs[-50:]
            elif "blobs" in template:
                known = self._target.blobs[-50:]
            elif not known:
                known = ["starter", "openai", "horde", "a1111", "blueprint", "canny"]
        return quote(_bytes(self._random.choice(known))[:250], safe="") or "x"

    def _key(self) -> str:
        names = ("wait", "since", "limit", "status", "client", "skip_current_image", "api-version")
        return self._random.choice(names)

    def _value_text(self) -> str:
        values = ["0", "0.01", "1", "true", "queued", "succeeded", "fuzz", "-1", "nan", "1e400"]
        pool = values if self._random.random() < 0.7 else [text[:200] for text in TEXTS]
        return _bytes(self._random.choice(pool)).decode("latin-1")

    def _headers(self) -> dict[str, str]:
        chance, found = self._random.random(), {}
        if chance < 0.05:
            found["Idempotency-Key"] = self._random.choice(("a", "b" * 200, "caf\xe9", "k1", ""))
        elif chance < 0.1:
            found["Last-Event-ID"] = self._random.choice(("0", "1", "\xb2", "-1", "9" * 40))
        elif chance < 0.15:
            found["Accept"] = self._random.choice(("application/x-pixels", "*/*", "\xff"))
        elif chance < 0.2:
            found["x-stainless-retry-count"] = self._random.choice(("1", "x", "-1"))
        return found

    def _body(self, method: str, template: str) -> tuple[bytes | None, str]:
        if method in ("GET", "HEAD", "DELETE") and self._random.random() < 0.9:
            return None, ""
        if template == "/v1/blobs":
            return self._blob()
        if template.endswith("/images/edits") and self._random.random() < 0.9:
            return self._form()
        kind = self._random.choice(TYPES)
        if self._random.random() < 0.1:
            return self._random.choice(JSON_TEXTS), kind
        if self._random.random() < 0.03:
            return self._random.randbytes(self._random.randrange(200)), kind
        value = self._likely(template)
        for _ in range(self._random.choice((0, 0, 0, 1, 1, 1, 2, 3))):
            value = self._changed(value)
        text = json.dumps(value, ensure_ascii=self._random.random() < 0.5)
        return text.encode("utf-8", "surrogatepass"), kind

    def _blob(self) -> tuple[bytes, str]:
        if self._random.random() < 0.5:
            kind = self._random.choice(("image/png", "image/jpeg", "image/webp", "image/tiff"))
            return self._random.choice(PICTURES), kind
        width, height = (self._random.choice((1, 2, 16, 16, 16, 24, "²", -1)) for _ in range(2))
        layout = self._random.choice(("rgba-u8", "rgb-u8", "y-u8", "rgba-u16", "rgba-f32", "x"))
        size = self._random.choice((4, 3, 1, 8, 16))
        sides = [side if isinstance(side, int) and side > 0 else 1 for side in (width, height)]
        data = self._random.randbytes(sides[0] * sides[1] * size)
        kind = f"application/x-pixels; format={layout}; width={width}; height={height}"
        return data, kind.encode().decode("latin-1")

    def _form(self) -> tuple[bytes, str]:
        """multipart/form-data, by hand, so that it can be wrong."""
        parts = []
        fields = {"prompt": "a cat", "seed": "1", "n": "1", "num_inference_steps": "1"}
        for _ in range(self._random.randrange(3)):
            name = self._random.choice(("size", "strength", "mask", "output_format", self._text()))
            fields[name] = self._random.choice(("16x16", "0.5", "webp", "true", self._text()))
        for name, value in fields.items():
            head = f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'
            parts.append(head.encode("utf-8", "surrogatepass"))
        for name in self._random.sample(("image", "image[]", "mask", "other"), k=2):
            head = f'Content-Disposition: form-data; name="{name}"; filename="{self._text()[:50]}"'
            head += "\r\nContent-Type: image/png\r\n\r\n"
            picture = self._random.choice(PICTURES)
            parts.append(head.encode("utf-8", "surrogatepass") + picture)
        body = b"".join(b"--xyz\r\n" + part + b"\r\n" for part in parts) + b"--xyz--\r\n"
        charset = self._random.choice(("", "", "; charset=utf-7", "; charset=nonsense"))
        if self._random.random() < 0.1:
            body = body[: self._random.randrange(len(body))]
        return body, f"multipart/form-data; boundary=xyz{charset}"

    def _likely(self, template: str) -> Any:
        """A body that the call could take."""
        small = {"prompt": "a cat", "steps": 1, "width": 16, "height": 16, "seed": 1}
        picture = base64.b64encode(self._random.choice(PICTURES[:10])).decode()
        mask = base64.b64encode(self._random.choice(PICTURES[:6])).decode()
        unit = {"enabled": True, "module": "canny", "model": "canny", "image": picture}
        unit |= {"weight": 1, "resize_mode": "Just Resize", "guidance_end": 1.0, "control_mode": 0}
        source = {"blob": self._random.choice(self._target.blobs[-50:])}
        rect = {"x": 0, "y": 0, "width": 40, "height": 30}
        bodies: dict[str, list[Any]] = {
            "/v1/jobs": [
                small | {"client": "fuzz", "count": 2, "negative_prompt": "", "preview": True},
                small | {"controls": [{"type": "canny", "image": source}], "loras": []},
                {"mode": "img2img", "source": source, "prompt": "x", "steps": 1, "strength": 0.5},
                {"mode": "inpaint", "source": source, "mask": source, "steps": 1, "observe": True},
                {"mode": "preprocess", "source": source, "controls": [{"type": "canny"}]},
                small | {"backend": "openai"},
                small | {"style": "Blueprint", "prompt": "{a|b} <lora:blueprint:0.5> [c|d]"},
            ],
            "/v1/plan": [
                {"mode": "inpaint", "canvas": rect, "source": rect, "selection": rect},
                {"mode": "txt2img", "width": 64, "height": 64, "backend": "horde"},
                {"mode": "img2img", "source": rect, "strength": 0.3, "steps": 5, "loras": []},
            ],
            "/v1/models/folders": [{"folders": [{"path": self._folder(), "kind": "auto"}]}],
            "/v1/models/pull": [{"id": "nothing-of-this-name", "accept_licence": True}],
            "/v1/styles/{name}": [
                {"prompt": "ink {prompt}", "negative_prompt": "x", "loras": [], "steps": 4}
            ],
            "/v1/backends/{id}": [
                {"base_url": NOWHERE, "model": "m", "native_size": 512},
                {"caps": {"per_job": 1, "per_day": 2}, "price": 0.01},
            ],
            "/v1/backends/{id}/consent": [{"agreed": True}, {"agreed": False}],
            "/v1/backends/{id}/key": [{"key": "abc"}],
            "/sdapi/v1/txt2img": [
                small | {"negative_prompt": "", "batch_size": 1, "cfg_scale": 7, "styles": []},
                small | {"alwayson_scripts": {"ControlNet": {"args": [unit]}}, "scheduler": "beta"},
                small | {"override_settings": {"sd_model_checkpoint": "starter"}, "hr_scale": 2},
            ],
            "/sdapi/v1/img2img": [
                small | {"init_images": [picture], "denoising_strength": 0.5},
                small | {"init_images": [picture], "mask": mask, "mask_blur": 4},
                small
                | {"init_images": [picture], "mask": mask, "inpaint_full_res": False}
                | {"mask_blur_x": 1, "mask_blur_y": 3, "resize_mode": 1, "inpainting_fill": 1},
            ],
            "/sdapi/v1/options": [
                {"sd_model_checkpoint": "starter", "samples_format": "png", "jpeg_quality": 80},
                {"CLIP_stop_at_last_layers": 1, "sd_vae": "Automatic", "enable_pnginfo": True},
            ],
            "/sdapi/v1/png-info": [{"image": picture}],
            "/sdapi/v1/extra-single-image": [
                {"image": picture, "upscaler_1": "Lanczos", "upscaling_resize": 2},
                {"image": picture, "resize_mode": 1, "upscaling_resize_w": 20}
                | {"upscaling_resize_h": 20, "upscaler_1": "Nearest"},
            ],
            "/controlnet/detect": [
                {"controlnet_module": "canny", "controlnet_input_images": [picture]}
                | {"controlnet_processor_res": 64}
            ],
            "/internal/progress": [{"id_task": "task(1)", "id_live_preview": -1}],
            "/openai/v1/images/generations": [
                {"prompt": "a cat", "size": "16x16", "num_inference_steps": 1, "n": 1},
                {"prompt": "a cat", "size": "16x16", "stream": True, "partial_images": 1},
                {"prompt": "a cat", "size": "24x16", "output_format": "webp", "seed": 1},
            ],
        }
        return self._random.choice(bodies.get(template, [{}]))

    def _folder(self) -> str:
        """Below the run's own folder, there or not."""
        return os.path.join(self._target.folder, self._random.choice([*awkward.NAMES.values()]))

    def _changed(self, value: Any) -> Any:
        """A copy with one thing in it changed."""
        if isinstance(value, dict) and value and self._random.random() < 0.9:
            name = self._random.choice(list(value))
            copied, chance = dict(value), self._random.random()
            if chance < 0.1:
                del copied[name]
            elif chance < 0.2:
                copied[self._text()[:200]] = self._any()
            elif isinstance(value[name], dict | list) and chance < 0.7:
                copied[name] = self._changed(value[name])
            else:
                copied[name] = self._any()
            return self._harmless(copied)
        if isinstance(value, list) and value and self._random.random() < 0.8:
            place = self._random.randrange(len(value))
            changed = self._changed(value[place])
            return [*value[:place], changed, *value[place + self._random.randrange(2) :]]
        return self._any()

    def _harmless(self, value: dict[str, Any]) -> dict[str, Any]:
        """Nothing that would read this machine's own folders, or take the test's disk."""
        path = value.get("path")
        if isinstance(path, str) and not path.startswith(str(self._target.folder)):
            value["path"] = self._folder()
        return value

    def _any(self) -> Any:
        chance = self._random.random()
        if chance < 0.35:
            return self._text()
        if chance < 0.7:
            return self._random.choice(NUMBERS)
        if chance < 0.8:
            return self._random.choice((None, True, False, [], {}, [[]], {"a": {}}, [None] * 70))
        if chance < 0.9:
            return base64.b64encode(self._random.choice(PICTURES)).decode()
        if chance < 0.95:
            return {self._text()[:40]: self._any() for _ in range(3)}
        return [self._any() for _ in range(3)]

    def _text(self) -> str:
        if self._random.random() < 0.8:
            return self._random.choice(TEXTS)
        pick = self._random.choice
        return "".join(
            chr(self._random.randrange(pick((128, 0x3000, 0xFFFF, 0x110000))))
            for _ in range(self._random.randrange(20))
        )

    # what comes back

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> None:
        """One call; whatever happens to it is told, and the next begins on a sound connection."""
        self.outcome.calls += 1
        try:
            self._sent(method, path, body, headers)
        except Exception:
            self._drop()
            self._fault(method, path, body, f"the fuzzer itself: {traceback.format_exc()}")

    def _sent(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> None:
        for fresh in (False, True):  # a connection that the server has closed meanwhile
            if self._connection is None or fresh:
                self._connection = http.client.HTTPConnection(
                    "127.0.0.1", self._target.port, timeout=60
                )
            try:
                whole = self._ask(self._connection, method, path, body, headers)
                response = self._connection.getresponse()
                answer = response.read(MOST_READ)
                while response.read(MOST_READ):  # the rest is not looked at
                    pass
                if response.length:  # `read` of a part says nothing of an end that comes too soon
                    raise http.client.IncompleteRead(answer, response.length)
                break
            except (http.client.HTTPException, OSError) as problem:
                self._drop()
                if fresh:
                    self._fault(method, path, body, f"no answer: {problem!r}")
                    return
        self.outcome.statuses[response.status] += 1
        if response.status < 300:
            self.outcome.succeeded[" ".join(self._route)] += 1
        wrong = self._wrong(method, response.status, response.headers, answer)
        if wrong:
            self._fault(method, path, body, wrong)
        self._learn(path, response.status, answer)
        if not whole or response.length != 0 or response.headers.get("connection") == "close":
            self._drop()

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
    ) -> bool:
        """Whether all of it was sent; the server may answer before it has read all."""
        if connection.sock is None:
            connection.connect()  # here a failure is one: nobody is there
        try:
            connection.request(method, path, body, headers)
        except OSError:
            return False
        return True

    def _drop(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def _wrong(
        self, method: str, status: int, headers: http.client.HTTPMessage, body: bytes
    ) -> str:
        """What should not be about an answer; empty for a good one."""
        if status >= 500 and status not in ANSWERED:
            return f"{status} {body[:300]!r}"
        if method == "HEAD" or (len(body) >= MOST_READ and status < 400):
            return ""
        kind = headers.get("content-type", "")
        if status >= 400 and not kind.startswith("application/json"):
            return f"{status} as {kind}: {body[:300]!r}"
        if not kind.startswith("application/json"):
            return ""
        try:
            told = json.loads(body.decode(), parse_constant=_no_constant)
        except ValueError as problem:
            return f"{status} with JSON that cannot be read ({problem}): {body[:300]!r}"
        if status >= 400 and not (isinstance(told, dict) and told.get("error")):
            return f"{status} without an error body: {body[:300]!r}"
        if b"Traceback (most" in body:
            return f"{status} with a trace: {body[:300]!r}"
        return ""

    def _learn(self, path: str, status: int, body: bytes) -> None:
        if status in (200, 201, 202) and path.partition("?")[0] in ("/v1/jobs", "/v1/blobs"):
            try:
                told = json.loads(body)
            except ValueError:
                return
            if isinstance(told, dict) and "id" in told:
                known = self._target.blobs if "blobs" in path else self._target.jobs
                known.append(told["id"])

    def _fault(self, method: str, path: str, body: bytes | None, what: str) -> None:
        self.outcome.faults.append(f"{method} {path[:200]} {(body or b'')[:500]!r} -> {what}")


def _bytes(text: str) -> bytes:
    """As a file name has them where it is one, else as UTF-8 with whatever is not allowed there."""
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _no_constant(name: str) -> None:
    raise ValueError(name)
