"""The fidelity table: every kind of image that GIMP has. Plain data, read by the tests and by the
file that runs them in GIMP."""

PRECISIONS = {  # name -> struct code, full scale (0 for floating point)
    "u8": ("B", 255),
    "u16": ("H", 65535),
    "u32": ("I", 4294967295),
    "half": ("e", 0),
    "float": ("f", 0),
}
LIGHTS = ("perceptual", "linear")
PROFILES = ("srgb", "adobe", "p3", "table")
SIZE = (48, 40)
PATCH = (4, 6, 8, 8)  # x, y, width, height of one known colour
PATCH_COLOUR = (100, 120, 140)  # in steps of 8 bits, in the image's own encoding
SELECTION = (16, 12, 20, 16, 3)  # x, y, width, height and the radius of the feather


def case(precision, light, profile, kind, alpha):
    return {
        "name": " ".join([precision, light, profile, kind, "alpha" if alpha else "opaque"]),
        "precision": precision,
        "light": light,
        "profile": profile,
        "kind": kind,
        "alpha": alpha,
        # A fill needs the engine, so it is done for a part of the table only.
        "filled": alpha and (profile == "adobe" or kind != "rgb" or precision == "u16"),
        # What is needed before a result can be placed; without it the image is refused.
        "convert": "rgb"
        if kind == "indexed"
        else "srgb"
        if profile == "table" and light == "linear"
        else "no",
    }


CASES = (
    [
        case(precision, light, profile, "rgb", alpha)
        for precision in PRECISIONS
        for light in LIGHTS
        for profile in PROFILES
        for alpha in (True, False)
    ]
    # Gray images take gray profiles only, so the RGB ones have no meaning there.
    + [
        case(precision, light, "srgb", "gray", alpha)
        for precision in PRECISIONS
        for light in LIGHTS
        for alpha in (True, False)
    ]
    # Indexed images are 8 bits perceptual, always; their palette is in the image's profile.
    + [
        case("u8", "perceptual", profile, "indexed", alpha)
        for profile in ("srgb", "adobe", "p3", "table")
        for alpha in (True, False)
    ]
)
