"""GET and POST options: the few that have a meaning here. Others are refused, not kept in vain,
unless they concern files and windows that this server does not have."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pentimento.api import services
from pentimento.api.faces.a1111 import state
from pentimento.api.faces.a1111.fields import unsupported
from pentimento.api.faces.a1111.state import Options
from pentimento.api.faces.running import read_body
from pentimento.api.services import Services
from pentimento.errors import BadInput, NotFound

OWN_VAE = ("Automatic", "None")
FORMATS = ("png", "jpg", "jpeg", "webp")
NEUTRAL: dict[str, tuple[Any, ...]] = {  # options that mean nothing here, at these values
    "CLIP_stop_at_last_layers": (1,),
    "eta_noise_seed_delta": (0,),
    "face_restoration": (False,),
}
NO_EFFECT = ("grid", "save", "show", "outdir", "live_preview", "return_", "filter_nsfw", "do_not")


async def show(request: Request) -> Response:
    server, options = services.of(request), state.of(request).options
    return JSONResponse(
        {
            "sd_model_checkpoint": options.model or server.registry.default_id,
            "sd_checkpoint_hash": None,
            "sd_vae": options.vae or OWN_VAE[0],
            "samples_format": options.samples_format,
            "enable_pnginfo": options.enable_pnginfo,
            "jpeg_quality": options.jpeg_quality,
            **{name: values[0] for name, values in NEUTRAL.items()},
        }
    )


async def change(request: Request) -> Response:
    """For all further requests of this face, until the server ends."""
    server = services.of(request)
    body = await read_body(request, server)
    try:
        wanted = json.loads(body)
    except ValueError:
        raise BadInput("bad_json", "The body is not valid JSON.", "Send one JSON object.") from None
    if not isinstance(wanted, dict):
        raise BadInput("bad_request", "Options are one JSON object.", "Send name and value.")
    state.of(request).change(**_changes(server, wanted))
    return JSONResponse(None)


def overridden(request: Request, wanted: dict[str, Any] | None) -> Options:
    """The options for one request."""
    from dataclasses import replace

    options = state.of(request).options
    return replace(options, **_changes(services.of(request), wanted or {}))


def _changes(server: Services, wanted: dict[str, Any]) -> dict[str, Any]:
    """What changes in `Options`; raises for what cannot be followed."""
    changes: dict[str, Any] = {}
    for name, value in wanted.items():
        if name in READERS:
            field, reader = READERS[name]
            changes[field] = reader(server, value)
        elif value not in NEUTRAL.get(name, ()) and not _concerns_nothing(name):
            raise unsupported(name, f"The option “{name}” cannot be changed here")
    return changes


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
    return bool(_one_of("enable_pnginfo", value, (True, False)))


def _quality(_: Services, value: Any) -> int:
    return int(_one_of("jpeg_quality", value, range(1, 101)))


def _one_of(name: str, value: Any, values: Iterable[Any]) -> Any:
    if value not in values:
        message = f"must be one of {', '.join(str(known) for known in values)}"
        raise BadInput(
            "bad_request",
            f"The option “{name}” {message}.",
            details={"fields": [{"field": name, "message": message}]},
        )
    return value


Reader = Callable[[Services, Any], Any]
READERS: dict[str, tuple[str, Reader]] = {
    "sd_model_checkpoint": ("model", _model),
    "sd_vae": ("vae", _vae),
    "samples_format": ("samples_format", _format),
    "enable_pnginfo": ("enable_pnginfo", _flag),
    "jpeg_quality": ("jpeg_quality", _quality),
}
