"""What the dialogs need from the rest of the plug-in. The actions hand these in; the dialogs never
import libgimp's image side nor the HTTP client, and the actions never import Gtk.

Methods marked "any thread" are called outside the main thread: they must not touch libgimp. They
fail with an exception whose text is a sentence for the user, with the remedy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, Optional, Protocol, Sequence

from options import Action


class GenerateContext(Protocol):
    """For Image to Image, Regenerate Selection and Text to Image."""

    action: Action
    where: str
    """The computer that gets the pixels, in words: "the server on this computer" or a host name."""

    def plan_request(self, values: Mapping[str, Any]) -> Dict[str, Any]:
        """Main thread. The body of POST /v1/plan for option values by name (docs/protocol.md)."""

    def plan(self, request: Dict[str, Any]) -> Dict[str, Any]:
        """Any thread. The server's answer to a plan request; may start the server."""

    def models(self) -> Sequence[Dict[str, Any]]:
        """Any thread. The list of GET /v1/models."""


@dataclass(frozen=True)
class ServerState:
    """What is known about the server. `running` means: it answered and took the token."""

    running: bool
    sentence: str
    url: str = ""
    details: Sequence[Sequence[str]] = ()
    """Rows of (label, value) for people, such as version, device and memory."""


class ServerContext(Protocol):
    """For the Server dialog. Empty url and token mean: find the server on this computer."""

    url: str
    token: str
    can_start: bool
    """Whether a server is installed here that the plug-in can start."""

    def state(self, url: str, token: str) -> ServerState:
        """Any thread. Asks the server at this address; never fails, never starts one."""

    def start(self) -> None:
        """Any thread. Starts the server on this computer and waits until it answers."""

    def stop(self) -> None:
        """Any thread. Ends the server."""

    def save(self, url: str, token: str) -> None:
        """Main thread. Keeps address and token for all actions."""


@dataclass(frozen=True)
class Check:
    """One line of the Doctor. `fix` (any thread) repairs it where that can be done from here."""

    title: str
    ok: bool
    sentence: str
    fix_label: str = ""
    fix: Optional[Callable[[], None]] = None


class DoctorContext(Protocol):
    """For the Doctor dialog."""

    def checks(self) -> Sequence[Check]:
        """Any thread. Runs all checks and gives them in the order to show."""

    def report(self, checks: Sequence[Check]) -> str:
        """The checks as plain text for a bug report, without the token."""
