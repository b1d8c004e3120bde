"""What travels in the frames: a job for the engine, and the engine's events. No torch here."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pentimento.backends.base import (
    Event,
    Loading,
    PixelFile,
    Preview,
    Result,
    Step,
    Task,
    Words,
)
from pentimento.engine.extras import Extras
from pentimento.engine.frames import Message
from pentimento.errors import JobFailed, PentimentoError
from pentimento.jobs.record import JobRequest, PixelFormat


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
    variant: str = ""
    editing: str = ""  # how it edits by instruction, a name of families.EDITS
    base: Path | None = None  # folder of the parts that a denoiser's file does not hold
    configs: str = ""  # which of pentimento/configs is that of a checkpoint in one file

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
            variant=entry.variant,
            editing=entry.editing,
            base=entry.base,
            configs=entry.configs,
        )


@dataclass(frozen=True, slots=True)
class EngineJob:
    """A task together with the model it runs on, None where only a map is drawn; `addons` maps ids
    of ControlNets and LoRAs, and what draws maps, to where they lie."""

    task: Task
    model: ModelSpec | None
    addons: dict[str, Path] = field(default_factory=dict)
    extras: Extras = field(default_factory=Extras)


def _file_to_json(file: PixelFile) -> Message:
    return {
        "path": str(file.path),
        "width": file.width,
        "height": file.height,
        "format": file.format.value if file.format else None,
    }


def _file_from_json(data: Message) -> PixelFile:
    name = data["format"]
    return PixelFile(
        Path(data["path"]), data["width"], data["height"], PixelFormat(name) if name else None
    )


def job_to_json(job: EngineJob) -> Message:
    return {
        "job_id": job.task.job_id,
        "request": job.task.request.model_dump(mode="json"),
        "inputs": {key: _file_to_json(file) for key, file in job.task.inputs.items()},
        "output_dir": str(job.task.output_dir),
        "words": [asdict(words) for words in job.task.words],
        "model": _spec_to_json(job.model) if job.model else None,
        "addons": {name: str(path) for name, path in job.addons.items()},
        "extras": job.extras.to_json(),
    }


def job_from_json(data: Message) -> EngineJob:
    task = Task(
        job_id=data["job_id"],
        request=JobRequest.model_validate(data["request"]),
        inputs={key: _file_from_json(file) for key, file in data["inputs"].items()},
        output_dir=Path(data["output_dir"]),
        words=tuple(_words_from_json(words) for words in data["words"]),
    )
    spec = data["model"]
    model = _spec_from_json(spec) if spec else None
    addons = {name: Path(path) for name, path in data["addons"].items()}
    return EngineJob(task, model, addons, Extras.from_json(data["extras"]))


def _spec_to_json(spec: ModelSpec) -> Message:
    base = str(spec.base) if spec.base else None
    return asdict(spec) | {"path": str(spec.path), "base": base}


def _spec_from_json(data: Message) -> ModelSpec:
    base = Path(data["base"]) if data["base"] else None
    return ModelSpec(**(data | {"path": Path(data["path"]), "base": base}))


def _words_from_json(data: Message) -> Words:
    loras = tuple((name, weight) for name, weight in data["loras"])
    return Words(**(data | {"regions": tuple(data["regions"]), "loras": loras}))


def event_to_json(event: Event) -> tuple[Message, bytes]:
    """The event as a message and its binary part (only previews have one)."""
    match event:
        case Loading():
            return {"event": "loading"} | asdict(event), b""
        case Step():
            return {"event": "step"} | asdict(event), b""
        case Preview():
            return {"event": "preview", "step": event.step, "image": event.image}, event.jpeg
        case Result():
            return {
                "event": "result",
                "index": event.index,
                "file": _file_to_json(event.file),
                "seed": event.seed,
                "facts": event.facts,
                "kind": event.kind,
                "name": event.name,
            }, b""


def event_from_json(message: Message, binary: bytes) -> Event:
    data = {key: value for key, value in message.items() if key not in ("event", "type", "job_id")}
    match message["event"]:
        case "loading":
            return Loading(**data)
        case "step":
            return Step(**data)
        case "preview":
            return Preview(jpeg=binary, **data)
        case "result":
            return Result(**(data | {"file": _file_from_json(data["file"])}))
    raise ValueError(f"unknown event {message['event']!r}")


def error_to_json(error: PentimentoError) -> Message:
    return dict(error.body()["error"])


def error_from_json(data: Message) -> JobFailed:
    return JobFailed(data["code"], data["message"], data["hint"], details=data["details"])
