"""AUTOMATIC1111's API (`/sdapi/v1`, `/controlnet`, `/internal`): the calls that its clients make.

`fields` is what they send, `jobs` runs it, `sources` brings picture and mask into our form, `units`
ControlNet's units,
`progress`, `options`, `lists`, `controlnet` and `extras` are the calls around it.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pentimento.api.faces.a1111 import controlnet, extras, jobs, lists, options, progress
from pentimento.api.faces.a1111.state import State
from pentimento.api.faces.face import Face
from pentimento.errors import Busy, PentimentoError

API = "/sdapi/v1"


def install(app: Starlette) -> None:
    app.state.a1111 = State()


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
    body = {"error": error.code, "detail": detail, "body": "", "errors": sentence}
    headers = {}
    if isinstance(error, Busy):
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="pentimento"'
    return JSONResponse(body, 422 if fields else error.status, headers)


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
        Route("/internal/ping", lists.ping, methods=["GET"]),
        Route(f"{API}/options", options.show, methods=["GET"]),
        Route(f"{API}/options", options.change, methods=["POST"]),
        Route(f"{API}/sd-models", lists.models, methods=["GET"]),
        Route(f"{API}/sd-vae", lists.vaes, methods=["GET"]),
        Route(f"{API}/prompt-styles", lists.styles, methods=["GET"]),
        Route(f"{API}/refresh-checkpoints", lists.refresh, methods=["POST"]),
        Route(f"{API}/samplers", lists.samplers, methods=["GET"]),
        Route(f"{API}/schedulers", lists.schedulers, methods=["GET"]),
        Route(f"{API}/upscalers", extras.upscalers, methods=["GET"]),
        Route(f"{API}/cmd-flags", lists.flags, methods=["GET"]),
        Route(f"{API}/scripts", lists.scripts, methods=["GET"]),
        Route(f"{API}/embeddings", lists.embeddings, methods=["GET"]),
        Route(f"{API}/loras", lists.loras, methods=["GET"]),
        *(Route(f"{API}/{name}", lists.nothing, methods=["GET"]) for name in lists.EMPTY),
        Route(f"{API}/memory", lists.memory, methods=["GET"]),
        Route(f"{API}/png-info", extras.png_info, methods=["POST"]),
        Route(f"{API}/extra-single-image", extras.single_image, methods=["POST"]),
        Route("/controlnet/version", controlnet.version, methods=["GET"]),
        Route("/controlnet/model_list", controlnet.models, methods=["GET"]),
        Route("/controlnet/module_list", controlnet.modules, methods=["GET"]),
        Route("/controlnet/control_types", controlnet.types, methods=["GET"]),
        Route("/controlnet/settings", controlnet.settings, methods=["GET"]),
        Route("/controlnet/detect", controlnet.detect, methods=["POST"]),
    ),
    respond=respond,
    basic=True,
)
