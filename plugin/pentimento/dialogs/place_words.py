"""A place where jobs can run (entry of GET /v1/backends) in words: what it is good for, what it
costs, who receives what, and whether it can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Mapping, Tuple

import server
from choices import N_
from i18n import _
from server_texts import told

if TYPE_CHECKING:
    from answers import BackendEntry

FACTS = (  # field, title
    ("quality", N_("Quality")),
    ("speed", N_("Speed")),
    ("price", N_("Price")),
    ("privacy", N_("Privacy")),
)
OF_SERVICES = (("receives", N_("Sent to")), ("verified", N_("Tried")))
LOCAL = "local"


def title(place: BackendEntry) -> str:
    return here() if place["id"] == LOCAL else told(str(place["title"]))


def here() -> str:
    """The computer whose server is used."""
    name = server.elsewhere()
    return _("The computer {name}").format(name=name) if name else _("This computer")


def facts(place: BackendEntry) -> List[Tuple[str, str]]:
    """Rows of (title, text) for the mode guide."""
    wanted = FACTS if place["id"] == LOCAL else FACTS + OF_SERVICES
    every: Mapping[str, Any] = place
    rows = [(_(name), told(str(every[field]))) for field, name in wanted if every[field]]
    if place["spent_today"]:
        rows.append((_("Spent today"), "${:.2f}".format(place["spent_today"])))
    return rows


def state(place: BackendEntry) -> str:
    """Whether a job would be sent there, and what is missing for it."""
    if place["configured"]:
        return _("ready")
    if place["needs_key"] and not place["has_key"]:
        return _("needs a key")
    return _("needs your consent")


def choice(place: BackendEntry) -> str:
    """The place in a list of choices."""
    parts = [title(place)]
    if not place["configured"]:
        parts.append(state(place))
    if place["recommended"]:
        parts.append(_("recommended"))
    return " · ".join(parts)


def summary(place: BackendEntry) -> str:
    """All of it as a text of several lines."""
    head = "{}: {}".format(title(place), state(place))
    if place["recommended"]:
        head += " ★ " + told(str(place["why"]))
    return "\n".join([head, *("    {}: {}".format(*row) for row in facts(place))])
