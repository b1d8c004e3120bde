"""Ids of what is installed: made from names and places, never from the order of a list, and found
again when they are of an earlier version."""

from __future__ import annotations

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

from pentimento.core.errors import BadInput

LENGTH = 120  # characters, of the 128 that an id may have
HASH = 8  # hexadecimal digits
NUMBERED = re.compile(r"(?P<base>.+)-(?P<number>[2-9]|[1-9]\d+)")
LONGEST = 200  # bytes of a file's name, of the 255 that disks allow with what is added to it
WRONG = re.compile(r"[\x00-\x1f\x7f/\\\ud800-\udfff]|^-|^$")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")

T = TypeVar("T")


class Rank(IntEnum):
    """Whose a thing is: of namesakes the one of the lowest rank goes by the bare name."""

    PROGRAM = 0
    OURS = 1  # in the data folder
    ELSEWHERE = 2


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """`name` is the whole one, `place` tells things of one name apart."""

    name: str
    place: str
    rank: Rank = Rank.OURS


def id_of(name: str, otherwise: str) -> str:
    """Of a name alone: itself, or what can be read of it and a hash. `otherwise` stands for a name
    of which nothing can be read."""
    slug = _slug(name)
    if slug and slug == name.replace(" ", "-") and len(slug) <= LENGTH:
        return slug
    return _hashed(slug or otherwise, name)


def numbered(name: str, otherwise: str) -> str:
    """Which id earlier versions gave to a name, without a number."""
    return _slug(name)[:LENGTH] or otherwise


def as_file_name(name: str) -> str:
    """Of what is added: a name in ASCII becomes an id that can be typed, any other stays."""
    return (_slug(name) if name.isascii() else "") or name


def check_file_name(name: str) -> None:
    """Raises BadInput for what cannot be the name of a file of ours, whatever its writing."""
    if len(os.fsencode(name)) > LONGEST or WRONG.search(name) or name != name.strip(" ."):
        raise BadInput(
            "bad_request",
            f"“{shown(name)}” cannot be a name here.",
            "Choose one with --name: without slashes and control characters, neither beginning "
            f"with a dash or dot nor ending with a dot, and of at most {LONGEST} bytes.",
        )


def shown(name: str) -> str:
    """A name as a message can have it."""
    return CONTROL.sub("�", name.encode("utf-8", "replace").decode("utf-8"))


class Listing(Generic[T]):
    """`what` says of which kind these are, in messages; `formerly` is what stood for a name
    without a letter in ids of earlier versions. Ids in `reserved` are nobody's."""

    def __init__(
        self,
        entries: Iterable[tuple[NamedPlace, T]],
        what: str,
        otherwise: str,
        formerly: str,
        reserved: Collection[str] = (),
    ) -> None:
        kept = list(entries)
        self._what, self._otherwise, self._formerly = what, otherwise, formerly
        self._names = [named for named, _ in kept]
        ids = ids_of(self._names, otherwise, reserved)
        self.by_id: dict[str, T] = dict(zip(ids, (entry for _, entry in kept), strict=True))
        self._ids = ids

    def __iter__(self) -> Iterator[tuple[str, T]]:
        return iter(self.by_id.items())

    def find(self, wanted: str) -> str | None:
        """The id of what an id, also one of earlier versions, stands for; None where it is none.
        Raises BadInput where it could stand for several."""
        if wanted in self.by_id:
            return wanted
        for at, named in enumerate(self._names):  # it had a namesake that is gone
            if _placed(id_of(named.name, self._otherwise), named) == wanted:
                return self._ids[at]
        called = [at for at, named in enumerate(self._names) if named.name == wanted]
        if len(called) == 1:
            return self._ids[called[0]]
        alike = called or self._formerly_called(wanted)
        if len(alike) == 1 and wanted == self._formerly:
            return self._ids[alike[0]]  # all that has no letter of its own
        if alike:  # one with letters may as well be of a file that is gone and was called so
            raise self._ambiguous(wanted, alike)
        return self._of_number(wanted)

    def _formerly_called(self, wanted: str) -> list[int]:
        names = enumerate(self._names)
        return [at for at, named in names if numbered(named.name, self._formerly) == wanted]

    def _of_number(self, wanted: str) -> str | None:
        """A number was given to the later of two namesakes: it is certain only where the first one
        is still known by the bare name."""
        told = NUMBERED.fullmatch(wanted)
        alike = self._formerly_called(told["base"]) if told else []
        if not told or not alike:
            return None
        others = [at for at in alike if self._ids[at] != told["base"]]
        if len(others) == 1 and len(alike) == 2:
            return self._ids[others[0]]
        raise self._ambiguous(wanted, alike)

    def _ambiguous(self, wanted: str, alike: Sequence[int]) -> BadInput:
        told = ", ".join(f"{self._ids[at]} ({shown(self._names[at].name)})" for at in alike)
        may_be = "is" if len(alike) == 1 else "is one of"
        return BadInput(
            "ambiguous_id",
            f"It is not certain which {self._what} “{wanted}” is: it is an id of an earlier "
            f"version, which numbered names that look alike, or the name of several. What is "
            f"there now {may_be} {told}.",
            "Choose one of these by its id.",
        )


def ids_of(
    names: Sequence[NamedPlace], otherwise: str, reserved: Collection[str] = ()
) -> list[str]:
    """One for each, different, and the same in whatever order they come."""
    plain = [id_of(named.name, otherwise) for named in names]
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for at, base in enumerate(plain):
        holders[base].append(at)
    taken = {*plain, *reserved}
    found: dict[int, str] = {}
    for base, alike in holders.items():
        lowest = min(names[at].rank for at in alike)
        first = [at for at in alike if names[at].rank is lowest]
        if len(first) > 1:  # `my-style` goes before `my style`
            first = [at for at in first if names[at].name == base]
        if len(first) == 1 and base not in reserved:
            found[first[0]] = base
        for at in alike:
            if at not in found:
                found[at] = _unused(base, names[at], taken)
                taken.add(found[at])
    return [found[at] for at in range(len(names))]


def _unused(base: str, named: NamedPlace, taken: Collection[str]) -> str:
    found, number = _placed(base, named), 1
    while found in taken:
        number += 1
        found = _hashed(base, f"{named.place} {number}")
    return found


def _placed(base: str, named: NamedPlace) -> str:
    return _hashed(base, named.place)


def _slug(name: str) -> str:
    """What is left of a name with only the characters of an id; may be empty."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")


def _hashed(readable: str, whole: str) -> str:
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:HASH]
    return f"{readable[: LENGTH - HASH - 1].rstrip('-._')}-{digest}"
