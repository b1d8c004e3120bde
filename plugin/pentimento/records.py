"""The shapes of what a result's layer carries, and of what an action answers, for mypy alone: a
record is JSON in a parasite, and may be of another version or damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional, TypedDict

if TYPE_CHECKING:
    from answers import JobRecord, Rect, Reference, Region


class LayerReference(TypedDict):
    """How a layer is found again (gimpio.identity)."""

    id: str
    tattoo: int


class Guides(TypedDict, total=False):
    """The fields of a job for what guides it besides prompt and control layers."""

    references: List[Reference]
    regions: List[Region]


class SourceRecord(TypedDict, total=False):
    """How a source is found again (gimpio.sources). `tattoos`: of the first versions."""

    kind: str
    layers: List[LayerReference]
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
    guides: Dict[str, List[LayerReference]]
    job: str
    origin: str
    index: int
    seed: int
    box: Rect
    record: JobRecord
    name: str
    family: str
    member: int
    seam: float
    print: str
    mask: str
    mask_print: str


class NewSize(TypedDict, total=False):
    """Of a picture from words alone, as options and as a job's fields."""

    width: int
    height: int


class MapRecord(TypedDict, total=False):
    """What a control map is of."""

    type: str
    source: Optional[SourceRecord]


class Placed(TypedDict, total=False):
    """What is in the image now, the results topmost first; other actions return other things."""

    layers: List[Any]
    image: Any
