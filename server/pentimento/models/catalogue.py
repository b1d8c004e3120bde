"""The models that can be fetched, read from `catalogue.toml`; a file of that name in the data
folder adds own ones (a studio's mirror, for example), and its folder `links` those that somebody
named by a link.

What this version cannot use yet is told apart by the tables of families and roles, so that nobody
downloads gigabytes in vain.
"""

from __future__ import annotations

import logging
import os
import time
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pentimento.core.errors import BadInput, NotFound
from pentimento.models.download.hub import RemoteFile
from pentimento.models.machine import GB, Machine
from pentimento.models.tables import architectures, control_types
from pentimento.schema.answers import AvailableModel, Fits, Licence, Verdict
from pentimento.schema.job import MODEL_ID

log = logging.getLogger(__name__)

FILE = Path(__file__).with_name("catalogue.toml")
OWN_FILE = "catalogue.toml"  # in the data folder
LINKS = "links"  # folder in the data folder: one file for each model that was named by a link
ARRIVALS = ".pulls"  # in the data folder: what has come of a download
TIERS = (4, 6, 8, 12, 16, 24)  # GB of video memory
PATH = r"[A-Za-z0-9._*?\[\]|/ -]+"
PLACES = {  # role -> folder in the data folder
    "model": "models",
    "controlnet": "controlnets",
    "lora": "loras",
    "vae": "vaes",
    "tiny-vae": "vaes",
    "ip-adapter": "ip_adapters",
    "annotator": "annotators",
    "upscaler": "upscalers",
    "embedding": "embeddings",
    "text-encoder": "text_encoders",
}
SINGLE = ("lora", "upscaler", "embedding", "text-encoder")  # roles that are one file each

A_DAY = 86_400  # s
SLACK = 0.6  # GB that a card of a size lacks: drivers and displays take some
RAM_OVER = 1.3  # memory that a model needs on a processor, over its size in half precision

Role = Literal[
    "model",
    "controlnet",
    "lora",
    "vae",
    "tiny-vae",
    "ip-adapter",
    "annotator",
    "upscaler",
    "embedding",
    "text-encoder",
]
Tier = Literal["cpu", "4", "6", "8", "12", "16", "24"]


class Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class CatalogueEntry(Data):
    """One model. `bytes` is about what comes; `files` are patterns of paths in the repository;
    `pickles` the names under which the same weights go around as pickles. Of one that was named by
    a `link` the files are known one by one (`remote`); `one_file`: they are no folder."""

    id: Annotated[str, Field(pattern=MODEL_ID)]
    title: str
    role: Role
    family: str
    repo: Annotated[str, Field(pattern=r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")]
    revision: Annotated[str, Field(pattern=r"[A-Za-z0-9._-]+")] = "main"
    files: Annotated[tuple[Annotated[str, Field(pattern=PATH)], ...], Field(min_length=1)]
    variant: Annotated[str, Field(pattern=r"[a-z0-9]+")] = ""
    strip: tuple[str, ...] = ()
    pipeline: str = ""
    sha256: dict[str, Annotated[str, Field(pattern=r"[0-9a-f]{64}")]] = {}
    bytes: Annotated[int, Field(gt=0)]
    licence: str
    gated: bool = False
    vram: Literal[4, 6, 8, 12, 16, 24, 48]
    cpu: bool = False
    best_for: tuple[Tier, ...] = ()
    pickles: tuple[str, ...] = ()
    use: str
    source: Literal["hub", "civitai"] = "hub"
    link: str = ""
    remote: tuple[RemoteFile, ...] = ()
    one_file: bool = False

    @property
    def usable(self) -> bool:
        """Whether this version of the program can paint with it."""
        if self.one_file:
            return True  # its header was looked at
        if self.role == "model":
            return architectures.of_pipeline(self.pipeline) is not None
        if self.role == "controlnet":
            return self.pipeline in ("", *control_types.CLASSES)
        return True

    def place(self, data_dir: Path) -> Path:
        """Where it is when it is installed."""
        name = f"{self.id}.safetensors" if self.is_file else self.id
        return data_dir / PLACES[self.role] / name

    @property
    def is_file(self) -> bool:
        """One file; else a folder."""
        return self.one_file or self.role in SINGLE

    def begun(self, data_dir: Path) -> bool:
        """Whether something of it has come."""
        return (data_dir / ARRIVALS / self.id).exists()

    def on(self, machine: Machine) -> Fits:
        """Whether a machine suits it; slow: it runs on the processor."""
        if machine.vram is not None:
            enough = machine.vram + SLACK >= self.vram
            verdict: Verdict = "yes" if enough else "no"
            return Fits(verdict=verdict, device="gpu", need=self.vram, have=machine.vram)
        need = round(2 * RAM_OVER * self.bytes / GB, 1)  # processors compute in float32
        verdict = "slow" if self.cpu and need <= machine.ram else "no"
        return Fits(verdict=verdict, device="cpu", need=need, have=machine.ram)


class Contents(Data):
    licences: dict[str, Licence] = {}
    entry: tuple[CatalogueEntry, ...] = ()


class Catalogue:
    """Entries in the order of the files, ours first."""

    def __init__(self, entries: Iterable[CatalogueEntry], licences: dict[str, Licence]) -> None:
        self.entries = {entry.id: entry for entry in entries}
        self._licences = licences

    def available(self, data_dir: Path, machine: Machine) -> list[AvailableModel]:
        """What can be fetched, and what becomes of it on this machine."""
        return [
            AvailableModel(
                id=entry.id,
                title=entry.title,
                role=entry.role,
                family=entry.family,
                bytes=entry.bytes,
                gated=entry.gated,
                vram=entry.vram,
                cpu=entry.cpu,
                use=entry.use,
                best_for=list(entry.best_for),
                licence=self.licence(entry),
                usable=entry.usable,
                installed=entry.place(data_dir).exists(),
                fits=entry.on(machine),
            )
            for entry in self.entries.values()
            if not entry.link or entry.place(data_dir).exists() or entry.begun(data_dir)
        ]

    def get(self, entry_id: str) -> CatalogueEntry:
        """Raises NotFound."""
        try:
            return self.entries[entry_id]
        except KeyError:
            raise NotFound(
                "model_not_found",
                f"There is no model called “{entry_id}” to download.",
                "`pentimento models available` lists them. Another one: give a link to it, as "
                "hf:owner/name or civitai:NUMBER.",
            ) from None

    def twins(self) -> dict[str, str]:
        """The id of the entry with the same weights, by a pickle's name in small letters."""
        return {
            name.casefold(): entry.id for entry in self.entries.values() for name in entry.pickles
        }

    def licence(self, entry: CatalogueEntry) -> Licence:
        return self._licences[entry.licence]


class _Whole(Contents):
    """All files together: ids are unique, licences known."""

    @model_validator(mode="after")
    def _fits(self) -> _Whole:
        ids = [entry.id for entry in self.entry]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"the id {twice[0]} is there twice")
        for entry in self.entry:
            if entry.licence not in self.licences:
                raise ValueError(f"{entry.id} has a licence that is not listed")
            if entry.is_file and len(entry.files) != 1:
                raise ValueError(f"{entry.id} must be one file, as each {entry.role} is")
        return self


def load(data_dir: Path | None = None) -> Catalogue:
    """Ours, and what the data folder adds. Raises BadInput where that cannot be read."""
    ours = _read(FILE)
    if data_dir is None:
        return Catalogue(ours.entry, ours.licences)
    own = _own(data_dir / OWN_FILE, ours)
    known = {entry.id for entry in own.entry}
    entries, licences = list(own.entry), own.licences
    for linked in _linked(data_dir):
        if linked.entry[0].id not in known:  # it may be of a later catalogue
            entries += linked.entry
            licences = linked.licences | licences
    return Catalogue(entries, licences)


def _own(own_file: Path, ours: Contents) -> Contents:
    """Ours and what a file adds."""
    if not own_file.is_file():
        return ours
    try:
        own = _read(own_file)
        whole = _Whole(entry=ours.entry + own.entry, licences=own.licences | ours.licences)
    except (ValidationError, ValueError, OSError) as problem:
        raise BadInput(
            "bad_settings",
            f"{own_file} cannot be read: {_reason(problem)}.",
            "Mend the file, or delete it.",
            status=409,
        ) from problem
    return whole


def _linked(data_dir: Path) -> Iterator[Contents]:
    """What was named by links; what cannot be read is left out."""
    for file in sorted((data_dir / LINKS).glob("*.json")):
        try:
            yield _Whole.model_validate_json(file.read_text("utf-8"))
        except (ValidationError, ValueError, OSError):
            log.warning("%s cannot be read and is left out", file)


def keep(data_dir: Path, entry: CatalogueEntry, licence: Licence) -> None:
    """Remembers a model that was named by a link, so that its download can go on; forgets those of
    which nothing has come since yesterday."""
    folder = data_dir / LINKS
    folder.mkdir(parents=True, exist_ok=True)
    for linked in _linked(data_dir):
        one = linked.entry[0]
        kept = folder / f"{one.id}.json"
        there = one.place(data_dir).exists() or one.begun(data_dir)
        if not there and time.time() - kept.stat().st_mtime > A_DAY:
            kept.unlink(missing_ok=True)
    contents = Contents(licences={entry.licence: licence}, entry=(entry,))
    part = folder / f"{entry.id}.part"
    part.write_text(contents.model_dump_json(indent=2, exclude_defaults=True), "utf-8")
    os.replace(part, folder / f"{entry.id}.json")


def check() -> None:
    """Raises ValidationError where our own file is not sound; for the tests."""
    ours = _read(FILE)
    _Whole(entry=ours.entry, licences=ours.licences)


def _read(file: Path) -> Contents:
    return Contents.model_validate(tomllib.loads(file.read_text("utf-8-sig")))


def _reason(problem: Exception) -> str:
    if isinstance(problem, ValidationError):
        found = problem.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in found["loc"])
        return f"{where} {found['msg'].removeprefix('Value error, ')}".strip()
    return str(problem).splitlines()[0]
