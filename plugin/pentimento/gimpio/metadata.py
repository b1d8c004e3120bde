"""The job that a result layer carries, as a parasite that is saved with the image."""

from __future__ import annotations

import json
from typing import Any, Dict, Optional

from gi.repository import Gimp

NAME = "pentimento-job"
FLAGS = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE


def attach(layer, record: Dict[str, Any]) -> None:
    data = json.dumps(record, ensure_ascii=False).encode()
    layer.attach_parasite(Gimp.Parasite.new(NAME, FLAGS, data))


def read(layer) -> Optional[Dict[str, Any]]:
    """The record, or None for a layer that was not made by Pentimento."""
    parasite = layer.get_parasite(NAME)
    if parasite is None:
        return None
    data = bytes(value & 255 for value in parasite.get_data())  # they may come as signed numbers
    try:
        record = json.loads(data.rstrip(b"\0"))
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
