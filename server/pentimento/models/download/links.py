"""Links to models: `hf:owner/name`, `civitai:NUMBER`, or the address of their page there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from pentimento.core.errors import BadInput

LINK = r"^(hf:|civitai:|urn:air:|https://)\S{1,400}$"
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
HUB = re.compile(rf"hf:(?P<repo>{NAME}/{NAME})(@(?P<revision>{NAME}))?(/(?P<path>.+))?")
NUMBERS = re.compile(r"(?:urn:air:[^@]*:)?civitai:(?P<repo>[0-9]*)(@(?P<revision>[0-9]+))?")
PAGE = re.compile(
    rf"/(?P<repo>{NAME}/{NAME})"
    rf"((/(?:blob|resolve|tree)/)(?P<revision>{NAME})(/(?P<path>.+))?)?/?"
)
NUMBERED = re.compile(r"/models/(?P<repo>[0-9]+)(/[^/]*)?/?")
FETCHED = re.compile(r"/api/download/models/(?P<revision>[0-9]+)")
VERSION = re.compile(r"[0-9]*")
HUBS, CIVITAIS = ("huggingface.co", "hf.co"), ("civitai.com", "www.civitai.com")


@dataclass(frozen=True, slots=True)
class Link:
    """`repo` is `owner/name`, or a model's number at Civitai; `revision` a branch or commit, or the
    version's number; `path` one file of several. Empty where nothing was said."""

    source: Literal["hub", "civitai"]
    repo: str
    revision: str = ""
    path: str = ""

    def __str__(self) -> str:
        at = f"@{self.revision}" if self.revision else ""
        if self.source == "civitai":
            return f"civitai:{self.repo}{at}"
        return f"hf:{self.repo}{at}" + (f"/{self.path}" if self.path else "")


def is_link(text: str) -> bool:
    return ":" in text


def parse(text: str) -> Link:
    """Raises BadInput."""
    found = _parse(text.strip())
    if found is not None:
        return found
    raise BadInput(
        "bad_link",
        f"“{text[:200]}” is no link to a model.",
        "For example hf:owner/name, hf:owner/name/file.safetensors, civitai:12345, "
        "civitai:12345@67890, or the address of its page there.",
    )


def _parse(text: str) -> Link | None:
    if found := HUB.fullmatch(text):
        return Link("hub", found["repo"], found["revision"] or "", found["path"] or "")
    if (found := NUMBERS.fullmatch(text)) and (found["repo"] or found["revision"]):
        return Link("civitai", found["repo"], found["revision"] or "")
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    page = PAGE.fullmatch(unquote(parts.path))
    if parts.scheme == "https" and parts.hostname in HUBS and page:
        revision = page["revision"] or ""
        return Link("hub", page["repo"], "" if revision == "main" else revision, page["path"] or "")
    if parts.scheme == "https" and parts.hostname in CIVITAIS:
        version = next(iter(parse_qs(parts.query).get("modelVersionId", [])), "")
        if (found := NUMBERED.fullmatch(parts.path)) and VERSION.fullmatch(version):
            return Link("civitai", found["repo"], version)
        if found := FETCHED.fullmatch(parts.path):
            return Link("civitai", "", found["revision"])
    return None
