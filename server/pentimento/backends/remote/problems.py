"""Everything that can go wrong with a service, in words a painter understands.

Texts are made of our own words, the service's title and numbers, never of what it answered: an
answer can hold the prompt or the key.
"""

from __future__ import annotations

from typing import Any

from pentimento.errors import JobFailed

PROBLEMS = {  # code -> sentence, remedy, HTTP status outside of jobs
    "key_missing": (
        "{title} needs a key, and none is kept.",
        "Enter your key for {title}: Where to run in GIMP, or `pentimento backends key {id}`.",
        409,
    ),
    "key_refused": (
        "{title} does not accept the key, or not for this.",
        "Look up the key in your account there and enter it again.",
        502,
    ),
    "consent_needed": (
        "Nothing was sent: you have not agreed yet that {title} receives your pictures and words.",
        "Agree in GIMP under Where to run, or with `pentimento backends agree {id}`.",
        409,
    ),
    "budget_exceeded": (
        "Nothing was sent: it would go beyond what you allow to be spent with {title}.",
        "Raise the limit under Where to run, make fewer pictures, or wait until tomorrow.",
        409,
    ),
    "payment_required": (
        "{title} wants to be paid first: the account there has no credit left.",
        "Add credit to your account there, or run the job elsewhere.",
        502,
    ),
    "moderated": (
        "{title} refuses this picture or these words.",
        "Say it in other words, select another area, or run the job on this machine.",
        502,
    ),
    "rate_limited": (
        "{title} takes no more jobs from you for the moment.",
        "Wait a little and try again.",
        502,
    ),
    "service_unavailable": (
        "{title} cannot be reached or is not ready.",
        "Look at the network connection and the address, or try again later.",
        502,
    ),
    "service_error": (
        "{title} could not do this.",
        "Try again, choose another model there, or run the job elsewhere.",
        502,
    ),
    "outcome_unknown": (
        "The connection to {title} broke off after the job was sent. It may have been made, and "
        "may cost its price.",
        "It was not sent again. Look into your account there before you repeat it.",
        502,
    ),
    "unsafe_url": (
        "{title} points to an address that is not safe to load a picture from.",
        "Nothing was loaded from there. If this stays, do not use this service.",
        502,
    ),
    "bad_answer": (
        "{title} answered with something that is no usable picture.",
        "Try again; the job may have cost its price. If it stays, choose another model there.",
        502,
    ),
}


class RemoteProblem(JobFailed):
    """A failure of a service; `details` has `service` and what is known in numbers."""


def problem(code: str, service_id: str, title: str, **details: Any) -> RemoteProblem:
    """The failure `code`. `details`: numbers and words of our own only."""
    sentence, remedy, status = PROBLEMS[code]
    told = {name: value for name, value in details.items() if value is not None}
    return RemoteProblem(
        code,
        sentence.format(title=title, id=service_id),
        remedy.format(title=title, id=service_id),
        status=status,
        details={"service": service_id} | told,
    )
