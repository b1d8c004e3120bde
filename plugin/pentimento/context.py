"""What an action works on. Made by run.py, read by the actions and by the dialogs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, List

import procedures

if TYPE_CHECKING:
    from option_values import Values


def no_values() -> Values:
    return {}


@dataclass
class Context:
    """`image` is None and `drawables` empty where no image is open. `values` are the option values
    by name; a dialog changes the config, and run.py reads `values` again after it. `left_out` are
    layers that are not read as a part of what is seen, such as other tries of the same job. `start`
    are the values that Change Result begins with: those that differ from them are changes."""

    action: procedures.Action
    image: Any
    drawables: List[Any]
    interactive: bool
    values: Values = field(default_factory=no_values)
    left_out: List[Any] = field(default_factory=list)
    start: Values = field(default_factory=no_values)


def values_of(action: procedures.Action, config: Any) -> Values:
    """The option values in a procedure's config, by option name. From its second start on GIMP
    takes the procedures from its pluginrc, where an empty text has become none at all."""
    values = {option.name: config.get_property(option.name) for option in action.options}
    empty = {option.name: "" for option in action.options if isinstance(option.default, str)}
    found: Any = {
        name: empty.get(name) if value is None else value for name, value in values.items()
    }
    return found
