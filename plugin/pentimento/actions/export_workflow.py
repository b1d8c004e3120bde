"""Workflow for ComfyUI: the job that a result layer carries, written out for ComfyUI's editor or
its API."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Tuple

from gi.repository import Gimp, GLib

import server
import texts
from actions import generate_again
from errors import NotPossible
from gimpio.progress import Progress
from i18n import _

if TYPE_CHECKING:
    from context import Context

ENDING = "-comfyui"
MOST_NAMES = 1000


def run(context: Context) -> Any:
    _layer, record = generate_again.result_layer(context.drawables)
    form = "api" if context.values["api"] else "editor"
    progress = Progress(_("Workflow for ComfyUI"))
    made = progress.wait_for(lambda: server.connect().workflow(record["record"], form))
    progress.end()
    data = json.dumps(made["workflow"], indent=2, ensure_ascii=False).encode("utf-8")
    path = _written(context.values["file"], context.image, data)
    text = _("The workflow is in {file}.").format(file=texts.readable(path))
    if context.interactive:
        Gimp.message(text)
    return {"report": "\n".join([text, *made["notes"]])}


def _written(chosen: str, image: Any, data: bytes) -> str:
    """Where it is. What a script names is replaced; beside the image nothing is."""
    if chosen:
        return _try(chosen, "wb", data)
    folder, stem = _beside(image)
    for number in range(1, MOST_NAMES):
        counted = "" if number == 1 else f"-{number}"
        path = os.path.join(folder, f"{stem}{ENDING}{counted}.json")
        if not os.path.lexists(path):
            return _try(path, "xb", data)
    raise _refused(folder, "")


def _beside(image: Any) -> Tuple[str, str]:
    """The folder and the name of the image's file, without its ending."""
    file = image.get_xcf_file() or image.get_file()
    path = file.get_path() if file is not None else None
    if path is None:
        return GLib.get_home_dir(), "pentimento"
    return os.path.dirname(path), os.path.splitext(os.path.basename(path))[0]


def _try(path: str, mode: str, data: bytes) -> str:
    try:
        with open(path, mode) as file:
            file.write(data)
    except OSError as error:
        raise _refused(path, error.strerror or "") from None
    return path


def _refused(path: str, reason: str) -> NotPossible:
    return NotPossible(
        _("{file} cannot be written: {reason}.").format(file=texts.readable(path), reason=reason),
        _("Save the image in a folder of your own first, or name a file."),
        "workflow_not_written",
    )
