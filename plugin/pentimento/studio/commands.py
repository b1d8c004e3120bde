"""Commands for the panel that is open, in a process of its own: left as parasites of GIMP itself,
where the panel looks for them.

They are no temporary procedures of the panel. GIMP 3.0 crashes a plug-in that it calls while that
waits for an answer ("g_irepository_find_by_gtype: assertion 'gtype != G_TYPE_INVALID' failed").
And it ends one that it calls while that reads or writes pixels ("expected tile ack")."""

from __future__ import annotations

import os
import time
import uuid
from typing import Any, Callable, Dict, Iterator, Tuple

from gi.repository import Gimp

import texts

AIM = "aim"
OPEN = "pentimento-studio-panel"  # as long as a panel is open: its process
LETTER = "pentimento-studio-letter-"  # a command that waits, by the time it was left at
BUSY_SECONDS, PAUSE_SECONDS = 20, 0.02  # a panel that is busy with pixels takes none
COMMANDS: Dict[str, Callable[[Any], None]] = {
    AIM: lambda panel: None,
    "generate": lambda panel: panel.generate(),
    "keep": lambda panel: panel.keep(),
    "next": lambda panel: panel.face.strip.step(1),
    "previous": lambda panel: panel.face.strip.step(-1),
    "discard": lambda panel: panel.discard(),
    "compare": lambda panel: panel.toggle_compare(),
    "live": lambda panel: panel.face.live.toggle(),
    "stop": lambda panel: panel.jobs.stop_first(),
    "close": lambda panel: panel.ask_to_close(),
}


def tell_open_panel(name: str, image: Any) -> bool:
    """Gives the open panel a command about the image, and waits until it is taken. False where no
    panel is open."""
    if not _is_open():
        return False
    number = image.get_id() if image is not None else 0
    letter = f"{LETTER}{time.time_ns():020}-{uuid.uuid4().hex}"
    _leave(letter, texts.packed([name, number]))
    end = time.monotonic() + BUSY_SECONDS
    while Gimp.get_parasite(letter) is not None:
        if not _is_open() or time.monotonic() > end:
            Gimp.detach_parasite(letter)
            return False
        time.sleep(PAUSE_SECONDS)
    return True


def _is_open() -> bool:
    """A panel that was killed leaves its sign behind."""
    sign = Gimp.get_parasite(OPEN)
    if sign is None:
        return False
    if os.name == "posix" and not _lives(texts.unpacked(sign.get_data())):
        Gimp.detach_parasite(OPEN)
        return False
    return True


def _lives(process: Any) -> bool:
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OSError, TypeError, ValueError, OverflowError):
        return True
    return True


def _leave(name: str, content: bytes) -> None:
    Gimp.attach_parasite(Gimp.Parasite.new(name, 0, content))


class Mailbox:
    """Of the open panel."""

    def open(self) -> None:
        for _old in self.letters():
            continue
        _leave(OPEN, texts.packed(os.getpid()))

    def close(self) -> None:
        Gimp.detach_parasite(OPEN)

    def letters(self) -> Iterator[Tuple[str, int]]:
        """Takes the commands that wait, the oldest first: name, and number of an image or 0."""
        for name in sorted(one for one in Gimp.get_parasite_list() if one.startswith(LETTER)):
            letter = Gimp.get_parasite(name)
            Gimp.detach_parasite(name)
            content = texts.unpacked(letter.get_data()) if letter is not None else None
            if isinstance(content, list) and len(content) == 2 and content[0] in COMMANDS:
                yield str(content[0]), int(content[1])
