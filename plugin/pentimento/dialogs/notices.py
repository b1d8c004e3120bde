"""The server's notices (docs/protocol.md) in the person's language: the same words as the server's,
for the translators. tests/contract holds the two together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from choices import N_
from dialogs.coded_words import in_words

if TYPE_CHECKING:
    from answers import Notice

TEXTS = {
    "model_damaged": N_("The model {title} cannot be used: {problem}"),
    "nothing_changes": N_("At strength 0 the picture stays exactly as it is."),
    "one_step": N_("Only 1 step will run at this strength; more steps give a cleaner picture."),
    "few_steps": N_(
        "Only {steps} steps will run at this strength; more steps give a cleaner picture."
    ),
    "reduced": N_(
        "This model paints at {generation_width} × {generation_height} px and the result is scaled "
        "up to {width} × {height}, so it will be soft. Select a smaller area for more detail."
    ),
    "prompt_language": N_(
        "This model was trained on English and will hardly understand the prompt. Write it in "
        "English, or choose a model that reads other languages."
    ),
    "filled_from_surroundings": N_(
        "The selection is filled from its surroundings, without a model."
    ),
    "begins_with_surroundings": N_("The selection begins with the colors of its surroundings."),
    "selection_cut": N_(
        "The selection reaches beyond the canvas; only the part on the canvas is regenerated."
    ),
    "beyond_source": N_(
        "The area reaches beyond the layer; what lies outside counts as transparent."
    ),
}


def text_of(notice: Notice, translate: Callable[[str], str]) -> str:
    """The notice in words; one that is not known here, from a newer server, in the server's."""
    return in_words(TEXTS, notice["code"], notice.get("params", {}), notice["message"], translate)
