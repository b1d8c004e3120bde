"""Large tables of cases are tried in GIMP 3.0 and 3.2 by turns: each case in one of them, always in
the same one. `PENTIMENTO_BOTH=1` tries all of them in both, before a release."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable

import pytest
from tests.gimp.harness import SUITES

BOTH = bool(os.environ.get("PENTIMENTO_BOTH"))


def case(name: str, *values: object) -> object:
    """A case for `parametrize`: its values, or its name alone, known by its name."""
    return pytest.param(*(values or (name,)), id=name, marks=pytest.mark.turn(name))


def taken(name: str, version: str) -> bool:
    """Whether a case is tried in that GIMP."""
    versions = list(SUITES)
    return BOTH or versions[zlib.crc32(name.encode()) % len(versions)] == version


def of(names: Iterable[str], version: str) -> list[str]:
    return [name for name in names if taken(name, version)]
