"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pentimento.core import data_folder
from pentimento.core.files import data_dir

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="The data folder.")]


def data_folder_of(chosen: Path | None) -> Path:
    """The data folder by the rule of `paths`. Raises PentimentoError where it cannot be one."""
    folder = data_dir(chosen)
    data_folder.check_place(folder)
    return folder
