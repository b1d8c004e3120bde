"""Which parts of models leave a full memory first. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Held:
    """A part in memory. Larger `used` means used later; a pinned one is at work and stays."""

    name: str
    bytes: int
    used: int
    pinned: bool = False


def leaving(held: Sequence[Held], surplus: int) -> list[Held]:
    """The parts to drop, in this order, so that `surplus` bytes become free, or all that may go.

    Text encoders go first: they are large, and prompts they have read are kept as embeddings. Then
    what has not been used for longest.
    """
    free = sorted(
        (part for part in held if not part.pinned and part.bytes),
        key=lambda part: (not part.name.startswith("text_encoder"), part.used),
    )
    chosen = []
    for part in free:
        if surplus <= 0:
            break
        chosen.append(part)
        surplus -= part.bytes
    return chosen
