"""The plug-in's log file, for the Doctor. Prompts and pixels never go into it."""

from __future__ import annotations

import logging
import logging.handlers
import os
from typing import List

from gi.repository import Gimp

_SIZE = 256 * 1024
_logger = logging.getLogger("pentimento")


def path() -> str:
    return os.path.join(Gimp.directory(), "pentimento.log")


def _opened() -> logging.Logger:
    if not _logger.handlers:
        _logger.setLevel(logging.INFO)
        _logger.propagate = False
        try:
            handler: logging.Handler = logging.handlers.RotatingFileHandler(
                path(), maxBytes=_SIZE, backupCount=1, encoding="utf-8"
            )
            os.chmod(path(), 0o600)
        except OSError:  # a folder that can't be written to must not stop the work
            handler = logging.NullHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
        _logger.addHandler(handler)
    return _logger


def info(text: str, *values: object) -> None:
    _opened().info(text, *values)


def warning(text: str, *values: object) -> None:
    _opened().warning(text, *values)


def error(text: str, *values: object) -> None:
    _opened().error(text, *values)


def tail(lines: int = 40) -> List[str]:
    """The newest lines of the log."""
    try:
        with open(path(), encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()[-lines:]
    except OSError:
        return []
