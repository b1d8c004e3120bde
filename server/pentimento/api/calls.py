"""The table of all calls: the router and the OpenAPI document are made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from pentimento.api import (
    backends,
    blobs,
    engine,
    events,
    folders,
    health,
    images,
    jobs,
    models,
    openapi,
    plan,
    pulls,
    stages,
    styles,
)
from pentimento.backends.remote.settings import Change
from pentimento.jobs.record import JobRequest, PlanRequest
from pentimento.jobs.styles import StyleFields

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Call:
    """One row. `answer` names a schema of `answers`, or is a content type."""

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    status: int = 200
    answer: str = "application/json"
    body: type[BaseModel] | None = None
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


PNG_OR_RAW = "image/png"

CALLS = (
    Call("GET", "/v1/health", health.health, "Whether it lives; open to all", answer="Health"),
    Call("GET", "/v1/status", health.status, "Engine, queue and disk", answer="Status"),
    Call("GET", "/v1/models", models.models, "Installed models", answer="Models"),
    Call(
        "GET", "/v1/models/folders", folders.listing, "Other programs' folders", 200, "ModelFolders"
    ),
    Call(
        *("PUT", "/v1/models/folders", folders.replace, "Choose other programs' folders"),
        *(200, "ModelFolders", folders.FolderList),
    ),
    Call("GET", "/v1/models/available", pulls.available, "What can be fetched", 200, "Available"),
    Call(
        *("POST", "/v1/models/pull", pulls.pull, "Fetch a model, or go on", 202, "Pull"),
        body=pulls.PullRequest,
    ),
    Call("GET", "/v1/models/pulls", pulls.listing, "Downloads", 200, "Pulls"),
    Call(
        *("GET", "/v1/models/pulls/{id}", pulls.show, "A download, or its next change"),
        *(200, "Pull"),
        query=("wait", "since"),
    ),
    Call("POST", "/v1/models/pulls/{id}/pause", pulls.pause, "Pause a download", 200, "Pull"),
    Call("DELETE", "/v1/models/pulls/{id}", pulls.cancel, "Give a download up", 200, "Pull"),
    Call("DELETE", "/v1/models/{id}", pulls.remove, "Remove a model", 200, "Removed"),
    Call("GET", "/v1/capabilities", models.capabilities, "What works", answer="Capabilities"),
    Call("GET", "/v1/backends", backends.listing, "Where jobs can run", answer="Backends"),
    Call(
        *("PUT", "/v1/backends/{id}", backends.change, "Set a service up", 200, "Backend"),
        body=Change,
    ),
    Call(
        *("POST", "/v1/backends/{id}/consent", backends.consent, "Agree, or no longer"),
        *(200, "Backend", backends.Agreement),
    ),
    Call(
        *("PUT", "/v1/backends/{id}/key", backends.put_key, "Keep a key", 200, "Backend"),
        body=backends.Key,
    ),
    Call("DELETE", "/v1/backends/{id}/key", backends.delete_key, "Forget a key", 200, "Backend"),
    Call("POST", "/v1/backends/{id}/check", backends.check, "Does it work", 200, "Checked"),
    Call("GET", "/v1/styles", styles.listing, "Styles", answer="StyleList"),
    Call(
        *("PUT", "/v1/styles/{name}", styles.save, "Save a style", 200, "StyleEntry"),
        body=StyleFields,
    ),
    Call("DELETE", "/v1/styles/{name}", styles.remove, "Remove a style", 200, "StyleRemoved"),
    Call("POST", "/v1/plan", plan.plan, "What a job would do", answer="Plan", body=PlanRequest),
    Call("PUT", "/v1/blobs", blobs.put, "Send a picture", 201, "BlobAnswer"),
    Call("HEAD", "/v1/blobs/{id}", blobs.head, "Whether a picture is there", answer=""),
    Call(
        *("POST", "/v1/jobs", jobs.create, "Start a job", 202, "Accepted", JobRequest),
        headers=("Idempotency-Key",),
    ),
    Call(
        *("GET", "/v1/jobs", jobs.listing, "Jobs, newest first", 200, "Jobs"),
        query=("client", "status", "limit"),
    ),
    Call(
        *("GET", "/v1/jobs/{id}", jobs.show, "A job, or its next change", 200, "Snapshot"),
        query=("wait", "since"),
    ),
    Call(
        *("GET", "/v1/jobs/{id}/events", events.events, "Its events", 200, "text/event-stream"),
        headers=("Last-Event-ID",),
    ),
    Call("GET", "/v1/jobs/{id}/preview", images.preview, "Newest preview", 200, "image/jpeg"),
    Call("GET", "/v1/jobs/{id}/images/{n}", images.image, "A result", 200, PNG_OR_RAW),
    Call("GET", "/v1/jobs/{id}/mask", images.mask, "The effective mask", 200, PNG_OR_RAW),
    Call("GET", "/v1/jobs/{id}/stages/{n}", stages.stage, "A stage", 200, PNG_OR_RAW),
    Call("GET", "/v1/jobs/{id}/contact-sheet", stages.contact_sheet, "Stages", 200, "image/png"),
    Call("DELETE", "/v1/jobs/{id}", jobs.cancel, "Cancel a job", answer="Snapshot"),
    Call("POST", "/v1/engine/start", engine.start, "Warm the engine up", answer="Engine"),
    Call("POST", "/v1/engine/stop", engine.stop, "Give its memory back", answer="Engine"),
    Call("POST", "/v1/shutdown", engine.shutdown, "End the server", 202, "Ending"),
    Call("GET", "/v1/openapi.json", openapi.document, "This document"),
)
