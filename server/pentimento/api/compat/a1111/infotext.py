"""What A1111 writes about a picture: the `parameters` text of its PNG, the `info` of an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pentimento import __version__
from pentimento.jobs.job import Job, Stored, moment
from pentimento.schema.job import JobStatus, Mode

NEGATIVE = "Negative prompt:"
NAME = re.compile(r"[A-Za-z][\w \-/]{0,63}")
QUOTED = re.compile(r'"(?:\\.|[^\\"])*"\s*')
LEAST_PAIRS = 3  # of a line of settings; fewer are words of the prompt


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
        lines.append(f"{NEGATIVE} {negative}")
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
        "comments": [told["message"] for told in state.facts.get("notices", ())],
        "infotexts": [text(job, stored) for stored in state.images],
        "index_of_first_image": 0,
        "job_timestamp": moment(state.started_at),
        "interrupted": state.status is JobStatus.CANCELLED,
        "job": job.id,
    }


def parse(written: str) -> dict[str, str]:
    """The settings of a text as A1111 or we write it; empty for any other text."""
    head, _, last = written.strip().rpartition("\n")
    pairs = list(_pairs(last))
    if len(pairs) < LEAST_PAIRS:
        return {}
    prompt: list[str] = []
    negative: list[str] | None = None
    for line in head.replace("\r\n", "\n").split("\n"):
        if line.lstrip().startswith(NEGATIVE):
            negative = negative or []
            line = line.lstrip().removeprefix(NEGATIVE).strip()
        (prompt if negative is None else negative).append(line)
    values = {"Prompt": "\n".join(prompt).strip()}
    if negative is not None:
        values["Negative prompt"] = "\n".join(negative).strip()
    return values | dict(pairs)


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    """Names and values between commas. Every character is looked at a few times at most, so any
    text is parsed in time that grows with its length only."""
    start, quotes = 0, True
    while start < len(line):
        end = line.find(",", start)
        end = len(line) if end < 0 else end
        name, colon, value = line[start:end].partition(":")
        if quotes and colon and value.lstrip().startswith('"'):
            quote = line.index('"', start + len(name))
            found = QUOTED.match(line, quote)
            if found is None:
                quotes = False  # left open, and so are all further ones
            elif found.end() == len(line) or line[found.end()] == ",":
                value, end = found[0], found.end()
        if colon and NAME.fullmatch(name.strip()):
            yield name.strip(), _unquoted(value.strip())
        start = end + 1


def _quoted(value: Any) -> str:
    words = str(value)
    return json.dumps(words, ensure_ascii=False) if set(words) & set(',:\n"') else words


def _unquoted(value: str) -> str:
    """As JSON where it is JSON; what others put between quotes is taken as it stands."""
    if len(value) < 2 or not value.startswith('"') or not value.endswith('"'):
        return value
    try:
        return str(json.loads(value, strict=False))
    except ValueError:
        return value[1:-1]
