"""GET and POST options: the few that have a meaning here, and what is kept between requests.

Other options are refused, not kept in vain, unless they concern files and windows that this server
does not have.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pentimento.api import jsontext, services
from pentimento.api.compat.a1111.fields import unsupported
from pentimento.api.compat.common import read_body
from pentimento.api.jsontext import JSONAnswer
from pentimento.api.services import Services
from pentimento.core.errors import BadInput, NotFound, field_error
from pentimento.jobs.job import Job

MODEL = "sd_model_checkpoint"
NO_CHOICE = (None, "")
OWN_VAE = ("Automatic", "None")
FORMATS = ("png", "jpg", "jpeg", "webp")
NEUTRAL: dict[str, tuple[Any, ...]] = {  # options that mean nothing here, at these values
    "sd_checkpoint_hash": (None,),
    "CLIP_stop_at_last_layers": (1,),
    "eta_noise_seed_delta": (0,),
    "face_restoration": (False,),
}
NO_EFFECT = ("grid", "save", "show", "outdir", "live_preview", "return_", "filter_nsfw", "do_not")


async def show(request: Request) -> Response:
    server = services.of(request)
    return JSONAnswer(await asyncio.to_thread(_shown, server, state_of(request).options))


def _shown(server: Services, options: Options) -> dict[str, Any]:
    return {
        "sd_model_checkpoint": options.model or server.registry.default_id,
        "sd_vae": options.vae or OWN_VAE[0],
        "samples_format": options.samples_format,
        "enable_pnginfo": options.enable_pnginfo,
        "jpeg_quality": options.jpeg_quality,
        **{name: values[0] for name, values in NEUTRAL.items()},
    }


async def change(request: Request) -> Response:
    """For all further requests of this face, until the server ends."""
    server = services.of(request)
    wanted = jsontext.load(await read_body(request, server))
    if not isinstance(wanted, dict):
        raise BadInput("bad_request", "Options are one JSON object.", "Send name and value.")
    state_of(request).change(**await asyncio.to_thread(_changes, server, wanted))
    return JSONAnswer(None)


async def overridden(request: Request, wanted: dict[str, Any] | None) -> Options:
    """The options for one request."""
    changes = await asyncio.to_thread(_changes, services.of(request), wanted or {})
    return replace(state_of(request).options, **changes)


def _changes(server: Services, wanted: dict[str, Any]) -> dict[str, Any]:
    """What changes in `Options`; raises for what cannot be followed."""
    changes: dict[str, Any] = {}
    for name, value in wanted.items():
        if name == MODEL and value in NO_CHOICE:
            continue  # the one there is, as in A1111
        if name in READERS:
            field, reader = READERS[name]
            changes[field] = reader(server, value)
        elif not _is_neutral(name, value) and not _concerns_nothing(name):
            raise unsupported(name, f"The option “{name}” cannot be changed here")
    return changes


def _is_neutral(name: str, value: Any) -> bool:
    """A1111 takes numbers and truths as text, too."""
    return any(_of_kind(value, neutral) == neutral for neutral in NEUTRAL.get(name, ()))


def _of_kind(value: Any, like: Any) -> Any:
    """Text as the number or truth that it says, where `like` is one."""
    if not isinstance(value, str):
        return value
    if isinstance(like, bool):
        return {"true": True, "false": False}.get(value.strip().lower(), value)
    try:
        return type(like)(value) if isinstance(like, int | float) else value
    except ValueError:
        return value


def _concerns_nothing(name: str) -> bool:
    return any(part in name.lower() for part in NO_EFFECT)


def _model(server: Services, value: Any) -> str | None:
    """By id or title, however it is written; a hash in brackets behind it is left out."""
    name = str(value).partition("[")[0].strip().lower()
    for info in server.registry.list():
        if info.ok and name in (info.id.lower(), info.title.lower()):
            return info.id
    raise NotFound("model_not_found", "Checkpoint not found.", "GET sd-models lists them.")


def _vae(server: Services, value: Any) -> str | None:
    """By id or title, with or without the ending of its file; None for the model's own."""
    name = str(value or "").strip()
    if not name or name in OWN_VAE:
        return None
    wanted = name.casefold().removesuffix(".safetensors")
    for vae in server.registry.vaes.list():
        if vae.ok and wanted in (vae.id.casefold(), vae.title.casefold()):
            return vae.id
    raise NotFound("model_not_found", "VAE not found.", "GET sd-vae lists them.")


def _format(_: Services, value: Any) -> str:
    return str(_one_of("samples_format", str(value).lower(), FORMATS))


def _flag(_: Services, value: Any) -> bool:
    return bool(_one_of("enable_pnginfo", _of_kind(value, True), (True, False)))


def _quality(_: Services, value: Any) -> int:
    return int(_one_of("jpeg_quality", _of_kind(value, 1), range(1, 101)))


def _one_of(name: str, value: Any, values: Iterable[Any]) -> Any:
    if value not in values:
        message = f"must be one of {', '.join(str(known) for known in values)}"
        raise BadInput(
            "bad_request",
            f"The option “{name}” {message}.",
            details=field_error(name, message),
        )
    return value


Reader = Callable[[Services, Any], Any]
READERS: dict[str, tuple[str, Reader]] = {
    MODEL: ("model", _model),
    "sd_vae": ("vae", _vae),
    "samples_format": ("samples_format", _format),
    "enable_pnginfo": ("enable_pnginfo", _flag),
    "jpeg_quality": ("jpeg_quality", _quality),
}


CLIENT = "a1111"  # of its jobs
MOST_TASKS = 256


@dataclass(frozen=True, slots=True)
class Options:
    """The options that have an effect here; `model` None is the server's default, `vae` None the
    model's own."""

    model: str | None = None
    vae: str | None = None
    samples_format: str = "png"
    enable_pnginfo: bool = True
    jpeg_quality: int = 80


@dataclass(slots=True)
class FaceState:
    """Lives as long as the server; nothing of it is written to disk."""

    options: Options = Options()
    tasks: OrderedDict[str, str] = field(default_factory=OrderedDict)  # a client's id -> job id

    def note_task(self, task: str | None, job: Job) -> None:
        if task:
            self.tasks[task] = job.id
        while len(self.tasks) > MOST_TASKS:
            self.tasks.popitem(last=False)

    def change(self, **changes: object) -> None:
        self.options = replace(self.options, **changes)  # type: ignore[arg-type]


def state_of(request: Request) -> FaceState:
    state: FaceState = request.app.state.a1111
    return state
