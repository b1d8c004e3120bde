"""Which place makes the picture, and the server's own settings."""

from __future__ import annotations

import choices
from choices import N_
from options.option import CHOICE, STRING, Option

BACKEND = Option(
    "backend",
    STRING,
    N_("Run _on"),
    N_("This computer, or a service by its name; see Where to Run"),
    "",
)
SERVER_COMMAND = Option(
    "command",
    CHOICE,
    N_("_Command"),
    N_("What to do"),
    choices.STATUS,
    choices=choices.SERVER_COMMANDS,
)
URL = Option(
    "url",
    STRING,
    N_("_Address"),
    N_("For the command set: http://host:port; empty to find the server on this machine"),
    "",
)
TOKEN = Option(
    "token",
    STRING,
    N_("_Token"),
    N_("For the command set: the token of the server; empty to read it from the server's folder"),
    "",
    remembered=False,  # a secret
)

LOCAL = "local"
