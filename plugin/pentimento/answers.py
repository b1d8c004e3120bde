"""The shapes of the server's answers and of what it is asked, for mypy alone: nothing
checks them as GIMP runs. What it is asked, and the request in a record, may lack fields.
Written by tools/answers.py from the server's own models: do not edit."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, TypedDict, Union


class ServiceChange(TypedDict, total=False):
    base_url: Optional[str]
    model: Optional[str]
    models: Dict[str, str]
    caps: Optional[Caps]
    price: Optional[float]
    native_size: Optional[int]
    picture_quality: Optional[str]
    at_once: Optional[int]
    extras: Optional[bool]


class Accepted(TypedDict):
    id: str
    status: str
    queue_position: Optional[int]
    urls: Urls


class Asked(TypedDict, total=False):
    prompt: str
    strength: Optional[float]
    steps: Optional[int]
    guidance: Optional[float]
    count: int
    width: Optional[int]
    height: Optional[int]
    model: Optional[str]
    sampler: Optional[str]
    style: Optional[str]
    loras: List[Lora]
    controls: List[Control]
    expand: Optional[Expand]
    scale: Optional[float]
    upscaler: str
    detail: float
    faithfulness: float
    mask_options: MaskOptions
    context: Union[str, Rect]
    intent: Optional[Union[str, str]]
    filled_by: Optional[str]
    second_pass: bool
    backend: Optional[str]


class Available(TypedDict):
    available: List[AvailableModel]
    machine: MachineMemory
    free_bytes: int


class AvailableModel(TypedDict):
    id: str
    title: str
    role: str
    family: str
    bytes: int
    gated: bool
    vram: int
    cpu: bool
    use: str
    best_for: List[str]
    licence: Licence
    usable: bool
    installed: bool
    fits: Fits


class BackendAbilities(TypedDict):
    txt2img: bool
    img2img: bool
    inpaint: bool
    edit: bool
    loras: bool
    references: int
    control: List[str]
    sizes: Dict[str, Any]
    seed: bool
    negative_prompt: bool
    strength: bool
    steps: bool
    guidance: bool


class BackendEntries(TypedDict):
    backends: List[BackendEntry]


class BackendEntry(TypedDict):
    id: str
    title: str
    kind: str
    configured: bool
    needs_key: bool
    has_key: bool
    key_source: str
    key_page: str
    consented: bool
    base_url: str
    own_address: bool
    extras: bool
    takes_extras: bool
    qualities: List[str]
    chosen: ChosenNumbers
    capabilities: BackendAbilities
    models: List[str]
    model: str
    edit_models: List[str]
    edit_model: str
    price: str
    price_per_picture: Optional[float]
    price_of_job: Optional[float]
    price_of_edit: Optional[float]
    does: Does
    privacy: str
    receives: str
    quality: str
    speed: str
    caps: Dict[str, Optional[float]]
    spent_today: float
    recommended: bool
    why: str
    checked: str
    verified: str


class BlobRef(TypedDict):
    blob: str


class Button(TypedDict):
    code: str
    params: Dict[str, int]


class Caps(TypedDict, total=False):
    per_job: Optional[float]
    per_day: Optional[float]


class Checked(TypedDict):
    ok: bool
    models: List[str]
    remarks: List[Remark]


class ChosenNumbers(TypedDict):
    price: Optional[float]
    native_size: Optional[int]
    picture_quality: Optional[str]


class Control(TypedDict, total=False):
    type: str
    image: Optional[BlobRef]
    weight: float
    start: float
    end: float
    preprocess: bool
    low: float
    high: float
    model: Optional[str]


class Controls(TypedDict):
    types: List[str]
    preprocess: List[str]


class DiskState(TypedDict):
    free_mb: int
    used_mb: int
    limit_mb: int


class Does(TypedDict):
    img2img: str
    inpaint: str
    edit: str


class EngineMemory(TypedDict):
    ram_mb: int
    vram_mb: Optional[int]
    parts: List[EnginePart]
    sources: Optional[SourceCache]


class EnginePart(TypedDict):
    name: str
    mb: int
    place: str


class EngineState(TypedDict):
    state: str
    device: Optional[str]
    pid: Optional[int]
    memory_mb: Optional[int]
    loaded: List[Any]
    memory: Optional[EngineMemory]


class ErrorParts(TypedDict):
    code: str
    message: str
    hint: str
    details: Dict[str, Any]


class Expand(TypedDict, total=False):
    left: int
    top: int
    right: int
    bottom: int


class Fits(TypedDict):
    verdict: str
    device: str
    need: float
    have: float


class Formats(TypedDict):
    files: List[str]
    raw: str
    pixels: List[str]


class ImageEntry(TypedDict):
    index: int
    url: str
    width: int
    height: int
    format: str
    seed: int
    facts: Dict[str, Any]


class JobProgress(TypedDict):
    phase: str
    message: str
    step: int
    steps: int
    image: int
    images: int
    fraction: float
    eta_seconds: Optional[float]


class JobRecord(TypedDict):
    request: JobRequest
    server_version: str
    facts: Dict[str, Any]


class Jobs(TypedDict):
    jobs: List[Snapshot]
    next: Optional[str]


class LibraryReading(TypedDict):
    read: int
    total: int


class Licence(TypedDict):
    title: str
    url: str
    open: bool
    notice: str


class LoadingEvent(TypedDict):
    message: str
    progress: Optional[float]


class Lora(TypedDict, total=False):
    id: str
    weight: Optional[float]


class MachineMemory(TypedDict):
    vram_gb: Optional[float]
    ram_gb: float


class MaskEntry(TypedDict):
    url: str
    width: int
    height: int


class MaskOptions(TypedDict, total=False):
    grow: int
    feather: int
    blend: int
    auto: bool


class MissingAbility(TypedDict):
    what: str
    why: str


class ModelEntry(TypedDict):
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
    modes: List[str]
    strengths: Dict[str, float]
    edit_references: int


class Models(TypedDict):
    models: List[ModelEntry]
    controlnets: List[ControlNetEntry]
    loras: List[LoraEntry]
    embeddings: List[FileEntry]
    upscalers: List[FileEntry]
    ip_adapters: List[PartEntry]
    vaes: List[VaeEntry]
    wildcards: List[str]


class Notice(TypedDict):
    code: str
    message: str
    params: Dict[str, Union[str, int]]


class PartEntry(TypedDict):
    id: str
    title: str
    note: str
    ok: bool
    problem: str
    fits: List[str]


class Pass(TypedDict):
    width: int
    height: int
    steps: int
    tiles: int


class Plan(TypedDict):
    mode: str
    sentence: str
    box: Rect
    generation: SizeOut
    passes: List[Pass]
    reach: int
    intent: Optional[str]
    filled_by: Optional[str]
    button: Button
    model: str
    sampler: str
    strength: float
    steps: int
    steps_run: int
    guidance: float
    start_noise: float
    seconds: Optional[float]
    memory_mb: Optional[int]
    loras: List[Lora]
    warnings: List[str]
    notices: List[Notice]
    route: Optional[Route]
    tokens: Optional[Tokens]


class Point(TypedDict, total=False):
    x: float
    y: float
    label: Any


class PreviewLink(TypedDict):
    url: str
    rev: int


class PullSnapshot(TypedDict):
    id: str
    title: str
    rev: int
    status: str
    bytes: int
    done: int
    fraction: float
    file: str
    bytes_per_second: int
    eta_seconds: Optional[int]
    error: Optional[ErrorParts]
    urls: PullUrls


class PullSnapshots(TypedDict):
    pulls: List[PullSnapshot]


class PullUrls(TypedDict):
    self: str
    pause: str
    cancel: str


class QueueState(TypedDict):
    running: Optional[str]
    queued: int
    limit: int


class Rect(TypedDict, total=False):
    x: int
    y: int
    width: int
    height: int


class Reference(TypedDict, total=False):
    image: BlobRef
    weight: float
    kind: str
    start: float
    end: float
    model: Optional[str]


class Region(TypedDict, total=False):
    mask: BlobRef
    prompt: str
    weight: float


class Remark(TypedDict):
    code: str
    params: Dict[str, str]
    sentence: str


class Route(TypedDict):
    kind: str
    control: Optional[str]
    code: str
    params: Dict[str, str]
    sentence: str
    strength_maps_to: Optional[str]
    sends: Sends
    price: str
    receives: str


class Sends(TypedDict):
    width: int
    height: int
    bytes: int


class ServerCapabilities(TypedDict):
    modes: List[str]
    samplers: List[str]
    controls: Controls
    formats: Formats
    limits: Dict[str, float]
    models: List[ModelEntry]
    missing: List[MissingAbility]


class SizeOut(TypedDict):
    width: int
    height: int


class Snapshot(TypedDict):
    id: str
    rev: int
    status: str
    mode: str
    starred: bool
    client: str
    created_at: str
    started_at: Optional[str]
    finished_at: Optional[str]
    expires_at: str
    queue_position: Optional[int]
    progress: JobProgress
    images: List[ImageEntry]
    mask: Optional[MaskEntry]
    stages: List[StageEntry]
    preview: Optional[PreviewLink]
    error: Optional[ErrorParts]
    record: JobRecord


class SourceCache(TypedDict):
    mb: int
    limit_mb: int


class StageEntry(TypedDict):
    index: int
    code: str
    name: str
    url: str
    width: int
    height: int
    format: str
    facts: Dict[str, Any]


class Status(TypedDict):
    name: str
    version: str
    pid: int
    uptime_seconds: float
    data_dir: str
    backend: str
    engine: EngineState
    queue: QueueState
    disk: DiskState
    library: Optional[LibraryReading]


class StepEvent(TypedDict):
    step: int
    steps: int
    image: int
    images: int
    fraction: float
    eta_seconds: Optional[float]


class StyleFields(TypedDict):
    prompt: str
    negative_prompt: str
    model: Optional[str]
    vae: Optional[str]
    loras: List[Lora]
    sampler: Optional[str]
    steps: Optional[int]
    guidance: Optional[float]


class StyleList(TypedDict):
    styles: List[StyleEntry]


class Suggestion(TypedDict):
    sampler: str
    steps: int
    guidance: float
    weight: float


class Tokens(TypedDict):
    tokens: int
    limit: int
    chunks: int
    unread: str


class Urls(TypedDict):
    self: str
    events: str
    cancel: str


class FileEntry(PartEntry):
    family: str
    precision: str
    source: str


class JobRequest(Asked, total=False):
    mode: str
    negative_prompt: str
    seed: Optional[int]
    source: Optional[BlobRef]
    mask: Optional[BlobRef]
    vae: Optional[str]
    references: List[Reference]
    surroundings: Optional[str]
    regions: List[Region]
    points: List[Point]
    box: Optional[Rect]
    text: str
    cut_out: bool
    target: Optional[BlobRef]
    only_changes: bool
    composite: bool
    color_match: Optional[bool]
    drift_correction: bool
    detail_correction: bool
    grain_match: bool
    alpha: Optional[str]
    transparent_fill: str
    observe: bool
    observe_steps: List[int]
    preview: bool
    stopped_at: Optional[int]
    interactive: bool
    client: str
    image: str
    place: Optional[Rect]
    made_with: Dict[str, str]


class PlanRequest(Asked, total=False):
    mode: str
    canvas: Optional[Rect]
    source: Optional[Rect]
    selection: Optional[Rect]


class Style(StyleFields):
    name: str


class VaeEntry(PartEntry):
    tiny: bool
    source: str


class AddonEntry(FileEntry):
    triggers: List[str]


class StyleEntry(Style):
    builtin: bool
    ok: bool
    problem: str


class ControlNetEntry(AddonEntry):
    control: str


class LoraEntry(AddonEntry):
    suggests: Optional[Suggestion]
    weight: float
    live: bool


class Lists(Models, StyleList):
    """All that a dialog can choose from."""
