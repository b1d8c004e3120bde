"""Where models come from: the hub or a mirror of it, through which proxy, with which token.

Said in `<data-dir>/settings.json` as {"downloads": {"endpoint": "https://…", "proxy": "http://…"}},
else by the environment (HF_ENDPOINT, HTTPS_PROXY, HF_TOKEN; for Civitai CIVITAI_TOKEN, and
"civitai" beside "endpoint" for another address of it). Never by a request: what can ask the
server must not choose whom it connects to.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from pentimento.core import settings
from pentimento.core.errors import BadInput
from pentimento.core.net import is_local, origin

OFFICIAL = "https://huggingface.co"
CIVITAI = "https://civitai.com"

KeptKey = Callable[[], str | None]  # the token that the user entered, where there is one


@dataclass(frozen=True, slots=True)
class HubPatience:
    """Seconds. A connection that brings less than `least` bytes in `window` has stalled."""

    connect: float = 10
    read: float = 30
    window: float = 60
    least: int = 64 * 1024
    pauses: tuple[float, ...] = (1, 2, 5, 10)  # before the second and each further try
    longest_wait: float = 120  # that is waited when the hub asks for it


@dataclass(frozen=True, slots=True)
class HubSettings:
    endpoint: str = OFFICIAL
    proxy: str | None = None  # None: as the environment says
    token: str | None = field(default=None, repr=False)
    patience: HubPatience = HubPatience()
    civitai: str = CIVITAI
    civitai_token: str | None = field(default=None, repr=False)
    variable: str = "HF_TOKEN"  # where its token is expected

    @property
    def at_civitai(self) -> HubSettings:
        """The same for Civitai in the hub's place."""
        return replace(
            self, endpoint=self.civitai, token=self.civitai_token, variable="CIVITAI_TOKEN"
        )

    @property
    def near(self) -> bool:
        """Whether the hub is in this machine or the local network."""
        return is_local(origin(self.endpoint)[1])


def read(data_dir: Path, endpoint: str | None = None, kept: KeptKey | None = None) -> HubSettings:
    """As the file and the environment say; `endpoint` overrides both. `kept` is asked for a token
    for the official hub only. Raises BadInput for an address that none can be."""
    said = _said(data_dir)
    address = check_endpoint(
        endpoint or said.get("endpoint") or os.environ.get("HF_ENDPOINT") or OFFICIAL
    )
    token = os.environ.get("HF_TOKEN")
    if not token and kept and origin(address) == origin(OFFICIAL):
        token = kept()
    proxy = said.get("proxy")
    return HubSettings(
        address,
        check_proxy(proxy) if proxy else None,
        token or None,
        civitai=check_endpoint(said.get("civitai") or CIVITAI),
        civitai_token=os.environ.get("CIVITAI_TOKEN") or None,
    )


def check_endpoint(url: str) -> str:
    """The address without a trailing slash: https, or http in the local network."""
    scheme, host, _ = origin(url)
    if scheme not in ("http", "https") or not host or urlsplit(url).username or "?" in url:
        raise _bad("The address of the hub is none.")
    if scheme == "http" and not is_local(host):
        raise _bad("Beyond your own network only addresses with https:// are safe.")
    return url.rstrip("/")


def check_proxy(url: str) -> str:
    scheme, host, _ = origin(url)
    if scheme not in ("http", "https") or not host:
        raise _bad("The address of the proxy is none.")
    return url


def _said(data_dir: Path) -> dict[str, str]:
    try:
        said = settings.kept(data_dir).get("downloads", {})
    except BadInput as error:
        raise _bad(error.message) from None
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise _bad(f"“downloads” in {data_dir / settings.SETTINGS} is not a list of addresses.")
    return said


def _bad(message: str) -> BadInput:
    return BadInput(
        "bad_settings",
        message,
        "For example https://huggingface.co, or http://127.0.0.1:8080 for a mirror here.",
        status=409,
    )
