"""What the answers of inside/fidelity.py mean, as rows of the table in docs/fidelity.md."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass

import numpy as np
from tests.gimp.inside.fidelity_cases import PATCH
from tests.gimp.profiles import SPACES, ciede2000, lab_of

COLUMNS = (
    *("image", "depth", "light", "profile", "layer", "converted"),
    *("strength&nbsp;0", "conversion", "outside", "ΔE00"),
)
TABLE_GRID = 25  # steps of 8 bits: the way back through a profile of 33 points a side
ROUNDING = 0.02  # steps of 8 bits: what converting to sRGB and back costs at most
HEAD = ("| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS))


@dataclass(frozen=True)
class Row:
    """One kind of image. `trip`: largest error there and back at strength 0, `conversion`: of the
    middle values of a result that is not the source unchanged, both in steps of 8 bits. `colour`:
    CIEDE2000 between a known colour of the image and what the server got."""

    name: str
    trip: float
    conversion: float
    outside: float | None
    colour: float
    convert: str
    conversion_limit: float

    def line(self) -> str:
        precision, light, profile, kind, alpha = self.name.split(" ")
        outside = "" if self.outside is None else rounded(self.outside)
        converted = {"no": "", "rgb": "to RGB", "srgb": "to sRGB"}[self.convert]
        cells = [kind, precision, light, PROFILE_NAMES[profile], alpha, converted]
        cells += [rounded(self.trip), self._conversion(), outside, rounded(self.colour, 1)]
        return "| " + " | ".join(cells) + " |"

    def _conversion(self) -> str:
        """Rounding errors as their limit: how large they are depends on the way that babl took."""
        if self.conversion_limit == ROUNDING and self.conversion < ROUNDING:
            return f"< {ROUNDING}"
        return rounded(self.conversion)


def conversion_limit(case: dict) -> float:
    """Steps of 8 bits: none where nothing is converted, or where all is rounded to such steps."""
    if case["profile"] == "table" and case["convert"] != "srgb":
        return TABLE_GRID
    if case["precision"] == "u8" or (case["profile"], case["precision"]) == ("srgb", "u16"):
        return 0.0
    return ROUNDING


DEPTHS = {
    "rgba-u8": ("u1", 255),
    "rgb-u8": ("u1", 255),
    "rgba-u16": ("<u2", 65535),
    "rgba-f32": ("<f4", 1),
}
PROFILE_NAMES = {"srgb": "sRGB", "adobe": "Adobe RGB", "p3": "Display P3", "table": "tables"}


def rounded(value: float, digits: int = 2) -> str:
    """Never rounded to a plain 0 unless it is 0."""
    least = 10**-digits
    return "0" if value == 0 else f"< {least}" if value < least else f"{value:.{digits}f}"


def measured(case: dict, answer: dict, companion) -> Row:
    trip = answer["trip"]
    assert trip["status"] == "success", f"{case['name']}: {trip['error']}"
    return Row(
        case["name"],
        trip["trip"],
        trip["conversion"],
        answer["fill"]["outside"] if "fill" in answer else None,
        colour_error(case, trip, companion),
        case["convert"],
        conversion_limit(case),
    )


def colour_error(case: dict, trip: dict, companion) -> float:
    """How far the patch that the server has is from the patch that the image has."""
    sent = patch_on_the_server(case, trip["job"], companion)
    return float(ciede2000(SPACES["srgb"].lab(sent), truth(case, trip["patch"])))


def truth(case: dict, stored: list[float]) -> np.ndarray:
    """CIELAB of the image's own numbers, by the profile's arithmetic."""
    full = {"u8": 255, "u16": 65535, "u32": 2**32 - 1}.get(case["precision"], 1)
    gray = case["kind"] == "gray"
    values = np.array(stored[:1] * 3 if gray else stored[:3], float) / full
    space = SPACES["srgb" if case["convert"] == "srgb" else case["profile"]]
    return lab_of(values @ space.to_xyz.T) if case["light"] == "linear" else space.lab(values)


def patch_on_the_server(case: dict, job: str, companion) -> np.ndarray:
    """The patch's middle in the result that the server keeps; at strength 0 it is what was sent."""
    request = urllib.request.Request(
        f"{companion.url}/v1/jobs/{job}/images/0",
        headers={"Authorization": "Bearer " + companion.token, "Accept": "application/x-pixels"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        kind, data = answer.headers["Content-Type"], answer.read()
    fields = dict(part.strip().split("=") for part in kind.split(";")[1:])
    depth, full = DEPTHS[fields["format"]]
    pixels = np.frombuffer(data, depth).reshape(int(fields["height"]), int(fields["width"]), -1)
    x, y, width, height = PATCH
    return pixels[y + height // 2, x + width // 2, :3].astype(float) / full
