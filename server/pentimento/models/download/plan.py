"""Which files of a repository are fetched, of which commit and how large."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pentimento.models.catalogue import CatalogueEntry
from pentimento.models.download.hub import SHA1, SHA256, Hub, RemoteFile
from pentimento.models.weights.header import PICKLE_SUFFIXES

WANTED = (".safetensors", ".json", ".txt", ".model", ".jinja")

WEIGHTS = ".safetensors"

PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")

DEEPEST = 4

MOST_FILES = 500

COMMIT = re.compile(r"[0-9a-f]{40,64}")


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """What a download fetches. `licence` is the one that was agreed to or shown."""

    id: str
    repo: str
    commit: str
    licence: str
    files: tuple[RemoteFile, ...]

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)

    def write(self, file: Path) -> None:
        part = file.with_suffix(".part")
        part.write_text(json.dumps(asdict(self)), "utf-8")
        os.replace(part, file)


def read_plan(file: Path) -> DownloadPlan | None:
    """A plan that was kept; None where there is none that can be read."""
    try:
        kept = json.loads(file.read_text("utf-8"))
        files = tuple(RemoteFile(**one) for one in kept.pop("files"))
        plan = DownloadPlan(**kept, files=files)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return plan if all(_is_safe(one.stored) for one in files) else None


def make_plan(entry: CatalogueEntry, hub: Hub) -> DownloadPlan:
    """Asks the hub, of what a link named no more. Raises not_on_hub where a file is missing,
    bad_hub_answer for what it cannot have said, wrong_hash where it has other bytes than the
    catalogue knows."""
    if entry.remote:
        return DownloadPlan(entry.id, entry.repo, entry.revision, entry.licence, entry.remote)
    commit, by_path = listed(hub, hub.listing(entry.repo, entry.revision))
    chosen = _choose(entry, sorted(by_path), hub)
    files = tuple(_file(entry, by_path[path], hub) for path in chosen)
    places = {file.stored.lower() for file in files}
    if len(places) != len(files) or len(files) > MOST_FILES:
        raise hub.problem("bad_hub_answer")
    return DownloadPlan(entry.id, entry.repo, commit, entry.licence, files)


def listed(hub: Hub, told: dict[str, Any]) -> tuple[str, dict[str, dict[str, Any]]]:
    """The commit that a hub's answer is about, and what it says of each file by its path."""
    commit, siblings = told.get("sha"), told.get("siblings")
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        raise hub.problem("bad_hub_answer")
    if not isinstance(siblings, list):
        raise hub.problem("bad_hub_answer")
    return commit, {one["rfilename"]: one for one in siblings if _named(one)}


def _named(sibling: Any) -> bool:
    return isinstance(sibling, dict) and isinstance(sibling.get("rfilename"), str)


def _choose(entry: CatalogueEntry, paths: list[str], hub: Hub) -> list[str]:
    """For each pattern the files of its first alternative that is there, in that order."""
    usable = [path for path in paths if is_wanted(path)]
    chosen: dict[str, None] = {}
    for pattern in entry.files:
        for choice in pattern.split("|"):
            found = [path for path in usable if _fits(path, choice.strip())]
            if found:
                chosen |= dict.fromkeys(found)
                break
        else:
            raise hub.problem("not_on_hub")
    return list(chosen)


def _fits(path: str, pattern: str) -> bool:
    """`*` stays within a folder."""
    return path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)


def is_wanted(path: str) -> bool:
    """Whether a file of a repository may be a part of a model at all."""
    return path.endswith(WANTED) and _is_safe(path)


def _is_safe(path: str) -> bool:
    """A relative path of plain names, none of them hidden, that is no pickle."""
    parts = path.split("/")
    plain = all(PART.fullmatch(part) and not part.endswith(".") for part in parts)
    return plain and len(parts) <= DEEPEST and not path.endswith((*PICKLE_SUFFIXES, ".part"))


def _file(entry: CatalogueEntry, sibling: dict[str, Any], hub: Hub) -> RemoteFile:
    path = sibling["rfilename"]
    told = remote_file(sibling, hub)
    pinned = entry.sha256.get(path, "")
    if pinned and told.sha256 and pinned != told.sha256:
        raise hub.problem("wrong_hash", file=path)
    if not (pinned or told.sha256 or told.blob):
        raise hub.problem("bad_hub_answer")  # bytes that nothing vouches for are not taken
    stored = path.replace(f".{entry.variant}.", ".") if entry.variant else path
    for prefix in entry.strip:
        stored = stored.removeprefix(prefix)
    return replace(told, stored=stored, sha256=pinned or told.sha256)


def remote_file(sibling: dict[str, Any], hub: Hub) -> RemoteFile:
    """A file as the hub tells of it."""
    path = sibling["rfilename"]
    lfs = sibling.get("lfs") or {}
    size = lfs.get("size", sibling.get("size")) if isinstance(lfs, dict) else None
    sha256, blob = lfs.get("sha256", "") if lfs else "", sibling.get("blobId", "")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise hub.problem("bad_hub_answer")
    sha256 = sha256 if isinstance(sha256, str) and SHA256.fullmatch(sha256) else ""
    blob = blob if isinstance(blob, str) and SHA1.fullmatch(blob) and not lfs else ""
    return RemoteFile(path, path, size, sha256, blob)
