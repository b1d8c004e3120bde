"""A command for the studio panel, which is open in a process of its own: an entry of GIMP's menu
that a key can be bound to."""

from __future__ import annotations

from typing import Any, Dict

from errors import NotPossible
from i18n import _
from studio import commands

PREFIX = "panel_"


def run(context: Any) -> Dict[str, Any]:
    """The command that the action's key names."""
    if not commands.tell_open_panel(context.action.key[len(PREFIX) :], context.image):
        raise NotPossible(
            _("The studio panel is not open."),
            _("Open it with Filters > Pentimento > Studio Panel."),
            "no_panel",
        )
    return {}
