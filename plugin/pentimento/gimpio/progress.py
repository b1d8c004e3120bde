"""Work in a thread while GIMP's progress bar goes on, and a window of ours that watches. GIMP's own
Cancel ends the whole process, the thread with it; the server notices and cancels the job."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import Any, Callable, Iterator, List, Optional

from gi.repository import Gimp

import texts

TICK_SECONDS = 0.1

_watchers: List[Any] = []
_alone: List[Any] = []  # of those, the ones beside which GIMP shows nothing


@contextmanager
def watched_by(watcher: Any, alone: bool = False) -> Iterator[None]:
    """Meanwhile `watcher.watch(text, fraction, seconds)` is called in the main thread again and
    again in place of waiting: it shows the progress, keeps its window alive for that long, and may
    raise what ends the work, such as Stopped. `alone`: GIMP's own progress bar, whose Cancel ends
    the whole process, stays away."""
    _watchers.append(watcher)
    _alone.extend([watcher] if alone else [])
    try:
        yield
    finally:
        _watchers.remove(watcher)
        if alone:
            _alone.remove(watcher)


class Progress:
    """GIMP's progress bar. `tell` may be called from any thread; libgimp is called from the main
    thread only."""

    def __init__(self, title: str) -> None:
        title = texts.line(title)
        self._text, self._fraction = title, None  # type: str, Optional[float]
        self._shown = title
        self._in_gimp = not _alone
        if self._in_gimp:
            Gimp.progress_init(title)

    def tell(self, text: str, fraction: Optional[float] = None) -> None:
        """`fraction` 0..1, or None while there is nothing to count."""
        self._text, self._fraction = texts.line(text), fraction

    def wait_for(self, work: Callable[[], Any]) -> Any:
        """Runs `work` in a thread; its result or its exception."""
        outcome: dict = {}

        def run() -> None:
            try:
                outcome["result"] = work()
            except BaseException as error:  # raised again in the main thread
                outcome["error"] = error

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            thread.join(TICK_SECONDS / 4)
            while thread.is_alive():
                self._show()
                self._wait(thread)
            if "error" in outcome:
                raise outcome["error"]
        except BaseException:
            self.end()
            raise
        return outcome["result"]

    def _wait(self, thread: threading.Thread) -> None:
        if not _watchers:
            thread.join(TICK_SECONDS)
            return
        for watcher in _watchers:
            watcher.watch(self._text, self._fraction, TICK_SECONDS / 2)

    def _show(self) -> None:
        if not self._in_gimp:
            return
        text, fraction = self._text, self._fraction
        if text != self._shown:
            Gimp.progress_set_text(text)
            self._shown = text
        if fraction is None:
            Gimp.progress_pulse()
        else:
            Gimp.progress_update(min(1.0, max(0.0, fraction)))

    def end(self) -> None:
        if self._in_gimp:
            Gimp.progress_end()
