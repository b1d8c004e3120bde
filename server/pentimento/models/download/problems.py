"""Everything that can go wrong while a model is fetched, in words.

Texts are made of our own words, names of the catalogue and numbers, never of what the hub answered.
"""

from __future__ import annotations

from typing import Any

from pentimento.core.errors import PentimentoError

PROBLEMS = {  # code -> sentence, remedy, HTTP status
    "licence_needed": (
        "{title} is under the {licence}, which has to be agreed to first.",
        "Read it at {url}; then agree in GIMP under Models, or repeat the command with "
        "--accept-licence.",
        409,
    ),
    "model_gated": (
        "The hub hands {title} out only to people who have an account there, and have agreed to "
        "its licence where that is asked for.",
        "Agree on the model's page at the hub with your account, make a token there with the right "
        "to read, and start Pentimento with it in the environment variable {variable}.",
        502,
    ),
    "token_refused": (
        "The hub does not accept the token in {variable}, or not for {title}.",
        "Look the token up in your account at the hub, and agree to the model's licence there.",
        502,
    ),
    "hub_unreachable": (
        "The hub at {endpoint} cannot be reached, or the connection breaks off again and again.",
        "Look at the network, or name a mirror or a proxy in HF_ENDPOINT and HTTPS_PROXY. What has "
        "come already is kept; resume later.",
        502,
    ),
    "hub_busy": (
        "The hub at {endpoint} takes no more requests for the moment.",
        "Wait a while, then resume. What has come already is kept.",
        502,
    ),
    "not_on_hub": (
        "The hub at {endpoint} does not have {title}, or no longer all of its files.",
        "Look at the link, or update Pentimento: the catalogue may be out of date. With a mirror: "
        "look whether it has {repo}.",
        502,
    ),
    "bad_hub_answer": (
        "What answers at {endpoint} does not speak as the hub does.",
        "Look at the address, and whether a log-in page of the network stands in the way.",
        502,
    ),
    "unsafe_url": (
        "The hub at {endpoint} points to an address that is not safe to load from.",
        "Nothing was loaded from there. If this stays, do not use this mirror.",
        502,
    ),
    "link_unclear": (
        "{title} has several files that could be meant.",
        "Say which, with its name behind the link. There are: {files}.",
        409,
    ),
    "link_unusable": (
        "{title} is nothing that Pentimento can use: {reason}.",
        "Nothing was downloaded.",
        409,
    ),
    "wrong_hash": (
        "{file} of {title} did not arrive as the hub says it is (its SHA-256 differs), and was "
        "thrown away.",
        "Start the download again; the other files are kept. If it stays, do not use this mirror.",
        502,
    ),
    "download_damaged": (
        "{title} came whole, but cannot be used: {reason}.",
        "It was not installed. Please report it.",
        502,
    ),
    "disk_full": (
        "There is not enough room on the disk for {title}: {needed} are needed, {free} are free.",
        "Free some space, then resume. What has come already is kept.",
        507,
    ),
    "pull_elsewhere": (
        "{title} is being downloaded by another process.",
        "Wait for that one, or end it first.",
        409,
    ),
    "pull_unwritable": (
        "{title} cannot be written to the data folder: {reason}.",
        "Check the rights of that folder.",
        507,
    ),
}


class PullProblem(PentimentoError):
    """A failure of a download."""


def problem(code: str, *, details: dict[str, Any] | None = None, **words: str) -> PullProblem:
    """The failure `code`; `words` fill the sentences."""
    sentence, remedy, status = PROBLEMS[code]
    return PullProblem(
        code, sentence.format(**words), remedy.format(**words), status=status, details=details
    )


def amount(size: int) -> str:
    """A size in bytes for people, in decimal units as disks are sold."""
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= step:
            return f"{size / step:.3g} {unit}"
    return f"{size} bytes"
