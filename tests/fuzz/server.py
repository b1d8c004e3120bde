"""The server that is fuzzed: the real front with both faces, a stand-in for the engine, and a
watchdog over its event loop. `python -m tests.fuzz.server FOLDER`; its data folder is in there."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.server.stand_in import StandInBackend
from tests.support.watchdog import LateImports, Watchdog, WatchedPolicy

from pentimento.api.server import serve
from pentimento.core.settings import Limits, Settings

STALLS, DATA = "stalls.jsonl", "data"
IMPATIENT = Limits(disk_reserve=0, wait=0.05, heartbeat=0.05, chunk_seconds=2)
FACES = ("a1111", "openai")


def main(folder: Path) -> None:
    dog = Watchdog(folder / STALLS)
    LateImports(dog)
    asyncio.set_event_loop_policy(WatchedPolicy(dog))
    serve(Settings(folder / DATA, faces=FACES, limits=IMPATIENT), StandInBackend())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
