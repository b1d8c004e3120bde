"""The answers of the calls: what the routes return and what the OpenAPI document says of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from pentimento.core.errors import PentimentoError
from pentimento.schema.job import Mode, PixelFormat, Strict
from pentimento.schema.style import Style

Verdict = Literal["yes", "slow", "no"]  # whether a model suits a machine
EngineCondition = Literal["stopped", "starting", "idle", "busy", "failed"]


class Health(Strict):
    """`proof` and `shared_files` are there where a `nonce` was asked with."""

    name: Literal["pentimento"]
    version: str
    status: Literal["ok"]
    proof: str | None = None
    shared_files: bool | None = None


class NetworkState(Strict):
    """Whether other machines are let in, and where; `addresses` with the port."""

    open: bool
    addresses: list[str]
    fingerprint: str | None


class PairingCode(Strict):
    """To be typed on one other machine within so many seconds."""

    code: str
    seconds: int
    addresses: list[str]
    fingerprint: str


class Paired(Strict):
    """`proof`: the server knows the code too."""

    token: str
    proof: str


class EnginePart(Strict):
    """`place` is "ram" or "device"."""

    name: str
    mb: int
    place: Literal["ram", "device"]


class SourceCache(Strict):
    """What is kept of sources for the next job on them, MiB of how many."""

    mb: int
    limit_mb: int


class EngineMemory(Strict):
    """Budgets for weights, in MiB; without `vram_mb` nothing but the device limits them."""

    ram_mb: int
    vram_mb: int | None
    parts: list[EnginePart]
    sources: SourceCache | None = None


class EngineState(Strict):
    state: EngineCondition
    device: str | None
    pid: int | None
    memory_mb: int | None
    loaded: list[Any]
    memory: EngineMemory | None = None


class EngineAnswer(Strict):
    engine: EngineState


class QueueState(Strict):
    running: str | None
    queued: int
    limit: int


class DiskState(Strict):
    free_mb: int
    used_mb: int
    limit_mb: int


class LibraryReading(Strict):
    """Of files of models that are looked at for the first time."""

    read: int
    total: int


class Status(Strict):
    name: Literal["pentimento"]
    version: str
    pid: int
    uptime_seconds: float
    data_dir: str
    backend: str
    engine: EngineState
    queue: QueueState
    disk: DiskState
    library: LibraryReading | None


class ModelEntry(Strict):
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
    modes: list[Mode]
    strengths: dict[str, float]
    edit_references: int


class PartEntry(Strict):
    """`fits` names the models it can be used with."""

    id: str
    title: str
    note: str
    ok: bool
    problem: str
    fits: list[str]


class FileEntry(PartEntry):
    """`source`: whose folder it lies in; empty for the data folder."""

    family: str
    precision: str
    source: str


class AddonEntry(FileEntry):
    """`triggers`: words that a LoRA was trained with."""

    triggers: list[str]


class Suggestion(Strict):
    """What a LoRA for few steps wants, where a job leaves it open."""

    sampler: str
    steps: int
    guidance: float
    weight: float


class LoraEntry(AddonEntry):
    """`live`: live painting takes it by itself with a model that it fits."""

    suggests: Suggestion | None
    weight: float
    live: bool


class ControlNetEntry(AddonEntry):
    control: str


class VaeEntry(PartEntry):
    """`tiny`: made for previews, quick and coarse. `source` as of FileEntry."""

    tiny: bool
    source: str


class Models(Strict):
    models: list[ModelEntry]
    controlnets: list[ControlNetEntry]
    loras: list[LoraEntry]
    embeddings: list[FileEntry]
    upscalers: list[FileEntry]
    ip_adapters: list[PartEntry]
    vaes: list[VaeEntry]
    wildcards: list[str]


class FolderEntry(Strict):
    """`found`: how many files and diffusers folders may be models there."""

    path: str
    kind: str
    there: bool
    found: int


class FolderEntries(Strict):
    folders: list[FolderEntry]


class Controls(Strict):
    """`preprocess`: the types whose maps the server draws itself."""

    types: list[str]
    preprocess: list[str]


class MissingAbility(Strict):
    what: str
    why: str


class Formats(Strict):
    files: list[str]
    raw: str
    pixels: list[PixelFormat]


class ServerCapabilities(Strict):
    modes: list[Mode]
    samplers: list[str]
    controls: Controls
    formats: Formats
    limits: dict[str, float]
    models: list[ModelEntry]
    missing: list[MissingAbility]


class BackendAbilities(Strict):
    """`control` names the types of maps, `sizes` the choices or the rule."""

    txt2img: bool
    img2img: bool
    inpaint: bool
    edit: bool
    loras: bool
    references: int
    control: list[str]
    sizes: dict[str, Any]
    seed: bool
    negative_prompt: bool
    strength: bool
    steps: bool
    guidance: bool


# By itself at a strength that is said, or as it likes; steered by lines; from words alone; not.
How = Literal["strength", "yes", "lines", "words", "no"]


class Does(Strict):
    """How a place changes a source, by mode."""

    img2img: How
    inpaint: How
    edit: How


class ChosenNumbers(Strict):
    """`price` in US dollars a picture, `native_size` in px, `picture_quality` one of the service's
    `qualities`."""

    price: float | None = None
    native_size: int | None = None
    picture_quality: str | None = None


class BackendEntry(Strict):
    """A place where jobs can run. Prices and limits in US dollars; `price_of_job`: of the job that
    was asked about, or of a picture. `chosen` is what the user has set, None where nothing is."""

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
    takes_extras: bool
    qualities: list[str]
    chosen: ChosenNumbers
    capabilities: BackendAbilities
    models: list[str]
    model: str
    edit_models: list[str]
    edit_model: str
    price: str
    price_per_picture: float | None
    price_of_job: float | None
    price_of_edit: float | None  # of a picture that is changed as told
    does: Does
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


class BackendEntries(Strict):
    backends: list[BackendEntry]


class Remark(Strict):
    """What a person should know of a service's record; `sentence` is `code` with `params` in
    English."""

    code: str
    params: dict[str, str]
    sentence: str


class Checked(Strict):
    ok: bool
    models: list[str]
    remarks: list[Remark]


class WorkflowAnswer(Strict):
    """A job as a workflow for ComfyUI; `notes` say what is to be done there, and what has no
    node."""

    workflow: dict[str, Any]
    notes: list[str]


class BlobAnswer(Strict):
    """`notices`: sentences about what of the picture is not used."""

    id: str
    width: int
    height: int
    expires_at: str
    notices: list[str]


class LentFile(Strict):
    """A file on the server's machine that is to be filled with `bytes` bytes."""

    name: str
    path: str
    bytes: int


class ErrorParts(Strict):
    code: str
    message: str
    hint: str
    details: dict[str, Any]

    @classmethod
    def of(cls, error: PentimentoError) -> ErrorParts:
        return cls(code=error.code, message=error.message, hint=error.hint, details=error.details)


class Error(Strict):
    error: ErrorParts


class ShuttingDown(Strict):
    status: Literal["shutting_down"]


class Licence(Strict):
    """`open`: may be used by all for everything lawful; others need the `notice` agreed to."""

    title: str
    url: Annotated[str, Field(pattern=r"https://\S+")]
    open: bool
    notice: str = ""


class Fits(Strict):
    """What it needs and what is there, in GB of the device's memory."""

    verdict: Verdict
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


class MachineMemory(Strict):
    vram_gb: float | None
    ram_gb: float


class Available(Strict):
    available: list[AvailableModel]
    machine: MachineMemory
    free_bytes: int


PullStatus = Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"]


class PullUrls(Strict):
    self: str
    pause: str
    cancel: str


class PullSnapshot(Strict):
    id: str
    title: str
    rev: int
    status: PullStatus
    bytes: int
    done: int
    fraction: float
    file: str
    bytes_per_second: int
    eta_seconds: int | None
    error: ErrorParts | None
    urls: PullUrls


class PullSnapshots(Strict):
    pulls: list[PullSnapshot]


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
