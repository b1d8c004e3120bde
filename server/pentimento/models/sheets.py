"""Data sheets, with what weights do not tell: `pentimento.json` in a folder of weights,
`NAME.pentimento.json` beside a file of them. What one may say, its readers know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pentimento.models.inspect import DATA_SHEET, read_json


def place_of(weights: Path) -> Path:
    """Where the data sheet of a folder or file lies, if there is one."""
    if weights.is_dir():
        return weights / DATA_SHEET
    return weights.with_name(f"{weights.stem}.{DATA_SHEET}")


def read(weights: Path) -> dict[str, Any]:
    """Empty where there is none; raises Damaged."""
    sheet = place_of(weights)
    return read_json(sheet) if sheet.is_file() else {}
