"""The shapes of what a result's layer carries, and of what an action answers, for mypy alone: a
record is JSON in a parasite, and may be of another version or damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional, TypedDict

if TYPE_CHECKING:
    from answers import Rect


class SourceRecord(TypedDict, total=False):
    """How a source is found again (gimpio.sources). `tattoos`: of the first versions."""

    kind: str
    layers: List[Any]
    extent: Rect
    tattoos: List[int]


class LayerRecord(TypedDict, total=False):
    """The job that made a layer and what it was made from; `family` and `member` stay where Change
    Result puts other pixels into it. `record` is the server's own, whose `request` is sent again.
    `print` and the like are small pictures (gimpio.prints)."""

    version: int
    action: str
    image: str
    source: Optional[SourceRecord]
    control: Any
    guides: Dict[str, Any]
    job: str
    origin: str
    index: int
    seed: int
    box: Rect
    record: Dict[str, Any]
    name: str
    family: str
    member: int
    seam: float
    print: str
    mask: str
    mask_print: str


class Placed(TypedDict):
    """What is in the image now: the results, topmost first."""

    layers: List[Any]
    image: Any
