"""Which names of the server's LoRAs, embeddings, wildcards and styles go on with the word that is
being typed. Nothing here needs GIMP."""

from __future__ import annotations

import re
from typing import Any, Iterable, List, Mapping, NamedTuple, Tuple

LORA, EMBEDDING, WILDCARD, STYLE = "lora", "embedding", "wildcard", "style"
LEAST = 3  # letters before anything is offered; fewer in writings of whole words
MOST = 6  # offers at a time
_LORA_SIGN, _WILDCARD_SIGN = "<lora:", "__"
_WORD = re.compile(r"(<lora:|__)?([^\s,;:|(){}\[\]<>，。、；：（）]*)$")
_OF_WHOLE_WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


class Offer(NamedTuple):
    """`text` goes into the prompt; that of a style is empty, `name` is chosen instead. `models` are
    those that it fits; None is any."""

    kind: str
    name: str
    text: str
    more: str = ""
    models: Any = None


def offers(lists: Mapping[str, Any]) -> List[Offer]:
    """Of the answers of GET /v1/models and /v1/styles."""
    found = []
    for lora in lists.get("loras", ()):
        if lora.get("ok", True):
            words = [str(word) for word in lora.get("triggers") or ()]
            text = ", ".join([f"<lora:{lora['id']}:{lora.get('weight') or 1:g}>", *words])
            more = ", ".join(words)
            found.append(Offer(LORA, str(lora["id"]), text, more, lora.get("fits")))
    for entry in lists.get("embeddings", ()):
        if entry.get("ok", True):
            name = str(entry["id"])
            found.append(Offer(EMBEDDING, name, name, models=entry.get("fits")))
    found += [Offer(WILDCARD, name, f"__{name}__") for name in lists.get("wildcards", ())]
    for style in lists.get("styles", ()):
        if style.get("ok", True):
            found.append(Offer(STYLE, str(style["name"]), "", str(style.get("prompt", ""))))
    return found


def at(text: str, cursor: int, known: Iterable[Offer], model: str) -> Tuple[int, List[Offer]]:
    """Where the word at the cursor begins, and what it may become: names that begin with it first.
    Places are counted in characters."""
    match = _WORD.search(text[:cursor])
    if match is None:
        return cursor, []
    sign, word = match.group(1) or "", match.group(2).casefold()
    if not sign and len(word) < (1 if _OF_WHOLE_WORDS.search(word) else LEAST):
        return cursor, []
    kinds = {_LORA_SIGN: (LORA,), _WILDCARD_SIGN: (WILDCARD,)}.get(sign)
    fitting = [
        offer
        for offer in known
        if (kinds is None or offer.kind in kinds)
        and word in offer.name.casefold()
        and offer.text != text[match.start() : cursor]
        and (offer.models is None or not model or model in offer.models)
    ]
    fitting.sort(key=lambda offer: (not offer.name.casefold().startswith(word), offer.name))
    return match.start(), fitting[:MOST]


def begin_of(offer: Offer, text: str, start: int, cursor: int) -> int:
    """Where what an offer takes the place of begins: at the word from `start` to the cursor, or
    before it where the offer's name begins with words that are there already."""
    name = offer.name.casefold()
    for begin in range(max(0, cursor - len(offer.name)), start):
        alone = begin == 0 or not text[begin - 1].isalnum()
        if alone and name.startswith(text[begin:cursor].casefold()):
            return begin
    return start
