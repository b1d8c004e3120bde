"""A place where jobs can run (entry of GET /v1/backends) in words: what it is good for, what it
costs, who receives what, and whether it can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Mapping, Optional, Tuple

import server
from choices import CONTROLS, N_
from i18n import _
from server_texts import told
from wire import EDIT

if TYPE_CHECKING:
    from answers import BackendEntry

FACTS = (  # field, title
    ("quality", N_("Quality")),
    ("speed", N_("Speed")),
    ("price", N_("Price")),
    ("privacy", N_("Privacy")),
)
GUIDE = (  # what somebody wants, and the place for it
    (N_("High quality"), N_("This computer, with a full model and a graphics card")),
    (N_("The same from a laptop"), N_("Another computer of yours: Setup > Server")),
    (N_("A quick try, no download"), N_("A service; what it lacks is stood in for by lines")),
    (N_("To learn how it works"), N_("This computer, with Add all stages as layers")),
)
COLUMNS = (N_("Repaints"), N_("Fills"), N_("Edits"), N_("Steered by"))
HOW = {
    "strength": N_("at a strength"),
    "yes": N_("yes"),
    "lines": N_("by lines"),
    "words": N_("from words"),
    "no": "–",
}
SHOWN_KINDS = 2  # of maps that steer; more of them are counted
OF_SERVICES = (("receives", N_("Sent to")), ("verified", N_("Tried")))
LOCAL = "local"


def title(place: BackendEntry) -> str:
    return here() if place["id"] == LOCAL else told(str(place["title"]))


def here() -> str:
    """The computer whose server is used."""
    name = server.elsewhere()
    return _("The computer {name}").format(name=name) if name else _("This computer")


def guide() -> List[Tuple[str, str]]:
    """Which place for what: rows of (wish, place)."""
    return [(_(wish), _(place)) for wish, place in GUIDE]


def headings(of_a_job: bool) -> List[str]:
    """Of what `cells` tells; the price is that of the job, or of a picture."""
    return [*map(_, COLUMNS), _("This job") if of_a_job else _("A picture")]


def cells(place: BackendEntry) -> List[str]:
    does = place["does"]
    ways = [_(HOW[does[mode]]) for mode in ("img2img", "inpaint", "edit")]
    if place["price_of_edit"] not in (None, place["price_of_job"]):  # by another model
        ways[-1] += " ({})".format(dollars(place["price_of_edit"]))
    return [*ways, _kinds(place["capabilities"]["control"]), price(place)]


def price(place: BackendEntry) -> str:
    """Of the job that was asked about."""
    amount = place["price_of_job"]
    if amount is None:
        return _("not known")
    return dollars(amount)


def dollars(amount: Optional[float]) -> str:
    return "${:.3g}".format(amount) if amount else _("free")


def behind(place: BackendEntry) -> str:
    """Who receives what is sent, how good it is, and what it was tried against."""
    parts = [told(place["quality"])]
    if place["id"] != LOCAL:
        parts.append(_("Sent to {receiver}.").format(receiver=told(place["receives"])))
        parts.append(_("Tried: {what}").format(what=told(place["verified"])))
    else:
        parts.append(told(place["privacy"]))
    return " ".join(parts)


def _kinds(kinds: List[str]) -> str:
    """Names of maps; how many where they are too many for a cell."""
    names = [_(choice.label) for choice in CONTROLS if choice.nick in kinds]
    if len(names) > SHOWN_KINDS:
        return _("{n} kinds").format(n=len(names))
    return ", ".join(names) or "–"


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


def choice(place: BackendEntry, mode: str = "") -> str:
    """The place in a list of choices for jobs of this mode."""
    parts = [title(place)]
    if not place["configured"]:
        parts.append(state(place))
    if mode == EDIT and place["does"]["edit"] == "no":
        parts.append(_("not yet"))
    elif place["recommended"]:
        parts.append(_("recommended"))
    return " · ".join(parts)


def summary(place: BackendEntry) -> str:
    """All of it as a text of several lines."""
    head = "{}: {}".format(title(place), state(place))
    if place["recommended"]:
        head += " ★ " + told(str(place["why"]))
    return "\n".join([head, *("    {}: {}".format(*row) for row in facts(place))])
