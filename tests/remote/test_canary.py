"""Keys and words stay where they belong, whatever happens: after jobs at every service, good ones
and failed ones, the server's files, messages and processes are searched for them.

A key may be in keys.json alone, which only its owner can read. The words may be in a job's record
alone, without which nothing could be made again; they are in the database of jobs.
"""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.remote.setup import Setup
from tests.remote.standins.all import STAND_INS
from tests.remote.standins.base import StandIn
from tests.remote.test_job import photograph, selection

from pentimento.jobs.results import RECORD

KEY = "canary-key-7f3a9c51"
WORDS = "canary words of a 4417 garden"
FAULTS = ("", "403", "500", "cut", "broken image")
KEYS_FILE, DATABASE = "keys.json", "jobs.sqlite"


class Told:
    """Everything the server said and everything that was seen while it ran, as bytes by name."""

    def __init__(self) -> None:
        self.seen: dict[str, bytes] = {}
        self.modes: dict[str, int] = {}  # of the server's files

    def add(self, name: str, text: bytes | str) -> None:
        self.seen[name] = text.encode() if isinstance(text, str) else text

    def holding(self, secret: str) -> list[str]:
        return sorted(name for name, text in self.seen.items() if secret.encode() in text)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    setup = Setup(tmp_path_factory.mktemp("canary"), "--log-level", "debug")
    found = Told()
    for name, stand_in in STAND_INS.items():
        use(setup, name, stand_in(key=KEY), found)
    for number, line in command_lines().items():
        found.add(f"command line of {number}", line)
    found.add("places", setup.front.call("GET", "/v1/backends").body)
    found.add("status", setup.front.call("GET", "/v1/status").body)
    _code, errors = setup.front.stop(signal.SIGTERM)
    found.add("stderr", errors)
    for file in (path for path in setup.data.rglob("*") if path.is_file()):
        name = str(file.relative_to(setup.data))
        found.add(name, file.read_bytes())
        found.modes[name] = stat.S_IMODE(file.stat().st_mode)
    yield found
    setup.close()


def use(setup: Setup, name: str, stand_in: StandIn, found: Told) -> None:
    """Jobs at one service with every fault, and what the server answers about them."""
    setup.use(name, stand_in)
    for fault in FAULTS:
        stand_in.fault = fault
        request = {"mode": "inpaint", "backend": name, "prompt": WORDS, "negative_prompt": WORDS}
        request |= {"source": setup.source(photograph()), "mask": setup.source(selection())}
        job = setup.run(request)
        assert (job["status"] == "succeeded") == (fault == ""), job["error"]
        assert job["record"]["request"].pop("prompt") == WORDS
        job["record"]["request"].pop("negative_prompt")
        found.add(f"job at {name} after {fault or 'no fault'}", str(job))
        for image in job["images"]:
            found.add(f"picture of {name}", setup.front.call("GET", image["url"]).body)
    setup.front.call("POST", f"/v1/backends/{name}/check", {})


def command_lines() -> dict[int, bytes]:
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            found[int(entry.name)] = (entry / "cmdline").read_bytes()
        except OSError:  # gone meanwhile
            continue
    return found


def test_the_search_finds_what_is_there(told: Told) -> None:
    assert "command line of " + str(os.getpid()) in told.seen
    assert "logs/server.log" in told.seen
    assert b"debug" in told.seen["logs/server.log"].lower()
    assert len([name for name in told.seen if name.startswith("picture")]) == len(STAND_INS)


def test_keys_are_in_the_private_file_alone(told: Told) -> None:
    assert told.holding(KEY) == [KEYS_FILE]


def test_words_are_in_the_records_alone(told: Told) -> None:
    """In the database, and in the copy beside each result from which it can be made again."""
    places = [name for name in told.holding(WORDS) if not name.startswith(DATABASE)]
    assert all(name.startswith("jobs/") and name.endswith(f"/{RECORD}") for name in places)
    assert any(name.startswith(DATABASE) for name in told.holding(WORDS))


def test_the_private_file_is_private(told: Told) -> None:
    assert told.modes[KEYS_FILE] == 0o600
