"""The procedures of the studio panel: the one that opens it, and its commands as entries of the
menu that keys can be bound to. As data; `procedures` lists them with all others."""

from __future__ import annotations

from typing import Tuple

import options
from choices import N_
from procedure import MENU, PANEL, Action

PREVIEW_LAYER = options.Option(
    "preview-layer",
    options.BOOLEAN,
    N_("Previe_ws on the canvas"),
    N_(
        "While a job runs, its previews are a marked layer where the result will be. It goes when "
        "the job ends, and there is nothing of it to undo"
    ),
    False,
)
STUDIO = Action(
    "studio",
    "plug-in-pentimento-studio",
    N_("_Studio Panel..."),
    N_("Studio Panel"),
    (MENU, "<Image>/Windows"),
    N_("Open the panel that stays beside the image: prompt, progress, previews and results"),
    N_(
        "Pictures are made in the image that is chosen in the panel: its selection is filled "
        "or refined, without one a layer or everything visible is, or a new picture is made. "
        "Several jobs may wait, also of several images. Results are shown on the canvas one "
        "after the other and kept or discarded. It needs somebody who sees it."
    ),
    (
        options.PROMPT,
        options.NEGATIVE_PROMPT,
        options.FILL_STRENGTH,
        options.STYLE,
        options.STEPS_PRESET,
        options.STEPS,
        options.MODEL,
        options.BACKEND,
        *options.SEEDS,
        options.FILL_SOURCE,
        PREVIEW_LAYER,
    ),
    (),
    needs_image=False,
)

_KEY_HELP = N_(
    "For the studio panel, which has to be open. Give it a key in Edit > Keyboard Shortcuts."
)


def _command(name: str, label: str, title: str, blurb: str) -> Action:
    return Action(
        "panel_" + name,
        "plug-in-pentimento-panel-" + name,
        label,
        title,
        (PANEL,),
        blurb,
        _KEY_HELP,
        (),
        (),
        needs_image=False,
        module="panel_command",
    )


COMMANDS: Tuple[Action, ...] = (
    _command(
        "generate",
        N_("_Generate"),
        N_("Panel: Generate"),
        N_("Begin a job for what the studio panel says"),
    ),
    _command(
        "keep", N_("_Keep"), N_("Panel: Keep"), N_("Keep the result that the panel has on trial")
    ),
    _command("next", N_("_Next"), N_("Panel: Next"), N_("Show the next result of the panel")),
    _command(
        "previous",
        N_("_Previous"),
        N_("Panel: Previous"),
        N_("Show the result of the panel that is before this one"),
    ),
    _command(
        "discard",
        N_("_Discard"),
        N_("Panel: Discard"),
        N_("Remove the result that the panel has on trial"),
    ),
    _command(
        "compare",
        N_("_Compare"),
        N_("Panel: Compare"),
        N_("Hide the result that the panel has on trial, or show it again"),
    ),
    _command(
        "live",
        N_("_Live Painting"),
        N_("Panel: Live Painting"),
        N_("Turn live painting in the studio panel on or off"),
    ),
    _command("close", N_("C_lose"), N_("Panel: Close"), N_("Close the studio panel")),
    _command("stop", N_("_Stop"), N_("Panel: Stop"), N_("End the panel's job that is at work")),
)
