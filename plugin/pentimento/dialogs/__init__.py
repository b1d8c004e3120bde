"""Native dialogs of the plug-in. Imported only for interactive runs: Gtk stays out of all others.

A dialog shows and changes the values of a procedure's config; it never changes an image.
"""

from __future__ import annotations

import importlib
from typing import Any

# The module of each action that has a dialog, by procedures.Action.key; the others run at once.
MODULES = {
    "image_to_image": "dialogs.generate",
    "regenerate_selection": "dialogs.generate",
    "text_to_image": "dialogs.generate",
    "edit": "dialogs.edit",
    "make_control_layer": "dialogs.make_control_layer",
    "backends": "dialogs.places",
    "models": "dialogs.model_manager",
    "server": "dialogs.server_dialog",
    "doctor": "dialogs.doctor_dialog",
}


def ask(procedure: Any, config: Any, context: Any) -> bool:
    """Shows the dialog of the context's action. True: go on and run the action with the values that
    are in `config` now. False: the user cancelled, or the dialog has done everything itself."""
    module = MODULES.get(context.action.key)
    return importlib.import_module(module).ask(procedure, config, context) if module else True
