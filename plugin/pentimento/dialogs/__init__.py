"""Native dialogs of the plug-in. Imported only for interactive runs: Gtk stays out of all others.

`ask` and the two `show` functions are all that the actions call; dialogs/context.py tells what
they must hand in.
"""

from __future__ import annotations

from typing import Any

from dialogs.context import Check, DoctorContext, GenerateContext, ServerContext, ServerState

__all__ = [
    "Check",
    "DoctorContext",
    "GenerateContext",
    "ServerContext",
    "ServerState",
    "ask",
    "show_doctor",
    "show_server",
]


def ask(procedure: Any, config: Any, context: GenerateContext) -> bool:
    """Shows the dialog of context.action; True when the user pressed Generate. The values are in
    `config` then."""
    from dialogs.generate import GenerateDialog

    return GenerateDialog(procedure, config, context).run()


def show_server(procedure: Any, context: ServerContext) -> None:
    """Shows the Server dialog until it is closed."""
    from dialogs.server import ServerDialog

    ServerDialog(procedure, context).run()


def show_doctor(procedure: Any, context: DoctorContext) -> None:
    """Shows the Doctor dialog until it is closed."""
    from dialogs.doctor import DoctorDialog

    DoctorDialog(procedure, context).run()
