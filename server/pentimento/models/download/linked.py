"""What a link leads to, as an entry like those of the catalogue.

Only safetensors are taken. What a single file is, its own header tells, which is fetched before
anything else; a diffusers folder is what its `model_index.json` or `config.json` says.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pentimento.models import catalogue as catalogues
from pentimento.models.catalogue import CatalogueEntry
from pentimento.models.download import civitai, links, plan
from pentimento.models.download.civitai import Civitai, hub_of
from pentimento.models.download.hub import Hub, RemoteFile
from pentimento.models.download.links import Link
from pentimento.models.download.settings import HubSettings
from pentimento.models.library.checkpoint import inspect_file
from pentimento.models.library.ids import as_file_name, id_of
from pentimento.models.library.inventory import CLASSES
from pentimento.models.library.sidecar import INDEX
from pentimento.models.tables import architectures, unsupported
from pentimento.models.tables.unsupported import MODULAR_INDEX
from pentimento.models.weights.detect.recognise import UNKNOWN, Recognised, recognise
from pentimento.models.weights.header import Damaged
from pentimento.schema.answers import Licence

LEFT_OUT = ("safety_checker", "feature_extractor")  # parts of pipelines that nothing here asks for
PLAIN = re.compile(r"[A-Za-z0-9_-]+\.safetensors")  # no variant, also one shard of several
SHARD = re.compile(r".*-\d{5}-of-\d{5}\.safetensors")
HALF = ".fp16.safetensors"
COMMON = ("model", "diffusion_pytorch_model", "pytorch_lora_weights", "adapter_model", "lora")
LONGEST_HEADER = 2**26  # bytes
SHORTER = 110  # characters of an id that another one has already, before its hash
NAMED = 8  # files that a question names
ROLES: dict[str, catalogues.Role] = {
    "checkpoint": "model",
    "denoiser": "model",
    "lora": "lora",
    "controlnet": "controlnet",
    "vae": "vae",
    "tiny_vae": "tiny-vae",
    "embedding": "embedding",
    "upscaler": "upscaler",
    "text_encoder": "text-encoder",
}
OPEN = {  # as model cards name them -> title, address
    "apache-2.0": ("Apache 2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    "mit": ("MIT", "https://opensource.org/license/mit"),
    "bsd-3-clause": ("BSD 3-Clause", "https://opensource.org/license/bsd-3-clause"),
    "cc0-1.0": ("CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "cc-by-4.0": ("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/"),
    "openrail": ("OpenRAIL", "https://huggingface.co/blog/open_rail"),
    "openrail++": (
        "CreativeML OpenRAIL++-M",
        "https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0/blob/main/LICENSE.md",
    ),
    "creativeml-openrail-m": (
        "CreativeML OpenRAIL-M",
        "https://huggingface.co/spaces/CompVis/stable-diffusion-license",
    ),
}
NO_LICENCE = "Its page names no licence. Ask its makers before you use it for more than a try."
SAID = re.compile(r"[A-Za-z0-9 ._+-]{1,80}")
SizedFor = Literal[4, 6, 8, 12, 16, 24, 48]
CARDS: tuple[SizedFor, ...] = (4, 6, 8, 12, 16, 24, 48)  # GB


class LinkTarget(NamedTuple):
    """What a link leads to. `told` is of a single file."""

    name: str
    repo: str
    revision: str
    files: tuple[RemoteFile, ...]
    licence: Licence
    gated: bool = False
    pipeline: str = ""
    role: catalogues.Role | None = None
    told: Recognised | None = None


def found(wanted: str, data_dir: Path, settings: Callable[[], HubSettings]) -> CatalogueEntry:
    """The entry of an id, or of what a link leads to, which is asked for and kept. One that has
    begun to come is not asked for again. Raises NotFound, BadInput, PullProblem."""
    known = catalogues.load(data_dir)
    if not links.is_link(wanted):
        return known.get(wanted)
    link = links.parse(wanted)
    for entry in known.entries.values():
        there = entry.place(data_dir).exists() or entry.begun(data_dir)
        whole = not entry.link and entry.role == "model" and not (link.path or link.revision)
        if (entry.link == str(link) and there) or (whole and entry.repo == link.repo):
            return entry
    title = link.path or link.repo or link.revision
    hub = hub_of(link.source, settings(), title, link.repo)
    try:
        target = _at_civitai(link, hub) if isinstance(hub, Civitai) else _at_hub(link, hub)
    finally:
        hub.close()
    entry = _entry(link, target, known, data_dir)
    catalogues.keep(data_dir, entry, target.licence)
    return entry


def _entry(
    link: Link, target: LinkTarget, known: catalogues.Catalogue, data_dir: Path
) -> CatalogueEntry:
    size = sum(file.size for file in target.files)
    role = target.role or ROLES[target.told.role if target.told else "checkpoint"]
    base = id_of(as_file_name(target.name), role)
    entry = CatalogueEntry(
        id=base,
        title=target.name if SAID.fullmatch(target.name) else base,
        role=role,
        family=target.told.family if target.told else UNKNOWN,
        repo=target.repo,
        revision=target.revision,
        files=tuple(file.stored for file in target.files),
        pipeline=target.pipeline,
        bytes=max(size, 1),
        licence=f"link:{base}",
        gated=target.gated,
        vram=_card(size) if role == "model" else 4,
        cpu=role != "model",
        use="",
        source=link.source,
        link=str(link),
        remote=target.files,
        one_file=target.told is not None,
    )
    other = known.entries.get(base)
    taken = other.link != entry.link if other else entry.place(data_dir).exists()
    if not taken:
        return entry
    unique = f"{base[:SHORTER]}-{hashlib.sha256(entry.link.encode()).hexdigest()[:8]}"
    return entry.model_copy(update={"id": unique, "licence": f"link:{unique}"})


def _card(size: int) -> SizedFor:
    """GB of the smallest card that holds the weights and a little more."""
    need = 1.1 * size / 1e9 + 1
    return next((card for card in CARDS if card >= need), CARDS[-1])


# At the hub


def _at_hub(link: Link, hub: Hub) -> LinkTarget:
    told = hub.listing(link.repo, link.revision or "main")
    commit, by_path = plan.listed(hub, told)
    licence = _licence(told, link.repo)
    gated = told.get("gated") not in (None, False)
    name = link.repo.partition("/")[2]
    target = LinkTarget(name, link.repo, commit, (), licence, gated)
    if not link.path and MODULAR_INDEX in by_path and INDEX not in by_path:
        raise _no_pipeline(_document(target, by_path, MODULAR_INDEX, hub), hub)
    if not link.path and INDEX in by_path:
        return _pipeline(target, by_path, hub)
    if not link.path and "config.json" in by_path and (part := _part(target, by_path, hub)):
        return part
    path = link.path or _only(by_path, hub)
    if path not in by_path:
        raise hub.problem("not_on_hub")
    file = replace(_known(by_path[path], hub), stored=f"weights{civitai.WEIGHTS}")
    stem = Path(path).stem
    target = target._replace(name=name if stem in COMMON else stem, files=(file,))
    return target._replace(told=_told(target, path, hub))


def _only(by_path: Iterable[str], hub: Hub) -> str:
    """The one file with weights, of those that lie highest."""
    weights = sorted(path for path in by_path if path.endswith(civitai.WEIGHTS))
    highest = [path for path in weights if "/" not in path] or weights
    if not highest:
        raise hub.problem("link_unusable", reason="it has no weights in the form safetensors")
    if len(highest) > 1:
        names = [path for path in highest if SAID.fullmatch(path.replace("/", ""))]
        told = ", ".join(names[:NAMED]) + ("…" if len(names) > NAMED else "")
        raise hub.problem("link_unclear", files=told, details={"files": names[:100]})
    return highest[0]


def _pipeline(target: LinkTarget, by_path: dict[str, dict[str, Any]], hub: Hub) -> LinkTarget:
    """A model as a diffusers folder: of each part its configuration and one set of weights."""
    index = _document(target, by_path, INDEX, hub)
    called = index.get("_class_name")
    if not isinstance(called, str) or architectures.of_pipeline(called) is None:
        raise _no_pipeline(index, hub)
    chosen = [INDEX]
    for name, value in index.items():
        if isinstance(value, list) and value and value[0] and name not in LEFT_OUT:
            chosen += _of_folder(f"{name}/", by_path)
    files = tuple(_stored(_known(by_path[path], hub)) for path in chosen)
    return target._replace(files=files, pipeline=called, role="model")


def _no_pipeline(index: dict[str, Any], hub: Hub) -> Exception:
    called = index.get("_class_name")
    named = called if isinstance(called, str) and SAID.fullmatch(called) else UNKNOWN
    reason = str(unsupported.of_pipeline(named) or f"this version knows no pipeline {named}")
    return hub.problem("link_unusable", reason=reason)


def _part(target: LinkTarget, by_path: dict[str, dict[str, Any]], hub: Hub) -> LinkTarget | None:
    """A ControlNet or VAE as a diffusers folder; None where it is neither."""
    called = _document(target, by_path, "config.json", hub).get("_class_name")
    kind = CLASSES.get(called) if isinstance(called, str) else None
    if kind is None:
        return None
    chosen = [path for path in _of_folder("", by_path) if path != INDEX]
    files = tuple(_stored(_known(by_path[path], hub)) for path in chosen)
    return target._replace(files=files, pipeline=str(called), role=ROLES[kind])


def _of_folder(prefix: str, by_path: Iterable[str]) -> list[str]:
    """Of the files right below a folder what a part needs: half precision where it is one file,
    else the plain weights, whole or in shards with their list."""
    inside = [
        path
        for path in sorted(by_path)
        if path.startswith(prefix) and "/" not in path[len(prefix) :] and plan.is_wanted(path)
    ]
    weights = [path[len(prefix) :] for path in inside if path.endswith(civitai.WEIGHTS)]
    half = [name for name in weights if name.removesuffix(HALF) in COMMON]
    plain = [name for name in weights if PLAIN.fullmatch(name)]
    whole = [name for name in plain if not SHARD.fullmatch(name)]
    taken = half[:1] or sorted(whole, key=lambda name: name[:-12] not in COMMON)[:1] or plain
    sharded = taken == plain and taken != whole[:1]
    others = [
        path
        for path in inside
        if not path.endswith(civitai.WEIGHTS)
        and (".index." not in path or (sharded and path.endswith(".safetensors.index.json")))
    ]
    return [*others, *(prefix + name for name in taken)]


def _stored(file: RemoteFile) -> RemoteFile:
    if not file.path.endswith(HALF):
        return file
    return replace(file, stored=file.path.removesuffix(HALF) + civitai.WEIGHTS)


def _known(sibling: dict[str, Any], hub: Hub) -> RemoteFile:
    """A file that something vouches for."""
    file = plan.remote_file(sibling, hub)
    if not (file.sha256 or file.blob):
        raise hub.problem("bad_hub_answer")
    return file


def _document(target: LinkTarget, by_path: dict[str, Any], path: str, hub: Hub) -> dict[str, Any]:
    return hub.document(hub.place(target.repo, target.revision, _known(by_path[path], hub).path))


def _licence(told: dict[str, Any], repo: str) -> Licence:
    """As the model's card names it; what is not known as open has to be agreed to."""
    card = told.get("cardData")
    card = card if isinstance(card, dict) else {}
    said = card.get("license")
    said = said[0] if isinstance(said, list) and said else said
    page = f"https://huggingface.co/{repo}"
    if isinstance(said, str) and said.lower() in OPEN:
        title, url = OPEN[said.lower()]
        return Licence(title=title, url=url, open=True)
    named = card.get("license_name") or said
    if not isinstance(named, str) or not SAID.fullmatch(named) or named in ("other", "unknown"):
        return Licence(title="no licence named", url=page, open=False, notice=NO_LICENCE)
    link = card.get("license_link")
    url = link if isinstance(link, str) and re.fullmatch(r"https://[!-~]{1,300}", link) else page
    return Licence(title=named, url=url, open=False)


# At Civitai


def _at_civitai(link: Link, hub: Civitai) -> LinkTarget:
    model, version = hub.version(link.repo, link.revision)
    numbers = model.get("id"), version.get("id")
    if not all(isinstance(number, int) for number in numbers):
        raise hub.problem("bad_hub_answer")
    weights = hub.weights(version)
    if not weights:
        raise hub.problem("link_unusable", reason="it has no weights in the form safetensors")
    name = Path(weights[0].stored).stem
    file = replace(weights[0], stored=f"weights{civitai.WEIGHTS}")
    licence = civitai.licence_of(model, int(numbers[0]))  # type: ignore[arg-type]
    target = LinkTarget(name, f"civitai/{numbers[0]}", str(numbers[1]), (file,), licence)
    return target._replace(told=_told(target, f"weights{civitai.WEIGHTS}", hub))


# What a single file is


def _told(target: LinkTarget, path: str, hub: Hub) -> Recognised:
    """By its header, which is all that is fetched. Raises link_unusable where it is of no use."""
    if not path.endswith(civitai.WEIGHTS):
        raise hub.problem("link_unusable", reason="it is no file of the form safetensors")
    (file,) = target.files
    start = hub.start(target.repo, target.revision, file, _has_header)
    try:
        with tempfile.TemporaryDirectory() as place:
            copy = Path(place) / "weights.safetensors"
            copy.write_bytes(start)
            os.truncate(copy, file.size)  # a hole where the weights will be
            told = recognise(copy)
            problem = inspect_file(copy, "model").problem if ROLES.get(told.role) == "model" else ""
    except Damaged as damage:
        raise hub.problem("link_unusable", reason=f"it {damage}") from damage
    if told.role == UNKNOWN:
        problem = "its kind is unknown"
    elif told.role not in ROLES:
        problem = f"it is of the kind {told.role}"
    if problem:
        raise hub.problem("link_unusable", reason=problem[0].lower() + problem[1:].rstrip("."))
    return told


def _has_header(start: bytearray) -> bool:
    """Whether a safetensors file's header is whole, or is none that could be."""
    length = 8 + int.from_bytes(start[:8], "little")
    return len(start) >= 8 and (len(start) >= length or length > LONGEST_HEADER)
