"""Native dialogs of the plug-in. Imported only for interactive runs: Gtk stays out of all others.

A dialog shows and changes the values of a procedure's config; it never changes an image.
"""

from __future__ import annotations

import importlib
from typing import Any

# By procedures.Action.key: dialogs that ask before the action runs, as module and class, and
# windows that do all there is to do themselves. The others run at once.
ASKING = {
    "image_to_image": ("dialogs.generate", "GenerateDialog"),
    "regenerate_selection": ("dialogs.generate", "GenerateDialog"),
    "text_to_image": ("dialogs.generate", "GenerateDialog"),
    "edit": ("dialogs.edit", "EditDialog"),
    "replace_background": ("dialogs.replace_background", "BackgroundDialog"),
    "harmonize": ("dialogs.harmonize", "HarmonizeDialog"),
    "expand": ("dialogs.expand", "ExpandDialog"),
    "change_result": ("dialogs.change_result", "ChangeDialog"),
    "xy_plot": ("dialogs.xy_plot", "PlotDialog"),
    "upscale": ("dialogs.upscale", "UpscaleDialog"),
    "select_object": ("dialogs.select_object", "SelectDialog"),
    "make_control_layer": ("dialogs.make_control_layer", "MapDialog"),
}
WINDOWS = {
    "backends": "dialogs.places",
    "models": "dialogs.model_manager",
    "server": "dialogs.server_dialog",
    "doctor": "dialogs.doctor_dialog",
}


def of(procedure: Any, config: Any, context: Any) -> Any:
    """The dialog (dialogs.job_dialog.JobDialog) of the context's action; None if it has none."""
    if context.action.key not in ASKING:
        return None
    module, name = ASKING[context.action.key]
    return getattr(importlib.import_module(module), name)(procedure, config, context)


def show_window(context: Any) -> bool:
    """Shows the window of the context's action until it is closed; False if it has none."""
    module = WINDOWS.get(context.action.key)
    if module is None:
        return False
    importlib.import_module(module).show()
    return True
