"""What a service offers, held against its record: models that are gone or will be, with their
successors, and a record that has grown old."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from pentimento.schema.answers import Remark
from pentimento.services.records import Operation, Service
from pentimento.services.terms import Terms

REMARKS = {  # the plug-in has the same ones for its translators (tests/contract)
    "record_old": (
        "What this program knows of {title} is from {date}, more than {months} months ago: models, "
        "sizes and prices may be others by now. A newer version may know more."
    ),
    "was_shut_down": "{model} was shut down on {date}.",
    "will_be_shut_down": "{model} will be shut down on {date}.",
    "not_offered": "{title} does not offer {model}.",
    "successor": "In place of {model}, choose {successor}.",
}
MONTHS = 12


def in_use(terms: Terms) -> list[str]:
    """The models that jobs may ask for: the user's choices first, then the record's. At another
    address the record's names mean nothing."""
    record, chosen = terms.service, terms.chosen
    names = [terms.model, *chosen.models.values()]
    if record.same_names or not terms.elsewhere:
        names += [*record.models, *(one.name for one in record.model)]
    return list(dict.fromkeys(name for name in names if name))


def remarks(terms: Terms, offered: dict[str, str] | None, today: date) -> list[Remark]:
    """`offered`: those of the models in use that the service has, with the last day that it tells,
    or nothing; None where it lists none."""
    told = [] if terms.another_server else list(_of_age(terms.service, today))
    for model in in_use(terms):
        told += _of_model(terms, model, offered, today)
    return told


def months_between(past: date, today: date) -> int:
    """Whole months, 0 for less than one."""
    months = MONTHS * (today.year - past.year) + today.month - past.month
    return months - (today.day < past.day)


def _of_age(record: Service, today: date) -> Iterator[Remark]:
    if months_between(record.checked, today) >= record.good_for:
        words = {"title": record.title, "date": record.checked.isoformat()}
        yield _remark("record_old", words | {"months": str(record.good_for)})


def _of_model(
    terms: Terms, model: str, offered: dict[str, str] | None, today: date
) -> Iterator[Remark]:
    """The last day is the service's own word where it tells one, else the record's."""
    last = _day((offered or {}).get(model, "")) or _known_last_day(terms, model)
    if last:
        code = "was_shut_down" if last <= today else "will_be_shut_down"
        yield _remark(code, {"model": model, "date": last.isoformat()})
    elif offered is not None and model not in offered:
        yield _remark("not_offered", {"title": terms.title, "model": model})
    else:
        return
    if successor := _successor(terms, model, offered):
        yield _remark("successor", {"model": model, "successor": successor})


def _successor(terms: Terms, model: str, offered: dict[str, str] | None) -> str:
    """The record's own word, else its first model for the same work that stays. Empty: none."""
    record = terms.service
    if terms.elsewhere and not record.same_names:
        return ""
    named = [one.successor for one in record.retired if one.model == model]
    known = record.record_of(model)
    work = known.operations if known else (Operation.TXT2IMG,)
    alike = [one.name for one in record.model if set(work) <= set(one.operations)]
    alike += record.models if work == (Operation.TXT2IMG,) else []
    candidates = [*named, *alike]
    return next((one for one in candidates if one != model and _stays(terms, one, offered)), "")


def _stays(terms: Terms, model: str, offered: dict[str, str] | None) -> bool:
    if _known_last_day(terms, model):
        return False
    return offered is None or (model in offered and not _day(offered[model]))


def _known_last_day(terms: Terms, model: str) -> date | None:
    if terms.elsewhere:
        return None
    return next((one.last_day for one in terms.service.retired if one.model == model), None)


def _day(text: str) -> date | None:
    """None for what is no day: a service may tell anything."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _remark(code: str, params: dict[str, str]) -> Remark:
    return Remark(code=code, params=params, sentence=REMARKS[code].format(**params))
