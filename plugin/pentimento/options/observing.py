"""Seeing how a result was made."""

from __future__ import annotations

from choices import N_
from options.option import BOOLEAN, FILE, Option

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
