"""What A1111 writes about a picture: the `parameters` text of its PNG, the `info` of an answer."""

from __future__ import annotations

import json
import re
from typing import Any

from pentimento import __version__
from pentimento.jobs.job import Job
from pentimento.jobs.record import JobStatus, Mode
from pentimento.jobs.state import Stored, iso

KEYWORD = "parameters"
NEGATIVE = "Negative prompt: "
PAIR = re.compile(r'\s*([A-Za-z][\w \-/]*):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')


def text(job: Job, stored: Stored) -> str:
    """Prompt, negative prompt, and one line of settings, as `parse` reads it again."""
    request = job.request
    settings: dict[str, Any] = {
        "Steps": request.steps,
        "Sampler": request.sampler,
        "CFG scale": request.guidance,
        "Seed": stored.seed,
        "Size": f"{stored.width}x{stored.height}",
        "Model": request.model,
    }
    if request.mode is not Mode.TXT2IMG:
        settings["Denoising strength"] = request.strength
    settings["Version"] = f"pentimento {__version__}"
    prompt, negative = said(job, stored)
    lines = [prompt]
    if negative:
        lines.append(NEGATIVE + negative)
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in settings.items()))
    return "\n".join(lines)


def said(job: Job, stored: Stored) -> tuple[str, str]:
    """Both prompts of a picture, with what was drawn for it."""
    request, facts = job.request, stored.facts
    return (
        facts.get("prompt", request.prompt),
        facts.get("negative_prompt", request.negative_prompt),
    )


def info(job: Job) -> dict[str, Any]:
    """The answer's `info`, before it becomes a string."""
    request, state = job.request, job.state
    seeds = [(request.seed or 0) + index for index in range(request.count)]
    first = state.images[0] if state.images else None
    prompts = [said(job, stored)[0] for stored in state.images]
    negatives = [said(job, stored)[1] for stored in state.images]
    return {
        "prompt": prompts[0] if prompts else request.prompt,
        "all_prompts": prompts,
        "negative_prompt": negatives[0] if negatives else request.negative_prompt,
        "all_negative_prompts": negatives,
        "seed": request.seed,
        "all_seeds": seeds,
        "width": first.width if first else request.width,
        "height": first.height if first else request.height,
        "sampler_name": request.sampler,
        "cfg_scale": request.guidance,
        "steps": request.steps,
        "batch_size": request.count,
        "denoising_strength": None if request.mode is Mode.TXT2IMG else request.strength,
        "sd_model_name": request.model,
        "sd_model_hash": None,
        "infotexts": [text(job, stored) for stored in state.images],
        "index_of_first_image": 0,
        "job_timestamp": iso(state.started_at),
        "interrupted": state.status is JobStatus.CANCELLED,
        "job": job.id,
    }


def parse(written: str) -> dict[str, str]:
    """The settings of a text as A1111 or we write it; empty for any other text."""
    head, _, last = written.strip().rpartition("\n")
    pairs = PAIR.findall(last)
    if len(pairs) < 3:
        return {}
    prompt, found, negative = head.partition(NEGATIVE)
    values = {"Prompt": prompt.strip()}
    if found:
        values["Negative prompt"] = negative.strip()
    return values | {name: _unquoted(value) for name, value in pairs}


def _quoted(value: Any) -> str:
    words = str(value)
    return json.dumps(words, ensure_ascii=False) if set(words) & set(',:\n"') else words


def _unquoted(value: str) -> str:
    return str(json.loads(value)) if value.startswith('"') else value.strip()
