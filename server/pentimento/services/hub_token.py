"""The settings of the hub, with the token that the user has entered for HuggingFace."""

from __future__ import annotations

from pathlib import Path

from pentimento.models.download import settings
from pentimento.models.download.settings import HubSettings
from pentimento.services.terms import Remotes

SERVICE = "huggingface"  # its key is the same token


def hub_settings(data_dir: Path, endpoint: str | None = None) -> HubSettings:
    """As the data folder and the environment say; `endpoint` overrides them. Raises BadInput."""

    def kept() -> str | None:
        remotes = Remotes(data_dir)
        terms = remotes.terms(SERVICE)
        own_place = terms.base_url == terms.service.base_url
        return remotes.keys.get(SERVICE, terms.place)[0] if own_place else None

    return settings.read(data_dir, endpoint, kept)
