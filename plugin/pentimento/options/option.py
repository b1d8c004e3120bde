"""An argument of an action, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Tuple

from choices import Choice

# Kinds of options and how pentimento.py declares them in the PDB.
STRING, TEXT, DOUBLE, INT, UINT, CHOICE, BOOLEAN, CHANNEL, LAYER, FILE = (
    "string",
    "text",  # a string of several lines
    "double",
    "int",
    "uint",
    "choice",
    "boolean",
    "channel",  # a channel of the image, or none
    "layer",  # a layer of the image, or none
    "file",  # one to write, or none
)


@dataclass(frozen=True)
class Option:
    """One argument. `minimum` and `maximum` hold for numbers, `choices` for choices. `advanced`
    options belong under "More options" in a dialog. `remembered` is False for those that GIMP's
    "last values" never write to disk."""

    name: str
    kind: str
    label: str
    blurb: str
    default: Any
    minimum: Optional[float] = None
    maximum: Optional[float] = None
    choices: Tuple[Choice, ...] = ()
    advanced: bool = False
    remembered: bool = True
