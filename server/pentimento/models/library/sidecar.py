"""Sidecar metadata: `pentimento.json` in a folder of weights, `NAME.pentimento.json` beside a file
of them. Keys are validated by their readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pentimento.core import plain_files
from pentimento.models.weights.header import Damaged

INDEX = "model_index.json"
DATA_SHEET = "pentimento.json"
JSON_LIMIT = 1_000_000  # bytes; configurations are a few kB


def place_of(weights: Path) -> Path:
    """Where the data sheet of a folder or file lies, if there is one."""
    if plain_files.is_folder(weights):
        return weights / DATA_SHEET
    return weights.with_name(f"{weights.stem}.{DATA_SHEET}")


def read(weights: Path) -> dict[str, Any]:
    """Empty where there is none; raises Damaged."""
    sheet = place_of(weights)
    return read_json(sheet) if plain_files.is_file(sheet) else {}


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object from a file of reasonable size; Damaged otherwise."""
    name = file.name if file.name == INDEX else f"{file.parent.name}/{file.name}"
    try:
        if file.stat().st_size > JSON_LIMIT:
            raise Damaged(f"{name} is too large for a configuration")
        data = json.loads(plain_files.read(file, JSON_LIMIT))
    except FileNotFoundError as error:
        raise Damaged(f"{name} is missing") from error
    except OSError as error:
        raise Damaged(f"{name} cannot be read: {plain_files.reason(error)}") from error
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{name} is not valid JSON") from error
    if not isinstance(data, dict):
        raise Damaged(f"{name} is not a JSON object")
    return data
