"""The side in px that a model at a server of one's own usually paints best at, by its name. Those
servers tell the names of their models and nothing of how they were trained."""

from __future__ import annotations

LARGE, MIDDLE, SMALL = 1024, 768, 512
USUAL = (  # words in a name, the first that fits counts; from the models' own cards
    (
        LARGE,
        *("xl", "pony", "illustrious", "noobai", "animagine", "flux", "sd3", "sd_3", "sd-3"),
        *("stable-diffusion-3", "qwen", "z_image", "z-image", "zimage", "chroma", "playground"),
        *("hunyuan", "lumina", "pixart", "kolors", "hidream", "cascade"),
    ),
    (MIDDLE, "768-v", "768v", "v2-1_768", "v2-1-768", "sd21-768"),
    (
        SMALL,
        *("sd15", "sd1.5", "sd-1.5", "sd_1.5", "v1-5", "v1.5", "sd14", "v1-4", "512-base"),
        *("dreamshaper", "deliberate", "realisticvision", "realistic_vision", "anything"),
    ),
)


def usual_side(name: str) -> int | None:
    """None for a name that says nothing."""
    lower = name.lower()
    for side, *words in USUAL:
        if any(word in lower for word in words):
            return side
    return None
