"""The way of a job through a service (docs/protocol.md) in the person's language: the same
sentences as the server's, for the translators. tests/contract holds the two together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from choices import N_
from dialogs.coded_words import in_words

if TYPE_CHECKING:
    from answers import Route

TEXTS = {
    "own_map": N_("{title} paints a new picture, steered by your {control} map."),
    "own_kind": N_(
        "{title} paints a new picture, steered by its own kind of control, “{control}”, which "
        "reads the picture itself."
    ),
    "lines_of_source": N_(
        "{title} cannot repaint a picture: the lines of the source steer a new picture; colors are "
        "not kept."
    ),
    "lines_of_selection": N_(
        "{title} cannot fill a selection: the lines of the selection steer a new picture; colors "
        "are not kept."
    ),
    "around_selection": N_(
        "{title} cannot fill a selection: the lines around the selection steer a new picture; "
        "colors are not kept."
    ),
    "words_alone": N_(
        "{title} makes a new picture from your words alone; it does not see the source."
    ),
    "new_picture": N_("{title} paints a new picture."),
    "repaints_source": N_("{title} repaints the source; it decides by itself how much changes."),
    "repaints_selection": N_(
        "{title} repaints the selection; it decides by itself how much changes."
    ),
    "edits_source": N_("{title} changes the source by instruction."),
    "edits_selection": N_("{title} changes the selection by instruction."),
    "repaints_source_at": N_("{title} repaints the source at strength {strength}."),
    "repaints_selection_at": N_("{title} repaints the selection at strength {strength}."),
}


def text_of(route: Route, translate: Callable[[str], str]) -> str:
    """The route in words; one that is not known here, from a newer server, in the server's."""
    return in_words(TEXTS, route["code"], route.get("params", {}), route["sentence"], translate)
