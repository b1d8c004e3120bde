"""Where a result comes from, as its record says it: fixed before the job runs, because layers and
images may be gone when it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from actions import guides, steering
from gimpio import identity
from gimpio.sources import Source

if TYPE_CHECKING:
    from context import Context
    from records import LayerRecord, LayerReference, SourceRecord


@dataclass(frozen=True)
class Lineage:
    """`image` is the name of the image that the result was made in, `source` what Source.record
    tells, `control` and `guides` the layers that steered and guided, `origin` the first job of a
    chain of repetitions. `ledger` has the names that are new."""

    action: str
    ledger: identity.Ledger
    image: str = ""
    source: Optional[SourceRecord] = None
    control: List[Optional[LayerReference]] = field(default_factory=list)
    guides: Dict[str, List[LayerReference]] = field(default_factory=dict)
    origin: str = ""

    def fields(self) -> LayerRecord:
        """Its part of a record."""
        return {
            "action": self.action,
            "image": self.image,
            "source": self.source,
            "control": self.control,
            "guides": self.guides,
        }


def of(context: Context, source: Optional[Source] = None) -> Lineage:
    """Of a new result: what the action's values name."""
    ledger = identity.Ledger()
    return Lineage(
        context.action.key,
        ledger,
        ledger.name_of(context.image) if context.image is not None else "",
        source.record(ledger) if source else None,
        steering.references(context.values, ledger),
        guides.references(context, ledger),
    )


def again(image: Any, record: LayerRecord, source: Optional[Source]) -> Lineage:
    """Of a recorded result made once more; records of older versions get names on the way. Without
    `source`, which may be gone or with the server alone, what the record says of it still holds."""
    ledger = identity.Ledger()
    return Lineage(
        record["action"],
        ledger,
        ledger.name_of(image),
        source.record(ledger) if source else record["source"],
        steering.renamed(image, record.get("control"), ledger),
        guides.renamed(image, record.get("guides", {}), ledger),
        record["origin"],
    )
