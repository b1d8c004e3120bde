"""The words of a plan: one table says what a mode and a strength are called."""

from __future__ import annotations

from typing import Any

from pentimento.imaging.geometry import Size
from pentimento.jobs.record import Mode, Notice

# strengths below the number -> the verb of product.md's presets
VERBS = ((0.35, "Touch up"), (0.65, "Restyle"), (1.0, "Repaint"))
AT_FULL_STRENGTH = {
    Mode.TXT2IMG: "Paint a new picture",
    Mode.IMG2IMG: "Paint a new picture over the source",
    Mode.INPAINT: "Fill the selection",
    Mode.EDIT: "Edit the picture as told",
}
OBJECT = {Mode.IMG2IMG: "the source", Mode.INPAINT: "the selection"}
FEW_STEPS = 3  # fewer than this leave visible noise or blur

NOTICES = {  # code -> the message, filled in from the notice's parameters
    "model_damaged": "The model {title} cannot be used: {problem}",
    "nothing_changes": "At strength 0 the picture stays exactly as it is.",
    "one_step": "Only 1 step will run at this strength; more steps give a cleaner picture.",
    "few_steps": "Only {steps} steps will run at this strength; more steps give a cleaner picture.",
    "reduced": (
        "The area of {width} × {height} px is worked on at {generation_width} × "
        "{generation_height} px and enlarged again; fine detail is lost. "
        "Select a smaller area to keep it."
    ),
    "selection_cut": (
        "The selection reaches beyond the canvas; only the part on the canvas is regenerated."
    ),
    "beyond_source": (
        "The area reaches beyond the layer; what lies outside counts as transparent."
    ),
    "prompt_cut": "The model reads {limit} tokens of a prompt and did not read this: “{unread}”",
    "negative_prompt_cut": (
        "The model reads {limit} tokens of a negative prompt and did not read this: “{unread}”"
    ),
    "embedding_unused": (
        "“{name}” was read as a word and not used as the embedding of this name: {problem}."
    ),
    "region_prompt_cut": (
        "The model reads {limit} tokens of a region's prompt and did not read this of region "
        "{region}: “{unread}”"
    ),
}

STAGES = {  # code -> the name, filled in from the stage's facts
    "source": "Source",
    "mask": "Mask",
    "round_trip": "Encoded and decoded",
    "control": "Control map: {control}",
    "noised_start": "Noised start",
    "estimate": "Step {step} of {steps}",
    "decode": "Decoded",
    "drift_correction": "Drift taken off",
    "color_match": "Colors matched",
    "composite": "Composite",
    "result": "Result",
}


def stage_name(code: str, facts: dict[str, Any]) -> str:
    return STAGES[code].format(**facts)


def notice(code: str, **params: str | int) -> Notice:
    return Notice(code=code, message=NOTICES[code].format(**params), params=params)


def sentence(
    mode: Mode, strength: float, generation: Size, steps_run: int, steps: int, count: int
) -> str:
    """The job in words: “Repaint the selection at 0.75: 768 × 512 px, 15 of 20 steps”."""
    if strength == 0:
        return f"Keep {OBJECT[mode]} as it is"
    times = f", {count} pictures" if count > 1 else ""
    return f"{_deed(mode, strength)}: {generation} px, {_steps(steps_run, steps)}{times}"


def few_steps(steps_run: int) -> Notice:
    return notice("one_step") if steps_run == 1 else notice("few_steps", steps=steps_run)


def reduced(box: Size, generation: Size) -> Notice:
    return notice(
        "reduced",
        width=box.width,
        height=box.height,
        generation_width=generation.width,
        generation_height=generation.height,
    )


def _deed(mode: Mode, strength: float) -> str:
    if strength >= 1:
        return AT_FULL_STRENGTH[mode]
    verb = next(verb for limit, verb in VERBS if strength < limit)
    return f"{verb} {OBJECT[mode]} at {strength:.2g}"


def _steps(steps_run: int, steps: int) -> str:
    return _counted(steps) if steps_run == steps else f"{steps_run} of {_counted(steps)}"


def _counted(steps: int) -> str:
    return "1 step" if steps == 1 else f"{steps} steps"
