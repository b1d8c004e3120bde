"""LoRAs named in a prompt, in the notation of AUTOMATIC1111: `<lora:name>`, `<lora:name:0.8>`.

A tag is no word for the picture and is cut out. What follows the weight (A1111's second one, of the
text encoder) is passed over: both are changed by the first. `\\<` is no tag.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

TAG = re.compile(r"\\.|<lora:(?P<name>[^:<>]*)(?::(?P<weight>[^:<>]*))?(?::[^<>]*)?>", re.I | re.S)
SUFFIX = ".safetensors"
NEAR = 5  # names told of, for one that is not known


class Named(Protocol):
    """A LoRA of the registry."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...


N = TypeVar("N", bound=Named)


@dataclass(frozen=True, slots=True)
class Tag:
    """`weight` as it is written, empty where nothing is; `text` is the whole tag."""

    name: str
    weight: str
    text: str


def cut(prompt: str, keep: Sequence[tuple[int, int]] = ()) -> tuple[str, list[Tag]]:
    """The prompt without its tags, and these in their order. Those within the spans `keep`
    (start, end in characters) stay where they are."""
    parts: list[str] = []
    tags: list[Tag] = []
    at = 0
    for found in TAG.finditer(prompt):
        kept = any(start <= found.start() < end for start, end in keep)
        if kept or found["name"] is None:
            continue
        parts.append(prompt[at : found.start()])
        at = found.end()
        tags.append(Tag(found["name"].strip(), (found["weight"] or "").strip(), found[0]))
    if not tags:
        return prompt, []
    return "".join((*parts, prompt[at:])).strip(), tags


def matching(name: str, known: Iterable[N]) -> list[N]:
    """Those that are called so, by id or title, whatever its capitals; the exact id first."""
    wanted = name.casefold().removesuffix(SUFFIX)
    found = [one for one in known if wanted in (one.id.casefold(), one.title.casefold())]
    return sorted(found, key=lambda one: one.id != name)


def near(name: str, known: Iterable[Named]) -> list[str]:
    """Ids that look like the name; the most alike first."""
    ids = {one.id.casefold(): one.id for one in known}
    found = difflib.get_close_matches(name.casefold(), ids, NEAR, cutoff=0.5)
    part = [key for key in ids if name.casefold() in key and key not in found]
    return [ids[key] for key in [*found, *part][:NEAR]]
