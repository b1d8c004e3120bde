"""A job written out as a workflow for ComfyUI, in its API format and in its editor's, so that it
can be opened there and changed node by node. What has no stock node is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pentimento.core.errors import BadInput
from pentimento.core.geometry import Size
from pentimento.schema.job import FilledBy, JobRequest
from pentimento.services.adapter import ControlMap, ImageRequest
from pentimento.services.adapters import comfyui_graph as graph
from pentimento.services.records import Operation
from pentimento.services.routing import OPERATION

SOURCE, MASK, MAP = "pentimento-source.png", "pentimento-mask.png", "pentimento-map.png"
OUTPUTS = {  # of the nodes that graphs are made of
    "CheckpointLoaderSimple": ("MODEL", "CLIP", "VAE"),
    "UNETLoader": ("MODEL",),
    "CLIPLoader": ("CLIP",),
    "DualCLIPLoader": ("CLIP",),
    "VAELoader": ("VAE",),
    "LoraLoader": ("MODEL", "CLIP"),
    "CLIPTextEncode": ("CONDITIONING",),
    "FluxGuidance": ("CONDITIONING",),
    "ControlNetLoader": ("CONTROL_NET",),
    "SetUnionControlNetType": ("CONTROL_NET",),
    "ControlNetApplyAdvanced": ("CONDITIONING", "CONDITIONING"),
    "EmptyLatentImage": ("LATENT",),
    "EmptySD3LatentImage": ("LATENT",),
    "LoadImage": ("IMAGE", "MASK"),
    "LoadImageMask": ("MASK",),
    "VAEEncode": ("LATENT",),
    "SetLatentNoiseMask": ("LATENT",),
    "KSampler": ("LATENT",),
    "VAEDecode": ("IMAGE",),
    "SaveImage": (),
    "PreviewImage": (),
}
AFTER = {"seed": "fixed"}  # what the editor keeps behind a value: whether the seed changes
LAST = {"LoadImage": "image", "LoadImageMask": "image"}  # and behind all of a node's
LEFT, TOP, COLUMN, GAP = 40, 60, 380, 40  # px in the editor
WIDTH, LINE, HEAD = 320, 26, 50
TALL = {"CLIPTextEncode": 100, "LoadImage": 260, "LoadImageMask": 260, "SaveImage": 260}
NO_NODE = {  # fields of a job, and what is said of them
    "regions": "Regions have no stock node here: their words are left out.",
    "references": "References need IP-Adapter nodes, which ComfyUI does not bring along.",
    "observe": "Stages are not kept.",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """`api` is what `POST /prompt` takes, `editor` what the editor opens. `notes` say what is to be
    done there, and what has no node."""

    api: graph.Workflow
    editor: dict[str, Any]
    notes: list[str]


def size_of(record: dict[str, Any]) -> Size | None:
    """At which the picture was made, where the record tells."""
    match record:
        case {"facts": {"generation": {"width": int(width), "height": int(height)}}}:
            return Size(width, height)
    return None


def of_job(request: JobRequest, size: Size | None = None) -> Exported:
    """`size` px: that at which a picture without a source was made. Raises BadInput for modes that
    stock nodes cannot do."""
    operation = OPERATION.get(request.mode)
    if operation in (None, Operation.EDIT):
        raise BadInput(
            "unsupported_mode",
            f"ComfyUI's stock nodes cannot repeat the mode {request.mode}.",
            "Text to image, image to image and filled selections can be written out.",
        )
    if request.filled_by is FilledBy.SURROUNDINGS:
        raise BadInput(
            "unsupported_mode",
            "ComfyUI's stock nodes cannot fill a selection from its surroundings.",
            "Fill it by a model, and that can be written out.",
        )
    assert operation is not None
    control = next((one for one in request.controls if one.weight > 0), None)
    ask = ImageRequest(
        operation,
        request.prompt,
        size or Size(request.width or 1024, request.height or 1024),
        negative_prompt=request.negative_prompt,
        seed=request.seed,
        strength=request.strength if request.source else None,
        steps=request.steps,
        guidance=request.guidance,
        sampler=request.sampler,
        image=b"source" if request.source else None,
        control=ControlMap(control.type, b"", control.weight, control.start, control.end)
        if control
        else None,
    )
    weights = graph.GraphWeights(
        checkpoint=_file(request.model or "model"),
        vae=_file(request.vae) if request.vae else "",
        loras=tuple((_file(lora.id), lora.set_weight) for lora in request.loras),
    )
    files = graph.Files(
        image=SOURCE if request.source else "",
        mask=MASK if request.mask else "",
        map=MAP if control else "",
        control_net=_file(f"control_{control.type}") if control else "",
    )
    api = graph.workflow(ask, weights, files, keep=True)
    return Exported(api, editor_format(api), _notes(request, files))


def _file(name: str) -> str:
    return name if name.endswith((".safetensors", ".gguf")) else f"{name}.safetensors"


def _notes(request: JobRequest, files: graph.Files) -> list[str]:
    notes = ["Models, LoRAs and ControlNets are named as here; choose your files in their nodes."]
    for name, what in ((files.image, "source"), (files.mask, "mask"), (files.map, "map")):
        if name:
            notes.append(f"Put the {what} into ComfyUI's input folder as {name}.")
    notes += [text for field, text in NO_NODE.items() if getattr(request, field)]
    if len([one for one in request.controls if one.weight > 0]) > 1:
        notes.append("Only the first control is written out.")
    if request.count > 1:
        notes.append("One picture is made; the next ones have the seeds that follow.")
    if request.mask:
        notes.append("Soft edges, color match and exact pixels outside the mask are Pentimento's.")
    if request.source:
        notes.append("The strength is KSampler's denoise; its noise levels differ a little.")
    return notes


def editor_format(api: graph.Workflow) -> dict[str, Any]:
    """The same for the editor, in columns from the loaders on the left to the picture."""
    order = {number: place for place, number in enumerate(api)}
    boxes = _layout(api)
    links: list[list[Any]] = []
    nodes = []
    for number, node in api.items():
        linked = {name: value for name, value in node["inputs"].items() if _is_link(value)}
        inputs = []
        for slot, (name, (source, output)) in enumerate(linked.items()):
            kind = OUTPUTS[api[source]["class_type"]][output]
            links.append([len(links) + 1, int(source), output, int(number), slot, kind])
            inputs.append({"name": name, "type": kind, "link": len(links)})
        x, y, height = boxes[number]
        nodes.append(
            {
                "id": int(number),
                "type": node["class_type"],
                "pos": [x, y],
                "size": [WIDTH, height],
                "flags": {},
                "order": order[number],
                "mode": 0,
                "inputs": inputs,
                "outputs": [],
                "properties": {"Node name for S&R": node["class_type"]},
                "widgets_values": _widgets(node),
            }
        )
    for node in nodes:
        kinds = OUTPUTS[node["type"]]
        node["outputs"] = [
            {
                "name": kind,
                "type": kind,
                "slot_index": slot,
                "links": [link[0] for link in links if link[1:3] == [node["id"], slot]],
            }
            for slot, kind in enumerate(kinds)
        ]
    return {
        "last_node_id": max(node["id"] for node in nodes),
        "last_link_id": len(links),
        "nodes": nodes,
        "links": links,
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    }


def _is_link(value: Any) -> bool:
    return isinstance(value, list)


def _widgets(node: dict[str, Any]) -> list[Any]:
    """Values in the order in which the node shows them, which is that of its inputs."""
    values: list[Any] = []
    for name, value in node["inputs"].items():
        if not _is_link(value):
            values += [value, *([AFTER[name]] if name in AFTER else [])]
    last = LAST.get(node["class_type"])
    return [*values, last] if last else values


def _layout(api: graph.Workflow) -> dict[str, tuple[int, int, int]]:
    """`(x, y, height)` px of each node: its column is its longest way from a loader."""
    columns: dict[str, int] = {}
    for number, node in api.items():  # a node comes after those that it takes from
        sources = [value[0] for value in node["inputs"].values() if _is_link(value)]
        columns[number] = max((columns[source] + 1 for source in sources), default=0)
    below: dict[int, int] = {}
    boxes = {}
    for number, node in api.items():
        column = columns[number]
        lines = max(len(node["inputs"]), len(OUTPUTS[node["class_type"]])) + 1
        height = HEAD + LINE * lines + TALL.get(node["class_type"], 0)
        y = below.get(column, TOP)
        boxes[number] = (LEFT + column * COLUMN, y, height)
        below[column] = y + height + GAP
    return boxes
