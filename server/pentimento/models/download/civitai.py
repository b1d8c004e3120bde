"""Civitai in the hub's place: what a model's number leads to, by its API version 1
(https://developer.civitai.com/docs/api/public-rest), and where its files are.

A version has several files; of each the API tells its size in KiB and its SHA-256.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from pentimento.models.download.hub import SHA256, Hub, RemoteFile
from pentimento.models.download.settings import HubSettings
from pentimento.schema.answers import Licence

DOWNLOAD = re.compile(r"/api/download/models/\d+")
QUERY = re.compile(r"[A-Za-z0-9=&._%+ -]*")
WEIGHTS = ".safetensors"
NOT_WEIGHTS = ("Training Data", "Config", "Archive", "Workflow")  # kinds of files beside a model
PICTURES_MAY_BE_SOLD = (
    "Its author allows pictures made with it to be sold. The licence of the model that it was made "
    "from applies as well."
)
NO_MONEY = (
    "Its author allows no use that earns money. The licence of the model that it was made from "
    "applies as well."
)


class Civitai(Hub):
    """The path of a file is its address below that of Civitai."""

    def place(self, repo: str, commit: str, path: str) -> str:
        return path

    def _safe(self, url: str) -> str:
        safe = super()._safe(url)
        if self._is_own(safe) and urlsplit(safe).path.startswith("/login"):
            raise self.problem("token_refused" if self.settings.token else "model_gated")
        return safe

    def version(self, model: str, version: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """What is said of a model and of one of its versions, the newest where none is named."""
        if not version:
            told = self.document(f"/api/v1/models/{model}")
            newest = told.get("modelVersions")
            if not isinstance(newest, list) or not newest or not isinstance(newest[0], dict):
                raise self.problem("not_on_hub")
            return told, newest[0]
        found = self.document(f"/api/v1/model-versions/{version}")
        of = found.get("modelId")
        if not isinstance(of, int) or model not in ("", str(of)):
            raise self.problem("not_on_hub")
        return self.document(f"/api/v1/models/{of}"), found

    def weights(self, version: dict[str, Any]) -> list[RemoteFile]:
        """The safetensors files of a version, the main one first."""
        files = version.get("files")
        known = [one for one in files if isinstance(one, dict)] if isinstance(files, list) else []
        known.sort(key=lambda one: one.get("primary") is not True)
        return [self._file(one) for one in known if _is_weights(one)]

    def _file(self, told: dict[str, Any]) -> RemoteFile:
        size, hashes, url = told.get("sizeKB"), told.get("hashes"), told.get("downloadUrl")
        digest = str(hashes.get("SHA256", "")).lower() if isinstance(hashes, dict) else ""
        parts = urlsplit(url if isinstance(url, str) else "")
        if (
            not isinstance(size, int | float)
            or isinstance(size, bool)
            or not 0 < size < 2**40
            or not SHA256.fullmatch(digest)
            or not DOWNLOAD.fullmatch(parts.path)
            or not QUERY.fullmatch(parts.query)
        ):
            raise self.problem("bad_hub_answer")
        address = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return RemoteFile(address, str(told["name"]), round(size * 1024), digest)


def hub_of(source: str, settings: HubSettings, title: str, repo: str) -> Hub:
    """What a model is fetched from."""
    civitai = source == "civitai"
    settings = settings.at_civitai if civitai else settings
    subject = {"title": title, "repo": repo, "variable": settings.variable}
    return Civitai(settings, subject) if civitai else Hub(settings, subject)


def licence_of(model: dict[str, Any], number: int) -> Licence:
    """What its author allows. The API says it as a list, earlier as one word."""
    said = model.get("allowCommercialUse")
    text = " ".join(map(str, said)) if isinstance(said, list) else str(said)
    sold = any(word.casefold() in ("image", "sell") for word in re.findall(r"[A-Za-z]+", text))
    return Licence(
        title="the terms of its author",
        url=f"https://civitai.com/models/{number}",
        open=False,
        notice=PICTURES_MAY_BE_SOLD if sold else NO_MONEY,
    )


def _is_weights(told: dict[str, Any]) -> bool:
    name, metadata = told.get("name"), told.get("metadata")
    form = metadata.get("format") if isinstance(metadata, dict) else None
    named = isinstance(name, str) and name.endswith(WEIGHTS)
    return named and form in (None, "SafeTensor") and told.get("type") not in NOT_WEIGHTS
