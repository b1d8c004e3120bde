"""The plug-in's own settings: where another server is and its token. Kept in GIMP's folder in a
file that only its owner can read."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from gi.repository import Gimp

from errors import PluginError
from i18n import _


@dataclass
class Settings:
    """Empty strings mean: find the server of this machine by its own file."""

    url: str = ""
    token: str = ""
    fingerprint: str = ""  # of the certificate of a server that was paired with


def path() -> str:
    return os.path.join(Gimp.directory(), "pentimento.json")


def load() -> Settings:
    try:
        with open(path(), encoding="utf-8-sig") as file:
            kept = json.load(file)
        return Settings(*(str(kept.get(name, "")) for name in ("url", "token", "fingerprint")))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError, AttributeError) as error:
        raise PluginError(
            _("The settings in {path} can't be read: {reason}").format(path=path(), reason=error),
            _(
                "Delete that file, or set the address again in Filters > Pentimento > Setup > "
                "Server."
            ),
            "settings_damaged",
        ) from error


def save(settings: Settings) -> None:
    """Writes a new file beside the old one and renames it, so that it is never half written."""
    partial = path() + ".new"
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(settings), file, indent=1)
        os.replace(partial, path())
    except OSError as error:
        raise PluginError(
            _("The settings can't be written to {path}: {reason}").format(
                path=path(), reason=error
            ),
            _("Check the rights of that folder and the free space on its disk."),
            "settings_not_written",
        ) from error
