"""What travels between front and engine: jobs, events, and the frames around them. No torch here.

A frame is two big-endian u32 (length of the JSON, length of the binary part) and the two parts.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import TypeAdapter

from pentimento.core.errors import JobFailed, PentimentoError
from pentimento.imaging.noise_levels import EVEN, Spacing
from pentimento.schema.job import JobRequest
from pentimento.schema.task import Event, Loading, Preview, Result, Step, Task, Words


@dataclass(frozen=True, slots=True)
class VaeFile:
    """A VAE's folder, or its weights in one file; `kind` is the class that reads it."""

    path: Path
    kind: str


@dataclass(frozen=True, slots=True)
class EmbeddingFile:
    """Vectors that stand for the word `name`, one of `tensors` for each text encoder. `problem`
    says why they cannot, as a sentence without its full stop."""

    name: str
    path: Path
    tensors: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Extras:
    vae: VaeFile | None = None  # None: the model's own
    preview_vae: VaeFile | None = None
    embeddings: tuple[EmbeddingFile, ...] = ()  # that the words of its pictures name
    spacing: Spacing = EVEN

    @classmethod
    def of(
        cls, registry: Any, request: JobRequest, model: Any, words: Sequence[Words] = ()
    ) -> Extras:
        """Of a resolved request; `registry` and `model` as in `models/`, `words` of its pictures.
        Raises NotFound or BadInput where `embedding:name` in them cannot be followed."""
        vae = registry.vaes.get(request.vae) if request.vae else None
        preview = registry.vaes.for_previews(model) if request.preview else None
        loras = dict.fromkeys(name for said in words for name, _ in said.loras)
        said_words = [prompt for said in words for prompt in said.prompts]
        named = registry.embeddings_named(said_words, model, loras)
        return cls(
            VaeFile(vae.path, vae.kind) if vae else None,
            VaeFile(preview.path, preview.kind) if preview else None,
            tuple(
                EmbeddingFile(one.name, one.item.place.path, one.tensors, one.mismatch(model))
                for one in named
            ),
            registry.defaults(model, request.loras).spacing,
        )


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The part of a registry entry that the engine needs; sizes in px."""

    id: str
    path: Path
    family: str
    native_size: int
    multiple: int
    min_size: int
    max_pixels: int
    whole_pixels: int = 0
    variant: str = ""
    editing: str = ""  # how it edits by instruction, a name of families.EDITS
    base: Path | None = None  # folder of the parts that a denoiser's file does not hold
    parts: dict[str, Path] = field(default_factory=dict)  # files that stand for parts of the base
    configs: str = ""  # which of pentimento/configs is that of a checkpoint in one file
    scheduler: dict[str, Any] = field(default_factory=dict)  # its configuration; empty: the file's

    @classmethod
    def of(cls, entry: Any) -> ModelSpec:
        """From a registry entry, which has the same attributes among others."""
        return cls(
            id=entry.id,
            path=Path(entry.path),
            family=str(entry.family),
            native_size=entry.native_size,
            multiple=entry.multiple,
            min_size=entry.min_size,
            max_pixels=entry.max_pixels,
            whole_pixels=entry.whole_pixels,
            variant=entry.variant,
            editing=entry.editing,
            base=entry.base,
            parts=dict(entry.parts),
            configs=entry.configs,
            scheduler=dict(entry.scheduler),
        )


@dataclass(frozen=True, slots=True)
class EngineJob:
    """A task together with the model it runs on, None where only a map is drawn; `addons` maps ids
    of ControlNets and LoRAs, and what draws maps, to where they lie."""

    task: Task
    model: ModelSpec | None
    addons: dict[str, Path] = field(default_factory=dict)
    extras: Extras = field(default_factory=Extras)


class _Written:
    """How things of a type are written and read; worked out when it is needed, not at the start."""

    def __init__(self, kind: type[Any]) -> None:
        self.kind = kind

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.kind)


JOB, SPEC = _Written(EngineJob), _Written(ModelSpec)
EVENTS = {
    "loading": _Written(Loading),
    "step": _Written(Step),
    "preview": _Written(Preview),
    "result": _Written(Result),
}
OUTSIDE = ("event", "type", "job_id")  # of a message with an event


def job_to_json(job: EngineJob) -> Message:
    told: Message = _plain(JOB.adapter.dump_python(job))
    return told


def job_from_json(data: Message) -> EngineJob:
    job: EngineJob = JOB.adapter.validate_python(data)
    return job


def spec_to_json(spec: ModelSpec) -> Message:
    told: Message = _plain(SPEC.adapter.dump_python(spec))
    return told


def spec_from_json(data: Message) -> ModelSpec:
    spec: ModelSpec = SPEC.adapter.validate_python(data)
    return spec


def event_to_json(event: Event) -> tuple[Message, bytes]:
    """The event as a message and its binary part (only previews have one)."""
    name, written = next(one for one in EVENTS.items() if isinstance(event, one[1].kind))
    told = _plain(written.adapter.dump_python(event))
    jpeg = told.pop("jpeg", b"")
    return {"event": name, **told}, jpeg


def event_from_json(message: Message, binary: bytes) -> Event:
    """Raises ValueError for what is no event."""
    data = {key: value for key, value in message.items() if key not in OUTSIDE}
    written = EVENTS.get(message["event"])
    if written is None:
        raise ValueError(f"unknown event {message['event']!r}")
    if written.kind is Preview:
        data["jpeg"] = binary
    event: Event = written.adapter.validate_python(data)
    return event


def _plain(value: Any) -> Any:
    """As JSON has it. Paths keep bytes that are no text, which pydantic's own JSON refuses."""
    match value:
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case Path():
            return str(value)
        case Enum():
            return value.value
    return value


def error_to_json(error: PentimentoError) -> Message:
    return dict(error.body()["error"])


def error_from_json(data: Message) -> JobFailed:
    return JobFailed(data["code"], data["message"], data["hint"], details=data["details"])


HEADER = struct.Struct(">II")
MAX_PART = 64 * 1024 * 1024  # bytes; pixels travel as files, so anything larger is a broken stream

Message = dict[str, Any]


class BrokenStream(Exception):
    """The bytes are not frames: something else wrote to the pipe, or it ended inside a frame."""


def pack_frame(message: Message, binary: bytes = b"") -> bytes:
    """One frame as bytes."""
    text = json.dumps(message, separators=(",", ":")).encode()
    return HEADER.pack(len(text), len(binary)) + text + binary


def frame_lengths(header: bytes) -> tuple[int, int]:
    """The two lengths in a header of `HEADER.size` bytes; raises BrokenStream when absurd."""
    text, binary = HEADER.unpack(header)
    if text > MAX_PART or binary > MAX_PART:
        raise BrokenStream(f"a frame of {text} + {binary} bytes")
    return text, binary


def unpack_frame(text: bytes) -> Message:
    """The JSON part of a frame; raises BrokenStream when it is no JSON object."""
    try:
        message = json.loads(text)
    except ValueError as error:
        raise BrokenStream(str(error)) from error
    if not isinstance(message, dict):
        raise BrokenStream("a frame without a JSON object")
    return message


def read_frame(stream: BinaryIO) -> tuple[Message, bytes] | None:
    """The next frame of a blocking stream, None at its end."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    text, binary = frame_lengths(header)
    body = stream.read(text + binary)
    if len(body) < text + binary:
        return None
    return unpack_frame(body[:text]), body[text:]
