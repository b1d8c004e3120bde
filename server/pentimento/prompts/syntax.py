r"""What the characters in a prompt mean, in the notation of AUTOMATIC1111. No torch.

- Weights: `(word:1.3)`, `(word)`, `[word]`, `BREAK`. Round brackets multiply by 1.1, or by the
  number that stands at their end; square ones divide by 1.1; both may be nested. A backslash takes
  a bracket as it is. BREAK, as a word of its own, begins a new chunk of tokens. A bracket without
  its other half means itself.
- LoRAs: `<lora:name>`, `<lora:name:0.8>`. A tag is no word for the picture and is cut out. What
  follows the weight (A1111's second one, of the text encoder) is passed over: both are changed by
  the first. `\<` is no tag.
- Embeddings (textual inversion): by the name of their file as a word of its own, or as
  `embedding:name`, as ComfyUI has it. Upper or lower case does not matter.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeVar

ROUND = 1.1
SIGNS = re.compile(r"\\([()\[\]\\])|([()\[\]])|\bBREAK\b")
NUMBER = re.compile(r":\s*([+-]?\d*\.?\d+)\s*$")
LARGEST = 10.0  # of a weight; more only makes noise
OPENING = {")": "(", "]": "["}


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that counts `weight` times as much as usual. An empty one is a BREAK."""

    text: str
    weight: float = 1.0


def parse_weights(prompt: str) -> list[Piece]:
    """The prompt in pieces, in its order; a plain one is a single piece."""
    texts: list[str] = []
    weights: list[float] = []
    open_signs: list[tuple[str, int]] = []  # and which piece is the first inside
    at = 0
    for sign in SIGNS.finditer(prompt):
        _add(texts, weights, prompt[at : sign.start()])
        at = sign.end()
        escaped, bracket = sign.groups()
        if escaped:
            _add(texts, weights, escaped)
        elif bracket is None:
            texts.append("")
            weights.append(1.0)
        elif bracket in "([":
            open_signs.append((bracket, len(texts)))
            _add(texts, weights, bracket)
        else:
            _close(texts, weights, open_signs, bracket)
    _add(texts, weights, prompt[at:])
    return _joined(texts, weights)


def _add(texts: list[str], weights: list[float], text: str) -> None:
    if text:
        texts.append(text)
        weights.append(1.0)


def _close(
    texts: list[str], weights: list[float], open_signs: list[tuple[str, int]], bracket: str
) -> None:
    """Weighs everything since the bracket that belongs to this one."""
    if not open_signs or open_signs[-1][0] != OPENING[bracket]:
        _add(texts, weights, bracket)
        return
    _sign, first = open_signs.pop()
    factor = ROUND if bracket == ")" else 1 / ROUND
    number = NUMBER.search(texts[-1]) if bracket == ")" and len(texts) > first + 1 else None
    if number:
        factor = min(max(float(number[1]), -LARGEST), LARGEST)
        texts[-1] = texts[-1][: number.start()]
        if not texts[-1]:
            del texts[-1], weights[-1]
    del texts[first], weights[first]  # the bracket itself
    for place in range(first, len(weights)):
        weights[place] *= factor


def _joined(texts: list[str], weights: list[float]) -> list[Piece]:
    """Neighbours of the same weight together; BREAKs stay."""
    found: list[Piece] = []
    for text, weight in zip(texts, weights, strict=True):
        weight = round(weight, 6)
        if not text and found and not found[-1].text:
            continue  # a BREAK after a BREAK
        if text and found and found[-1].text and found[-1].weight == weight:
            found[-1] = Piece(found[-1].text + text, weight)
        else:
            found.append(Piece(text, weight))
    return found or [Piece("")]


TAG = re.compile(r"\\.|<lora:(?P<name>[^:<>]*)(?::(?P<weight>[^:<>]*))?(?::[^<>]*)?>", re.I | re.S)
LORA_SUFFIX = ".safetensors"
NEAR = 5  # names told of, for one that is not known


class NamedLora(Protocol):
    """A LoRA of the registry."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...


N = TypeVar("N", bound=NamedLora)


@dataclass(frozen=True, slots=True)
class Tag:
    """`weight` as it is written, empty where nothing is; `text` is the whole tag."""

    name: str
    weight: str
    text: str


def cut_lora_tags(prompt: str, keep: Sequence[tuple[int, int]] = ()) -> tuple[str, list[Tag]]:
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


def matching_loras(name: str, known: Iterable[N]) -> list[N]:
    """Those that are called so, by id or title, whatever its capitals; the exact id first."""
    wanted = name.casefold().removesuffix(LORA_SUFFIX)
    found = [one for one in known if wanted in (one.id.casefold(), one.title.casefold())]
    return sorted(found, key=lambda one: one.id != name)


def near_loras(name: str, known: Iterable[NamedLora]) -> list[str]:
    """Ids that look like the name; the most alike first."""
    ids = {one.id.casefold(): one.id for one in known}
    found = difflib.get_close_matches(name.casefold(), ids, NEAR, cutoff=0.5)
    part = [key for key in ids if name.casefold() in key and key not in found]
    return [ids[key] for key in [*found, *part][:NEAR]]


SIGN = "embedding:"
EMBEDDING_SUFFIX = r"(?:\.(?:safetensors|pt|bin))?"
MEANT = re.compile(rf"(?<!\w){SIGN}\s*([^\s,()\[\]{{}}|<>:]*[^\s,()\[\]{{}}|<>:.;])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mention:
    """`name` is one of those asked for; `explicit` where it cannot be meant as a plain word."""

    name: str
    explicit: bool


def split_embeddings(text: str, names: Collection[str]) -> list[str | Mention]:
    """The text with what names an embedding taken out of it, in its order. Of names that begin
    alike the longest counts. `names` are in lower case (`str.casefold`)."""
    if not names:
        return [text]
    found: list[str | Mention] = []
    at = 0
    for match in _pattern(frozenset(names)).finditer(text):
        found += [text[at : match.start()], Mention(match[2].casefold(), bool(match[1]))]
        at = match.end()
    return [part for part in (*found, text[at:]) if part != ""]


def mentioned_embeddings(prompt: str, names: Collection[str]) -> list[Mention]:
    """All that a prompt names, each once."""
    pieces = (
        part for piece in parse_weights(prompt) for part in split_embeddings(piece.text, names)
    )
    return list(dict.fromkeys(part for part in pieces if isinstance(part, Mention)))


def unknown_embeddings(prompt: str, names: Collection[str]) -> list[str]:
    """What a prompt means to be an embedding, and none is called so."""
    texts = (
        part
        for piece in parse_weights(prompt)
        for part in split_embeddings(piece.text, names)
        if isinstance(part, str)
    )
    return [name for text in texts for name in MEANT.findall(text)]


@lru_cache(maxsize=32)
def _pattern(names: frozenset[str]) -> re.Pattern[str]:
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    known = "|".join(re.escape(name) for name in longest_first)
    return re.compile(rf"(?<!\w)({SIGN}\s*)?({known}){EMBEDDING_SUFFIX}(?!\w)", re.IGNORECASE)
