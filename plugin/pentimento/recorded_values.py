"""The option values that a recorded job stands for. Plain data, as wire.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Mapping, Tuple

import choices

if TYPE_CHECKING:
    from answers import JobRequest

_FIELDS = {  # option: field of the recorded request
    "prompt": "prompt",
    "negative-prompt": "negative_prompt",
    "strength": "strength",
    "steps": "steps",
    "guidance": "guidance",
    "model": "model",
    "vae": "vae",
}


def given(request: JobRequest, seed: int) -> List[Tuple[str, Any]]:
    """The option values that a recorded request stands for."""
    every: Mapping[str, Any] = request
    found = [(name, every[field]) for name, field in _FIELDS.items() if field in every]
    found += [("random-seed", False), ("seed", min(seed, 2**32 - 1))]
    samplers = {choice.value: choice.nick for choice in choices.SAMPLERS}
    found.append(("sampler", samplers.get(request.get("sampler"), choices.MODEL_DEFAULT)))
    loras = (
        one["id"] + (f":{one['weight']:g}" if one.get("weight") is not None else "")
        for one in request.get("loras", ())
    )
    found.append(("loras", ", ".join(loras)))
    return found
