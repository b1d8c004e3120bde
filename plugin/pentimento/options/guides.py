"""Pictures that are read like words, and areas that have words of their own."""

from __future__ import annotations

import choices
from choices import N_
from options.option import BOOLEAN, CHOICE, DOUBLE, LAYER, Option

REFERENCE_LAYER = Option(
    "reference-layer",
    LAYER,
    N_("Reference layer"),
    N_("A picture that is read like a part of the prompt; needs an IP-Adapter for the model"),
    None,
    advanced=True,
)
REFERENCE_KIND = Option(
    "reference-kind",
    CHOICE,
    N_("What of it counts"),
    N_("All of the reference, only how it looks, or only how it is laid out"),
    choices.REFERENCES[0].nick,
    choices=choices.REFERENCES,
    advanced=True,
)
REFERENCE_WEIGHT = Option(
    "reference-weight",
    DOUBLE,
    N_("Reference weight"),
    N_("How much the reference counts; 0 is not at all"),
    1.0,
    0.0,
    2.0,
    advanced=True,
)
REGIONS = Option(
    "regions",
    BOOLEAN,
    N_("Layers named “region: …” have words of their own"),
    N_(
        "Where such a layer is painted on, the words of its name count in place of the prompt; its "
        "opacity says how much. It may be hidden"
    ),
    False,
    advanced=True,
)

GUIDES = (REFERENCE_LAYER, REFERENCE_KIND, REFERENCE_WEIGHT, REGIONS)
