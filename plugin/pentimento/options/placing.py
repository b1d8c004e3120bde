"""Where a job reads from, where its result goes, and whether how it was made comes along."""

from __future__ import annotations

import choices
from choices import N_
from options.option import BOOLEAN, CHOICE, FILE, Option

SOURCE = Option(
    "source",
    CHOICE,
    N_("Fro_m"),
    N_("Which pixels to start from"),
    choices.LAYER,
    choices=choices.SOURCES,
)
FILL_SOURCE = Option(
    "source", CHOICE, SOURCE.label, SOURCE.blurb, choices.VISIBLE, choices=choices.SOURCES
)
ALPHA = Option(
    "alpha",
    CHOICE,
    N_("Trans_parency"),
    N_("Whose transparency the result has"),
    choices.AUTOMATIC,
    choices=choices.ALPHAS,
    advanced=True,
)
TRANSPARENT_FILL = Option(
    "transparent-fill",
    CHOICE,
    N_("Under transparenc_y"),
    N_("What the model sees where the source is transparent"),
    choices.SURROUNDINGS,
    choices=choices.TRANSPARENT_FILLS,
    advanced=True,
)
TARGET = Option(
    "target",
    CHOICE,
    N_("Res_ult"),
    N_("With no image open it is always a new image"),
    choices.NEW_LAYER,
    choices=choices.TARGETS,
)
CONVERT = Option(
    "convert",
    CHOICE,
    N_("Con_vert first"),
    N_("What to do with the image before the result is added, in the same undo step"),
    choices.KEEP,
    choices=choices.CONVERSIONS,
    advanced=True,
)
MARK_DIGITAL_SOURCE = Option(
    "mark-digital-source",
    BOOLEAN,
    N_("Mark as made wit_h AI in the metadata"),
    N_(
        "Adds the IPTC digital source type “composite with trained algorithmic media” to the "
        "image's XMP metadata, which GIMP exports when “Save XMP” is on; all other metadata "
        "stays as it is"
    ),
    False,
    advanced=True,
)

PLACE = (TARGET, CONVERT, MARK_DIGITAL_SOURCE)

OBSERVE = Option(
    "observe",
    BOOLEAN,
    N_("Add all sta_ges as layers"),
    N_(
        "Adds a hidden group of layers with every stage from the source to the result; not for "
        "pictures that a service makes"
    ),
    False,
    advanced=True,
)
CONTACT_SHEET = Option(
    "contact-sheet",
    FILE,
    N_("Contact s_heet"),
    N_("A PNG file for all stages on one sheet; a file of that name is replaced"),
    None,
    advanced=True,
    remembered=False,  # or each further run would replace the sheet of the one before it
)

OBSERVING = (OBSERVE, CONTACT_SHEET)
