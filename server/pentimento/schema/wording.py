"""The words of a plan: one table says what a mode and a strength are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pentimento.core.geometry import Size, Work
from pentimento.schema.job import Mode
from pentimento.schema.plan import Notice

VERBS = {"touch_up": "Touch up", "restyle": "Restyle", "repaint": "Repaint"}
AT_FULL_STRENGTH = {
    Mode.TXT2IMG: "Paint a new picture",
    Mode.IMG2IMG: "Paint a new picture over the source",
    Mode.INPAINT: "Fill the selection",
    Mode.EDIT: "Edit the picture as told",
    Mode.OUTPAINT: "Continue the picture beyond its borders",
}
OBJECT = {
    Mode.IMG2IMG: "the source",
    Mode.INPAINT: "the selection",
    Mode.OUTPAINT: "what lies beyond the borders",
}
FEW_STEPS = 3  # fewer than this leave visible noise or blur

NOTICES = {  # code -> the message, filled in from the notice's parameters
    "model_damaged": "The model {title} cannot be used: {problem}",
    "nothing_changes": "At strength 0 the picture stays exactly as it is.",
    "one_step": "Only 1 step will run at this strength; more steps give a cleaner picture.",
    "few_steps": "Only {steps} steps will run at this strength; more steps give a cleaner picture.",
    "reduced": (
        "This model paints at {generation_width} × {generation_height} px and the result is scaled "
        "up to {width} × {height}, so it will be soft. Select a smaller area for more detail."
    ),
    "begins_with_surroundings": "The selection begins with the colors of its surroundings.",
    "filled_from_surroundings": "The selection is filled from its surroundings, without a model.",
    "selection_cut": (
        "The selection reaches beyond the canvas; only the part on the canvas is regenerated."
    ),
    "beyond_source": (
        "The area reaches beyond the layer; what lies outside counts as transparent."
    ),
    "prompt_language": (
        "This model was trained on English and will hardly understand the prompt. Write it in "
        "English, or choose a model that reads other languages."
    ),
    "prompt_cut": "The model reads {limit} tokens of a prompt and did not read this: “{unread}”",
    "negative_prompt_cut": (
        "The model reads {limit} tokens of a negative prompt and did not read this: “{unread}”"
    ),
    "weights_unused": (
        "{unused} of the {total} weights of {name} belong to no part of the model and were not "
        "used, such as {example}."
    ),
    "lora_partly_used": (
        "{unused} of the {total} weights of the LoRA {name} belong to no layer of this model and "
        "were not used, such as {example}."
    ),
    "embedding_unused": (
        "“{name}” was read as a word and not used as the embedding of this name: {problem}."
    ),
    "steps_as_words": (
        "“{text}” was read as words: words that change from step to step, as AUTOMATIC1111 has "
        "them, do not exist here. For a choice by chance write {{a|b}}."
    ),
    "and_as_word": (
        "“AND” was read as a word: prompts that are painted together, as AUTOMATIC1111 has them, "
        "do not exist here. Say it in one prompt, or use regions."
    ),
    "region_prompt_cut": (
        "The model reads {limit} tokens of a region's prompt and did not read this of region "
        "{region}: “{unread}”"
    ),
}

STAGES = {  # code -> the name, filled in from the stage's facts
    "source": "Source",
    "mask": "Mask",
    "prefill": "Under the selection",
    "round_trip": "Encoded and decoded",
    "control": "Control map: {control}",
    "noised_start": "Noised start",
    "estimate": "Step {step} of {steps}",
    "decode": "Decoded",
    "drift_correction": "Drift taken off",
    "detail_correction": "Detail given back",
    "color_match": "Colors matched",
    "composite": "Composite",
    "result": "Result",
}


def stage_name(code: str, facts: dict[str, Any]) -> str:
    return STAGES[code].format(**facts)


def notice(code: str, **params: str | int) -> Notice:
    return Notice(code=code, message=NOTICES[code].format(**params), params=params)


def sentence(
    mode: Mode,
    strength: float,
    strengths: Mapping[str, float],
    passes: Sequence[tuple[Work, int]],
    steps: int,
    count: int,
) -> str:
    """The job in words: “Repaint the selection at 0.75: 768 × 512 px, 15 of 20 steps”. A pass is
    how it works and the steps it runs; `strengths` are what the words are for the model."""
    if strength == 0:
        return f"Keep {OBJECT[mode]} as it is"
    times = f", {count} pictures" if count > 1 else ""
    ways = ", then ".join(f"{_size(work)}, {_steps(run, steps)}" for work, run in passes)
    return f"{_deed(mode, strength, strengths)}: {ways}{times}"


def copied(count: int) -> str:
    """The job in words, where no model paints."""
    times = f", {count} pictures" if count > 1 else ""
    return f"Fill the selection from its surroundings, without a model{times}"


def _size(work: Work) -> str:
    tiles = f" in {len(work.tiles)} tiles" if work.tiled else ""
    return f"{work.content} px{tiles}"


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


def _deed(mode: Mode, strength: float, strengths: Mapping[str, float]) -> str:
    if strength >= 1:
        return AT_FULL_STRENGTH[mode]
    word = min(strengths, key=lambda word: abs(strengths[word] - strength), default="repaint")
    verb = VERBS[word]
    return f"{verb} {OBJECT[mode]} at {strength:.2g}"


def _steps(steps_run: int, steps: int) -> str:
    return _counted(steps) if steps_run == steps else f"{steps_run} of {_counted(steps)}"


def _counted(steps: int) -> str:
    return "1 step" if steps == 1 else f"{steps} steps"
