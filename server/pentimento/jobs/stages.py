"""The stages of a job as files for people: their sheet. Pixel work: call it off the event loop."""

from __future__ import annotations

from functools import partial

from pentimento.jobs.record import JobRequest
from pentimento.jobs.results import Results
from pentimento.jobs.state import JobState
from pentimento.jobs.wording import stage_name


def sheet(state: JobState, results: Results) -> bytes:
    """The contact sheet as PNG; there has to be a stage."""
    from pentimento.imaging import contact_sheet, pixels

    frames = [
        contact_sheet.Frame(
            stage.code,
            stage_name(stage.code, stage.facts),
            stage.facts,
            partial(pixels.read, results.file(state.id, stage)),
        )
        for stage in state.stages
    ]
    return contact_sheet.draw(frames, title(state.request))


def title(request: JobRequest) -> str:
    """What decided the picture, in one line. Without the prompt: the sheet's font is Latin only."""
    parts = [str(request.model), str(request.mode), f"strength {request.strength:g}"]
    if request.strength:
        parts += [str(request.sampler), f"{request.steps} steps", f"guidance {request.guidance:g}"]
    return " · ".join([*parts, f"seed {request.seed}"])
