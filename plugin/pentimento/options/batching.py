"""What Batch is told: the folders, the recipe and where the masks come from."""

from __future__ import annotations

from choices import N_
from options.option import STRING, Option

BATCH = (
    Option("folder", STRING, N_("_Folder"), N_("The folder of the pictures"), ""),
    Option(
        "recipe",
        STRING,
        N_("_Recipe"),
        N_("A file with a job in JSON; empty for the job of the selected result layer"),
        "",
    ),
    Option("output", STRING, N_("_Output"), N_("The folder where the results go"), ""),
    Option(
        "masks",
        STRING,
        N_("_Masks"),
        N_("For a selection's job: alpha, red, green, blue, or beside: and the end of their names"),
        "beside:-mask.png",
    ),
    Option("ending", STRING, N_("_Ending"), N_("Of the results: .png, .jpg or .webp"), ".png"),
)
