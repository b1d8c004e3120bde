"""How a result was made: its stages as layers, and their contact sheet as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional

from gi.repository import Gio, GLib

from choices import N_
from errors import NotPossible
from gimpio.layers import Picture, Story
from i18n import _
from wire import Pixels

if TYPE_CHECKING:
    from answers import StageEntry
    from option_values import Values

EQUAL = 100  # dB, what the server gives where nothing differs

NAMES = {  # by the code of a stage, filled in from its facts
    "source": N_("Source"),
    "mask": N_("Mask"),
    "prefill": N_("Under the selection"),
    "round_trip": N_("Encoded and decoded"),
    "control": N_("Control map: {control}"),
    "noised_start": N_("Noised start"),
    "estimate": N_("Step {step} of {steps}"),
    "decode": N_("Decoded"),
    "drift_correction": N_("Drift taken off"),
    "detail_correction": N_("Detail given back"),
    "color_match": N_("Colors matched"),
    "composite": N_("Composite"),
    "result": N_("Result"),
}


def check(values: Values) -> None:
    """Refuses before the work a sheet that could not be written after it."""
    file = values["contact-sheet"]
    if file is None:
        return
    folder = file.get_parent()
    if folder is None or not folder.query_exists(None):
        raise _not_written(file, _("there is no such folder"))


def story(values: Values, outcome: Any) -> Optional[Story]:
    """The stages for the image; None where nobody asked for them."""
    if not values["observe"]:
        return None
    stages = [Picture(_in_color(pixels), name_of(entry)) for entry, pixels in outcome.stages]
    return Story(_("How it was made"), stages) if stages else None


def save_sheet(values: Values, outcome: Any) -> None:
    """Last of all: what the work has brought is in the image then, whatever the disk says."""
    file = values.get("contact-sheet")
    if file is None or outcome.sheet is None:
        return
    flags = Gio.FileCreateFlags.REPLACE_DESTINATION
    try:
        file.replace_contents(outcome.sheet, None, False, flags, None)
    except GLib.Error as error:
        raise _not_written(file, error.message) from error


def name_of(entry: StageEntry) -> str:
    """Number, name, share of noise and nearness to the source of a stage, for its layer."""
    facts = entry["facts"]
    try:
        name = _(NAMES[entry["code"]]).format(**facts)
    except KeyError:  # a stage of a newer server, or with facts of one
        name = entry["name"]
    parts: List[str] = [f"{entry['index'] + 1} {name}"]
    if facts.get("noise"):
        parts.append(_("noise {share} %").format(share=round(facts["noise"] * 100)))
    if facts.get("psnr") is not None and facts["psnr"] < EQUAL:
        parts.append(_("{number} dB").format(number=round(facts["psnr"], 1)))
    return " · ".join(parts)


def _in_color(pixels: Pixels) -> Pixels:
    """A mask as the gray picture that it is seen as: as numbers of light it would be too bright."""
    if pixels.format != "y-u8":
        return pixels
    data = bytearray(3 * len(pixels.data))
    for channel in range(3):
        data[channel::3] = pixels.data
    return Pixels("rgb-u8", pixels.width, pixels.height, bytes(data))


def _not_written(file: Any, reason: str) -> NotPossible:
    return NotPossible(
        _("The contact sheet {file} cannot be written: {reason}.").format(
            file=file.get_parse_name(), reason=reason.rstrip(".")
        ),
        _("Choose another place for it under More options."),
        "sheet_not_written",
    )
