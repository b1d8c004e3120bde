"""Pictures that are read like words, and areas that have words of their own."""

from __future__ import annotations

import choices
from choices import N_
from options.option import BOOLEAN, CHOICE, DOUBLE, LAYER, Option

REFERENCE_LAYER = Option(
    "reference-layer",
    LAYER,
    N_("Reference 1"),
    N_("A picture that is read like a part of the prompt; needs an IP-Adapter for the model"),
    None,
    advanced=True,
)
REFERENCE_KIND = Option(
    "reference-kind",
    CHOICE,
    N_("What of reference 1"),
    N_("All of the reference, only how it looks, or only how it is laid out"),
    choices.REFERENCES[0].nick,
    choices=choices.REFERENCES,
    advanced=True,
)
REFERENCE_WEIGHT = Option(
    "reference-weight",
    DOUBLE,
    N_("Reference 1 strength"),
    N_("How much the reference counts; 0 is not at all"),
    1.0,
    0.0,
    2.0,
    advanced=True,
)
REFERENCE_2_LAYER = Option(
    "reference-2-layer",
    LAYER,
    N_("Reference 2"),
    N_("Another picture that is read like a part of the prompt"),
    None,
    advanced=True,
)
REFERENCE_2_KIND = Option(
    "reference-2-kind",
    CHOICE,
    N_("What of reference 2"),
    N_("All of the second reference, only how it looks, or only how it is laid out"),
    choices.REFERENCES[0].nick,
    choices=choices.REFERENCES,
    advanced=True,
)
REFERENCE_2_WEIGHT = Option(
    "reference-2-weight",
    DOUBLE,
    N_("Reference 2 strength"),
    N_("How much the second reference counts; 0 is not at all"),
    1.0,
    0.0,
    2.0,
    advanced=True,
)
REGIONS = Option(
    "regions",
    BOOLEAN,
    N_("Use “region: …” layers as local prompts"),
    N_(
        "Where such a layer is painted on, the words of its name count in place of the prompt; its "
        "opacity says how much. It may be hidden"
    ),
    False,
    advanced=True,
)

REFERENCES = ("reference", "reference-2")  # each with a layer, a kind and a weight of its own
GUIDES = (
    REFERENCE_LAYER,
    REFERENCE_KIND,
    REFERENCE_WEIGHT,
    REFERENCE_2_LAYER,
    REFERENCE_2_KIND,
    REFERENCE_2_WEIGHT,
    REGIONS,
)
