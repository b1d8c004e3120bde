"""Stopping a job between two blocks of a network: by an exception, so nothing is decoded in vain.

The same hooks count the blocks that were passed, which shows the front that a slow step lives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn

from pentimento.engine.stop import StopFlag


def _blocks(network: nn.Module) -> Iterator[nn.Module]:
    """The repeated parts of a network: whatever its authors put into a ModuleList."""
    for module in network.modules():
        if isinstance(module, nn.ModuleList):
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
