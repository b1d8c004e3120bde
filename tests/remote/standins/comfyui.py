"""Stand-in for ComfyUI: the calls the adapter needs, as version 0.3.64 answered them when they were
recorded, with the inputs and outputs of its stock nodes from its `GET /object_info`. Not ComfyUI.

A workflow is checked as ComfyUI does it (kinds of nodes, required inputs, values in lists, links
whose output has the right type), and walked from the output node to tell what it asks for.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image
from tests.remote.standins import websocket
from tests.remote.standins.base import Asked, Call, Reply, json_reply, picture
from tests.remote.standins.queue import Queue

SAMPLERS = "euler euler_ancestral heun dpm_2 lms dpmpp_sde dpmpp_2m dpmpp_2m_sde lcm ddim uni_pc"
SCHEDULERS = "simple sgm_uniform karras exponential ddim_uniform beta normal linear_quadratic"
UNION = (
    "auto",
    "openpose",
    "depth",
    "hed/pidi/scribble/ted",
    "canny/lineart/anime_lineart/mlsd",
    "normal",
    "segment",
    "tile",
    "repaint",
)
NODES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {  # required inputs, outputs
    "CheckpointLoaderSimple": ({"ckpt_name": "checkpoints"}, ("MODEL", "CLIP", "VAE")),
    "CLIPTextEncode": ({"text": "STRING", "clip": "CLIP"}, ("CONDITIONING",)),
    "EmptyLatentImage": ({"width": "INT", "height": "INT", "batch_size": "INT"}, ("LATENT",)),
    "LoadImage": ({"image": "FILE"}, ("IMAGE", "MASK")),
    "LoadImageMask": (
        {"image": "FILE", "channel": ("alpha", "red", "green", "blue")},
        ("MASK",),
    ),
    "VAEEncode": ({"pixels": "IMAGE", "vae": "VAE"}, ("LATENT",)),
    "SetLatentNoiseMask": ({"samples": "LATENT", "mask": "MASK"}, ("LATENT",)),
    "ControlNetLoader": ({"control_net_name": "controlnet"}, ("CONTROL_NET",)),
    "SetUnionControlNetType": ({"control_net": "CONTROL_NET", "type": UNION}, ("CONTROL_NET",)),
    "ControlNetApplyAdvanced": (
        {
            "positive": "CONDITIONING",
            "negative": "CONDITIONING",
            "control_net": "CONTROL_NET",
            "image": "IMAGE",
            "strength": "FLOAT",
            "start_percent": "FLOAT",
            "end_percent": "FLOAT",
        },
        ("CONDITIONING", "CONDITIONING"),
    ),
    "KSampler": (
        {
            "model": "MODEL",
            "seed": "INT",
            "steps": "INT",
            "cfg": "FLOAT",
            "sampler_name": tuple(SAMPLERS.split()),
            "scheduler": tuple(SCHEDULERS.split()),
            "positive": "CONDITIONING",
            "negative": "CONDITIONING",
            "latent_image": "LATENT",
            "denoise": "FLOAT",
        },
        ("LATENT",),
    ),
    "UNETLoader": (
        {
            "unet_name": "diffusion_models",
            "weight_dtype": ("default", "fp8_e4m3fn", "fp8_e4m3fn_fast", "fp8_e5m2"),
        },
        ("MODEL",),
    ),
    "CLIPLoader": (
        {"clip_name": "text_encoders", "type": ("sd3", "lumina2", "chroma", "qwen_image")},
        ("CLIP",),
    ),
    "DualCLIPLoader": (
        {
            "clip_name1": "text_encoders",
            "clip_name2": "text_encoders",
            "type": ("sdxl", "sd3", "flux", "hunyuan_video", "hidream", "hunyuan_image"),
        },
        ("CLIP",),
    ),
    "VAELoader": ({"vae_name": "vae"}, ("VAE",)),
    "LoraLoader": (
        {
            "model": "MODEL",
            "clip": "CLIP",
            "lora_name": "loras",
            "strength_model": "FLOAT",
            "strength_clip": "FLOAT",
        },
        ("MODEL", "CLIP"),
    ),
    "FluxGuidance": ({"conditioning": "CONDITIONING", "guidance": "FLOAT"}, ("CONDITIONING",)),
    "EmptySD3LatentImage": ({"width": "INT", "height": "INT", "batch_size": "INT"}, ("LATENT",)),
    "VAEDecode": ({"samples": "LATENT", "vae": "VAE"}, ("IMAGE",)),
    "PreviewImage": ({"images": "IMAGE"}, ()),
    "SaveImage": ({"images": "IMAGE", "filename_prefix": "STRING"}, ()),
}
OUTPUTS = ("PreviewImage", "SaveImage")
PLAIN = {"STRING": str, "INT": int, "FLOAT": (int, float)}


@dataclass
class ComfyUI(Queue):
    """`files` are the pictures in its input folder; `workflow` the last one it took. `running`:
    a waiting order is computed already; `ends_as` is how it ends. `sockets` are those of
    clients that listen, by their ids; with `deaf` there are none."""

    checkpoints: tuple[str, ...] = ("sd15.safetensors", "flux1-dev-fp8.safetensors")
    controlnet: tuple[str, ...] = ("control_canny.safetensors", "xinsir_union_promax.safetensors")
    diffusion_models: tuple[str, ...] = ("flux1-dev-fp8-unet.safetensors", "z_image_turbo.gguf")
    text_encoders: tuple[str, ...] = ("clip_l.safetensors", "t5xxl_fp16.safetensors")
    vae: tuple[str, ...] = ("pixel_space", "ae.safetensors")
    loras: tuple[str, ...] = ("Stil/ölfarbe_v2.safetensors", "detail.safetensors")
    running: bool = False
    ends_as: str = "success"
    files: dict[str, bytes] = field(default_factory=dict)
    workflow: dict[str, Any] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)
    interrupted: list[str] = field(default_factory=list)
    deaf: bool = False
    client: str = ""  # of the last order
    sockets: dict[str, websocket.Peer] = field(default_factory=dict)

    def serve(self, handler: BaseHTTPRequestHandler, call: Call) -> None:
        path = urlsplit(call.path)
        if path.path != "/ws" or self.deaf or not self.authorized(call):
            return super().serve(handler, call)
        client = parse_qs(path.query)["clientId"][0]
        peer = self.sockets[client] = websocket.accept(handler, call)
        peer.say({"type": "status", "data": {"status": self._remaining(), "sid": client}})
        peer.wait_for_end()

    def _remaining(self) -> dict[str, Any]:
        return {"exec_info": {"queue_remaining": len(self.pictures)}}

    def tell(self, kind: str, **data: Any) -> None:
        """A message to the client whose order is the last one."""
        self.sockets[self.client].say({"type": kind, "data": data})

    def tell_steps(self, value: int, most: int, number: str | None = None) -> None:
        """Of the last order, if no other is meant. ComfyUI says it in two ways."""
        number = str(len(self.pictures) - 1) if number is None else number
        node = {"value": value, "max": most, "state": "running", "node_id": "7"}
        node |= {"prompt_id": number, "display_node_id": "7"}
        node |= {"parent_node_id": None, "real_node_id": "7"}
        self.tell("progress_state", prompt_id=number, nodes={"7": node})
        self.tell("progress", value=value, max=most, prompt_id=number, node="7")

    def has_key(self, call: Call) -> bool:
        """As a proxy before it asks for one; ComfyUI itself knows no keys."""
        return call.headers.get("authorization") == f"Bearer {self.key}"

    def is_order(self, call: Call) -> bool:
        return call.method == "POST" and call.path == "/prompt"

    def answer(self, call: Call) -> Reply:
        path = urlsplit(call.path).path
        if self.is_order(call):
            return self._ordered(call.json)
        if path == "/upload/image":
            return self._stored(call.form)
        if path.startswith("/history/"):
            return json_reply(200, self._history(path.removeprefix("/history/")))
        if path == "/view":
            return self._viewed(parse_qs(urlsplit(call.path).query))
        if call.method == "POST":
            return self._told(path, call.json)
        lists = {
            "/queue": self._queue(),
            "/embeddings": [],
            "/models": ["checkpoints", "loras", "vae", "controlnet"],
            "/models/checkpoints": list(self.checkpoints),
            "/models/controlnet": list(self.controlnet),
            "/models/diffusion_models": list(self.diffusion_models),
            "/models/text_encoders": list(self.text_encoders),
            "/models/vae": list(self.vae),
            "/models/loras": list(self.loras),
        }
        return json_reply(200, lists[path]) if path in lists else self.refusal(404)

    def taken(self, number: str) -> Reply:
        return json_reply(200, {"prompt_id": number, "number": 4, "node_errors": {}})

    def refusal(self, status: int) -> Reply:
        return (
            status,
            {"Content-Type": "text/plain; charset=utf-8"},
            f"{status}: {self.key}".encode(),
        )

    def _told(self, path: str, body: dict[str, Any]) -> Reply:
        if path == "/queue":
            for number in body["delete"]:
                self.take_back(number)
        elif path == "/interrupt":
            self.interrupted.append(body.get("prompt_id", "whatever is computed"))
        elif path == "/history":
            self.forgotten += body["delete"]
        else:
            return self.refusal(404)
        return 200, {}, b""

    def _queue(self) -> dict[str, Any]:
        """Rows are [number, prompt_id, workflow, extra data, outputs]."""
        others = [[1, "of-somebody-else", {}, {"client_id": "another"}, ["9"]]]
        ours = [self._row(str(len(self.pictures) - 1))] if self.pictures else []
        if self.running:
            return {"queue_running": ours, "queue_pending": []}
        return {"queue_running": others, "queue_pending": ours}

    def _row(self, number: str) -> list[Any]:
        return [4, number, self.workflow, {"client_id": self.client}, ["9"]]

    def _stored(self, form: dict[str, bytes]) -> Reply:
        folder = form.get("subfolder", b"").decode()
        name = self.calls[-1].body.split(b'filename="')[1].split(b'"')[0].decode()
        self.files[f"{folder}/{name}" if folder else name] = form["image"]
        return json_reply(200, {"name": name, "subfolder": folder, "type": "input"})

    def _history(self, number: str) -> dict[str, Any]:
        if not self.is_done():
            return {}
        began = ["execution_start", {"prompt_id": number, "timestamp": 1796010223166}]
        cached = ["execution_cached", {"nodes": [], **began[1]}]
        status: dict[str, Any] = {"status_str": "success", "completed": True}
        status["messages"] = [began, cached, ["execution_success", began[1]]]
        outputs = {node: _output(name) for node, name in self._made_by(number).items()}
        node = {"node_id": "9", "display_node": "9", "parent_node": None, "real_node_id": "9"}
        if self.ends_as != "success":
            about = {**began[1], "node_id": "7", "node_type": "KSampler", "executed": []}
            about |= {"exception_type": "torch.OutOfMemoryError"} if "error" in self.ends_as else {}
            status = {"status_str": "error", "completed": False}
            status["messages"] = [began, cached, [self.ends_as, about]]
            outputs = {}
        meta = dict.fromkeys(outputs, node)
        entry = {"prompt": self._row(number), "outputs": outputs, "status": status, "meta": meta}
        return {number: entry}

    def _made_by(self, number: str) -> dict[str, str]:
        """The files of each output node; where one is titled as the result, others' are others."""
        ends = {name: one for name, one in self.workflow.items() if one["class_type"] in OUTPUTS}
        titled = [name for name, one in ends.items() if "result" in str(one.get("_meta"))]
        return {name: number if name in (titled or ends) else "another" for name in ends}

    def _viewed(self, asked: dict[str, list[str]]) -> Reply:
        if asked["type"] != ["temp"]:
            return self.refusal(404)
        name = asked["filename"][0]
        found = picture(8, 8) if name == "another" else self.pictures[int(name)]
        assert isinstance(found, bytes)
        return 200, {"Content-Type": "image/png"}, found

    # A workflow

    def _ordered(self, body: dict[str, Any]) -> Reply:
        workflow = body.get("prompt")
        if workflow is None:
            return _refused("no_prompt", "No prompt provided")
        for node in workflow.values():
            if node["class_type"] not in NODES:
                return _refused("invalid_prompt", f"node {node['class_type']} does not exist.")
        if not any(node["class_type"] in OUTPUTS for node in workflow.values()):
            return _refused("prompt_no_outputs", "Prompt has no outputs")
        errors = {
            number: {"errors": found, "dependent_outputs": [], "class_type": node["class_type"]}
            for number, node in workflow.items()
            if (found := list(self._errors(workflow, node)))
        }
        if errors:
            return _refused("prompt_outputs_failed_validation", "failed validation", errors)
        self.workflow, self.client = workflow, str(body.get("client_id", ""))
        self.asked.append(self._asked(workflow))
        width, height = self.asked[-1].size
        return self.with_image(picture(width, height))

    def _errors(self, workflow: dict[str, Any], node: dict[str, Any]) -> Any:
        for name, kind in NODES[node["class_type"]][0].items():
            value = node["inputs"].get(name)
            if value is None:
                yield _error("required_input_missing", name)
            elif isinstance(value, list):
                source, slot = value
                if NODES[workflow[source]["class_type"]][1][slot] != kind:
                    yield _error("return_type_mismatch", name)
            elif kind == "FILE":
                if value not in self.files:
                    yield _error("custom_validation_failed", name)
            elif kind in PLAIN:
                if not isinstance(value, PLAIN[kind]):
                    yield _error("invalid_input_type", name)
            elif isinstance(kind, str) and kind.isupper():
                yield _error("bad_linked_input", name)
            elif value not in (getattr(self, kind) if isinstance(kind, str) else kind):
                yield _error("value_not_in_list", name)

    def _asked(self, workflow: dict[str, Any]) -> Asked:
        def inputs(link: Any) -> dict[str, Any]:
            found: dict[str, Any] = workflow[link[0]]["inputs"]
            return found

        def opened(name: str) -> Image.Image:
            return Image.open(io.BytesIO(self.files[name]))

        (sampler,) = (one["inputs"] for one in workflow.values() if one["class_type"] == "KSampler")
        words, control = inputs(sampler["positive"]), None
        if "control_net" in words:
            control, words = opened(inputs(words["image"])["image"]), inputs(words["positive"])
        if "conditioning" in words:
            words = inputs(words["conditioning"])
        latent, mask = inputs(sampler["latent_image"]), None
        if "mask" in latent:
            mask, latent = opened(inputs(latent["mask"])["image"]), inputs(latent["samples"])
        image = opened(inputs(latent["pixels"])["image"]) if "pixels" in latent else None
        size = image.size if image else (latent["width"], latent["height"])
        return Asked(
            words["text"],
            size,
            image,
            mask,
            control,
            sampler["denoise"] if image else None,
            sampler["seed"],
        )


def _output(name: str) -> dict[str, Any]:
    return {"images": [{"filename": name, "subfolder": "", "type": "temp"}]}


def _error(kind: str, name: str) -> dict[str, Any]:
    return {"type": kind, "message": kind, "details": name, "extra_info": {"input_name": name}}


def _refused(kind: str, message: str, nodes: dict[str, Any] | None = None) -> Reply:
    error = {"type": kind, "message": message, "details": "", "extra_info": {}}
    return json_reply(400, json.loads(json.dumps({"error": error, "node_errors": nodes or {}})))
