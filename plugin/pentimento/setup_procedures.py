"""The procedures of the menu Setup: what is needed once and again in a while."""

from __future__ import annotations

import options
from choices import N_
from procedure import REPORT_RETURN, SETUP, Action

SETUP_ACTIONS = (
    Action(
        "backends",
        "plug-in-pentimento-backends",
        N_("_Where to Run..."),
        N_("Where to Run"),
        (SETUP,),
        N_("Tell where pictures can be made, and set up services on the network"),
        N_(
            "Pictures are made by the computer of the Pentimento server, or by a service on the "
            "network that was set up and agreed to here. For each place the quality, speed, price "
            "and privacy are told."
        ),
        (),
        (REPORT_RETURN,),
        needs_image=False,
    ),
    Action(
        "models",
        "plug-in-pentimento-models",
        N_("_Models..."),
        N_("Models"),
        (SETUP,),
        N_("Download models for the Pentimento server, and remove them"),
        N_(
            "Tells which models are installed and which can be downloaded, with size, licence and "
            "whether they suit the server's machine. A download goes on while you paint; what was "
            "interrupted can be resumed."
        ),
        (options.MODELS_COMMAND, options.MODEL_NAME, options.ACCEPT_LICENCE),
        (REPORT_RETURN,),
        needs_image=False,
    ),
    Action(
        "server",
        "plug-in-pentimento-server",
        N_("_Server..."),
        N_("Pentimento Server"),
        (SETUP,),
        N_("Tell the state of the Pentimento server, start it, stop it or set its address"),
        N_(
            "The server does the computing, in a process of its own on this machine or on another "
            "one. The other actions start it when it is not running."
        ),
        (options.SERVER_COMMAND, options.URL, options.TOKEN),
        (REPORT_RETURN,),
        needs_image=False,
    ),
    Action(
        "doctor",
        "plug-in-pentimento-doctor",
        N_("_Doctor..."),
        N_("Pentimento Doctor"),
        (SETUP,),
        N_("Check the plug-in and the server, and tell what to do where something is wrong"),
        N_("Looks at everything the actions need and tells the remedy for what is missing."),
        (),
        (REPORT_RETURN,),
        needs_image=False,
    ),
)
