"""AUTOMATIC1111's API (`/sdapi/v1`, `/controlnet`, `/internal`): the calls that its clients make.

`fields` is what they send, `jobs` runs it, `sources` brings picture and mask into our form, `units`
ControlNet's units,
`progress`, `options`, `lists`, `controlnet` and `extras` are the calls around it.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from pentimento.api.compat.a1111 import catalogue, extras, jobs, options, progress
from pentimento.api.compat.a1111.options import FaceState
from pentimento.api.compat.face import Face
from pentimento.api.jsontext import JSONAnswer
from pentimento.core.errors import Busy, PentimentoError

API = "/sdapi/v1"


def install(app: Starlette) -> None:
    app.state.a1111 = FaceState()


def respond(error: PentimentoError) -> Response:
    """As A1111 answers: `detail` is the list of fields for what does not fit, else a sentence."""
    fields = error.details.get("fields") if error.code == "bad_request" else None
    sentence = f"{error.message} {error.hint}".strip()
    detail: object = sentence
    if fields:
        detail = [
            {"loc": ["body", *item["field"].split(".")], "msg": item["message"], "type": "value"}
            for item in fields
        ]
    body = {
        "error": error.code,
        "message": sentence,  # some clients show this one alone
        "detail": detail,
        "body": "",
        "errors": sentence,
    }
    headers = {}
    if isinstance(error, Busy):
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="pentimento"'
    return JSONAnswer(body, 422 if fields else error.status, headers)


FACE = Face(
    name="a1111",
    title="AUTOMATIC1111's API",
    address="",
    prefixes=(f"{API}/", "/controlnet/", "/internal/"),
    routes=(
        Route(f"{API}/txt2img", jobs.txt2img, methods=["POST"]),
        Route(f"{API}/img2img", jobs.img2img, methods=["POST"]),
        Route(f"{API}/progress", progress.progress, methods=["GET"]),
        Route(f"{API}/interrupt", progress.interrupt, methods=["POST"]),
        Route("/internal/progress", progress.task_progress, methods=["POST"]),
        Route("/internal/pending-tasks", progress.pending, methods=["GET"]),
        Route("/internal/ping", catalogue.ping, methods=["GET"]),
        Route(f"{API}/options", options.show, methods=["GET"]),
        Route(f"{API}/options", options.change, methods=["POST"]),
        Route(f"{API}/sd-models", catalogue.models, methods=["GET"]),
        Route(f"{API}/sd-vae", catalogue.vaes, methods=["GET"]),
        Route(f"{API}/prompt-styles", catalogue.styles, methods=["GET"]),
        Route(f"{API}/refresh-checkpoints", catalogue.refresh, methods=["POST"]),
        Route(f"{API}/samplers", catalogue.samplers, methods=["GET"]),
        Route(f"{API}/schedulers", catalogue.schedulers, methods=["GET"]),
        Route(f"{API}/upscalers", extras.upscalers, methods=["GET"]),
        Route(f"{API}/cmd-flags", catalogue.flags, methods=["GET"]),
        Route(f"{API}/scripts", catalogue.scripts, methods=["GET"]),
        Route(f"{API}/embeddings", catalogue.embeddings, methods=["GET"]),
        Route(f"{API}/loras", catalogue.loras, methods=["GET"]),
        *(Route(f"{API}/{name}", catalogue.nothing, methods=["GET"]) for name in catalogue.EMPTY),
        Route(f"{API}/memory", catalogue.memory, methods=["GET"]),
        Route(f"{API}/png-info", extras.png_info, methods=["POST"]),
        Route(f"{API}/extra-single-image", extras.single_image, methods=["POST"]),
        Route(f"{API}/extra-batch-images", extras.batch_images, methods=["POST"]),
        Route("/controlnet/version", catalogue.version, methods=["GET"]),
        Route("/controlnet/model_list", catalogue.controlnet_models, methods=["GET"]),
        Route("/controlnet/module_list", catalogue.modules, methods=["GET"]),
        Route("/controlnet/control_types", catalogue.types, methods=["GET"]),
        Route("/controlnet/settings", catalogue.settings, methods=["GET"]),
        Route("/controlnet/detect", catalogue.detect, methods=["POST"]),
    ),
    respond=respond,
    basic=True,
)
