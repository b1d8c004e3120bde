"""What a person should know of a service's record (docs/protocol.md) in their language: the same
sentences as the server's, for the translators. tests/contract holds the two together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from choices import N_
from dialogs.coded_words import in_words

if TYPE_CHECKING:
    from answers import Remark

TEXTS = {
    "record_old": N_(
        "What this program knows of {title} is from {date}, more than {months} months ago: models, "
        "sizes and prices may be others by now. A newer version may know more."
    ),
    "was_shut_down": N_("{model} was shut down on {date}."),
    "will_be_shut_down": N_("{model} will be shut down on {date}."),
    "not_offered": N_("{title} does not offer {model}."),
    "successor": N_("In place of {model}, choose {successor}."),
}


def text_of(remark: Remark, translate: Callable[[str], str]) -> str:
    """The remark in words; one that is not known here, from a newer server, in the server's."""
    return in_words(TEXTS, remark["code"], remark.get("params", {}), remark["sentence"], translate)
