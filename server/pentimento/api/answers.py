"""The answers of the calls as schemas: for the OpenAPI document and for tests."""

from __future__ import annotations

from typing import Any, Literal

from pentimento.jobs.record import JobRequest, Mode, Plan, Strict
from pentimento.jobs.styles import Style

__all__ = ["Plan"]


class Health(Strict):
    name: Literal["pentimento"]
    version: str
    status: Literal["ok"]


class EnginePart(Strict):
    """`place` is "ram" or "device"."""

    name: str
    mb: int
    place: Literal["ram", "device"]


class EngineMemory(Strict):
    """Budgets for weights, in MiB; without `vram_mb` nothing but the device limits them."""

    ram_mb: int
    vram_mb: int | None
    parts: list[EnginePart]


class EngineState(Strict):
    state: Literal["stopped", "starting", "idle", "busy", "failed"]
    device: str | None
    pid: int | None
    memory_mb: int | None
    loaded: list[Any]
    memory: EngineMemory | None = None


class Engine(Strict):
    engine: EngineState


class QueueState(Strict):
    running: str | None
    queued: int
    limit: int


class Disk(Strict):
    free_mb: int
    used_mb: int
    limit_mb: int


class Status(Strict):
    name: Literal["pentimento"]
    version: str
    pid: int
    uptime_seconds: float
    data_dir: str
    backend: str
    engine: EngineState
    queue: QueueState
    disk: Disk


class Model(Strict):
    """`variant`: "inpaint" for models that were trained to fill holes, else empty."""

    id: str
    title: str
    family: str
    native_size: int
    multiple: int
    min_size: int
    max_pixels: int
    default_steps: int
    default_guidance: float
    default_sampler: str
    licence: str
    note: str
    variant: str
    precision: str
    source: str
    bytes: int
    default: bool
    ok: bool
    problem: str
    modes: list[str]
    edit_references: int


class Lora(Strict):
    """`fits` names the models it can be used with."""

    id: str
    title: str
    note: str
    ok: bool
    problem: str
    fits: list[str]


class Found(Lora):
    """`source`: whose folder it lies in; empty for the data folder."""

    family: str
    precision: str
    source: str


class Addon(Found):
    """`triggers`: words that a LoRA was trained with."""

    triggers: list[str]


class Suggestion(Strict):
    """What a LoRA for few steps wants, where a job leaves it open."""

    sampler: str
    steps: int
    guidance: float
    weight: float


class LoraEntry(Addon):
    suggests: Suggestion | None


class ControlNet(Addon):
    control: str


class Vae(Lora):
    """`tiny`: made for previews, quick and coarse. `source` as of Found."""

    tiny: bool
    source: str


class Models(Strict):
    models: list[Model]
    controlnets: list[ControlNet]
    loras: list[LoraEntry]
    embeddings: list[Found]
    upscalers: list[Found]
    ip_adapters: list[Lora]
    vaes: list[Vae]
    wildcards: list[str]


class ModelFolder(Strict):
    """`found`: how many files and diffusers folders may be models there."""

    path: str
    kind: str
    there: bool
    found: int


class ModelFolders(Strict):
    folders: list[ModelFolder]


class Controls(Strict):
    """`preprocess`: the types whose maps the server draws itself."""

    types: list[str]
    preprocess: list[str]


class Missing(Strict):
    what: str
    why: str


class Formats(Strict):
    files: list[str]
    raw: str
    pixels: list[str]


class Capabilities(Strict):
    modes: list[str]
    samplers: list[str]
    controls: Controls
    formats: Formats
    limits: dict[str, float]
    models: list[Model]
    missing: list[Missing]


class Able(Strict):
    """`control` names the types of maps, `sizes` the choices or the rule."""

    txt2img: bool
    img2img: bool
    inpaint: bool
    control: list[str]
    sizes: dict[str, Any]
    seed: bool
    negative_prompt: bool
    strength: bool
    steps: bool
    guidance: bool


class Backend(Strict):
    """A place where jobs can run. Prices and limits in US dollars."""

    id: str
    title: str
    kind: Literal["local", "remote"]
    configured: bool
    needs_key: bool
    has_key: bool
    key_source: Literal["environment", "keyring", "file", "none"]
    key_page: str
    consented: bool
    base_url: str
    own_address: bool
    extras: bool
    capabilities: Able
    models: list[str]
    model: str
    price: str
    price_per_picture: float | None
    privacy: str
    receives: str
    quality: str
    speed: str
    caps: dict[str, float | None]
    spent_today: float
    recommended: bool
    why: str
    checked: str
    verified: str


class Backends(Strict):
    backends: list[Backend]


class Checked(Strict):
    ok: bool
    models: list[str]


class BlobAnswer(Strict):
    id: str
    width: int
    height: int
    expires_at: str


class Urls(Strict):
    self: str
    events: str
    cancel: str


class Accepted(Strict):
    id: str
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    queue_position: int | None
    urls: Urls


class ErrorParts(Strict):
    code: str
    message: str
    hint: str
    details: dict[str, Any]


class Error(Strict):
    error: ErrorParts


class ProgressParts(Strict):
    phase: Literal["queued", "loading", "denoising", "saving", "done"]
    message: str
    step: int
    steps: int
    image: int
    images: int
    fraction: float
    eta_seconds: float | None


class Image(Strict):
    index: int
    url: str
    width: int
    height: int
    format: str
    seed: int
    facts: dict[str, Any]


class Mask(Strict):
    url: str
    width: int
    height: int


class Stage(Strict):
    index: int
    code: str
    name: str
    url: str
    width: int
    height: int
    format: str
    facts: dict[str, Any]


class Preview(Strict):
    url: str
    rev: int


class Record(Strict):
    request: JobRequest
    server_version: str
    facts: dict[str, Any]


class Snapshot(Strict):
    id: str
    rev: int
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    mode: Mode
    client: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    expires_at: str
    queue_position: int | None
    progress: ProgressParts
    images: list[Image]
    mask: Mask | None
    stages: list[Stage]
    preview: Preview | None
    error: ErrorParts | None
    record: Record


class Jobs(Strict):
    jobs: list[Snapshot]


class Ending(Strict):
    status: Literal["shutting_down"]


class Licence(Strict):
    """`open`: others need `notice` agreed to."""

    title: str
    url: str
    open: bool
    notice: str


class Fits(Strict):
    """What it needs and what is there, in GB of the device's memory."""

    verdict: Literal["yes", "slow", "no"]
    device: Literal["gpu", "cpu"]
    need: float
    have: float


class AvailableModel(Strict):
    id: str
    title: str
    role: str
    family: str
    bytes: int
    gated: bool
    vram: int
    cpu: bool
    use: str
    best_for: list[str]
    licence: Licence
    usable: bool
    installed: bool
    fits: Fits


class Machine(Strict):
    vram_gb: float | None
    ram_gb: float


class Available(Strict):
    available: list[AvailableModel]
    machine: Machine
    free_bytes: int


class PullUrls(Strict):
    self: str
    pause: str
    cancel: str


class Pull(Strict):
    id: str
    title: str
    rev: int
    status: Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"]
    bytes: int
    done: int
    fraction: float
    file: str
    bytes_per_second: int
    eta_seconds: int | None
    error: ErrorParts | None
    urls: PullUrls


class Pulls(Strict):
    pulls: list[Pull]


class StyleEntry(Style):
    """`builtin`: came with the program."""

    builtin: bool
    ok: bool
    problem: str


class StyleList(Strict):
    styles: list[StyleEntry]


class StyleRemoved(Strict):
    name: str
    removed: bool


class Removed(Strict):
    id: str
    removed: bool
