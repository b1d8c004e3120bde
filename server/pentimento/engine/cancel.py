"""Stopping a job between two blocks of a network: by an exception, so nothing is decoded in vain.

The same hooks count the blocks that were passed, which shows the front that a slow step lives.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn

from pentimento.core.errors import Cancelled


def _blocks(network: nn.Module) -> Iterator[nn.Module]:
    """The repeated parts of a network: whatever its authors put into a list or a row."""
    for module in network.modules():
        if isinstance(module, nn.ModuleList | nn.Sequential):
            yield from module


@contextmanager
def stoppable(networks: Iterable[nn.Module], stop: StopFlag) -> Iterator[None]:
    """While inside, every block of the networks looks at the flag before it runs."""

    def look(*_: object) -> None:
        stop.check()

    hooks = [
        block.register_forward_pre_hook(look) for network in networks for block in _blocks(network)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class StopFlag:
    """Set from the reader thread, looked at by the compute thread."""

    def __init__(self) -> None:
        self._set = threading.Event()
        self._finish = threading.Event()
        self.passed = 0  # how often the compute thread came by: its sign of life

    def set(self) -> None:
        self._set.set()

    def finish(self) -> None:
        """Asks for what there is so far instead of more steps."""
        self._finish.set()

    @property
    def finishing(self) -> bool:
        return self._finish.is_set()

    def check(self) -> None:
        """Raises Cancelled once the flag is set."""
        self.passed += 1
        if self._set.is_set():
            raise Cancelled
