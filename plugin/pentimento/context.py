"""What an action works on. Made by run.py, read by the actions and by the dialogs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List

import procedures


@dataclass
class Context:
    """`image` is None and `drawables` empty where no image is open. `values` are the option values
    by name; a dialog changes the config, and run.py reads `values` again after it."""

    action: procedures.Action
    image: Any
    drawables: List[Any]
    interactive: bool
    values: Dict[str, Any] = field(default_factory=dict)


def values_of(action: procedures.Action, config: Any) -> Dict[str, Any]:
    """The option values in a procedure's config, by option name."""
    return {option.name: config.get_property(option.name) for option in action.options}
