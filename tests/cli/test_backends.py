"""Services from the shell: set up, agreed to, tried and used, with the key piped in."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.cli.shell import Shell, photo, read
from tests.remote.standins.openai import OpenAI


@pytest.fixture
def service(served: Shell) -> Iterator[OpenAI]:
    """A stand-in at the address of the settings, and nothing else set up."""
    running = OpenAI()
    assert served("backends", "set", "openai", "--url", running.base_url).returncode == 0
    yield running
    running.close()


def entry(shell: Shell) -> dict:
    told = json.loads(shell("backends", "list", "--json").stdout)
    return next(one for one in told if one["id"] == "openai")


def test_a_service_is_set_up_and_used_from_the_shell(served: Shell, service: OpenAI) -> None:
    source = photo(served.folder / "a.png")
    job = ("run", "--backend", "openai", "--input", "a.png", "--prompt", "a hill")
    refused = served(*job, "--output", "b.png")
    assert refused.returncode == 1
    assert "pentimento backends agree openai" in refused.stderr
    assert service.calls == []

    kept = served("backends", "key", "openai", typed=service.key + "\n")
    assert "needs your consent" in kept.stdout
    agreed = served("backends", "agree", "openai", "--yes")
    assert "Receives: whoever runs the server at the address you entered" in agreed.stdout
    assert agreed.stdout.rstrip().endswith("ready")
    assert "gpt-image-2" in served("backends", "check", "openai").stdout

    done = served(*job, "--output", "b.png")
    assert done.returncode == 0, done.stderr
    painted = read(served.folder / "b.png")
    assert painted.shape == source.shape
    assert painted.dtype == source.dtype
    assert service.accepted == 1

    served("backends", "agree", "openai", "--withdraw")
    assert "agree" in served(*job, "--output", "c.png").stderr
    assert "needs your consent" in served("backends", "key", "openai", "--forget").stdout
    assert service.accepted == 1


def test_size_price_quality_and_extras_are_set(served: Shell, service: OpenAI) -> None:
    numbers = ("--native-size", "768", "--price", "0.2", "--quality", "low")
    assert served("backends", "set", "openai", "--extras", *numbers).returncode == 0
    kept = {"price": 0.2, "native_size": 768, "picture_quality": "low"}
    assert (entry(served)["chosen"], entry(served)["extras"]) == (kept, True)
    assert entry(served)["capabilities"]["sizes"]["native_size"] == 768
    refused = served("backends", "set", "openai", "--quality", "superb")
    assert refused.returncode == 1
    assert "superb" in refused.stderr
    served("backends", "set", "openai", "--no-extras")
    assert entry(served)["extras"] is False


def test_limits_stay_apart_and_hold(served: Shell, service: OpenAI) -> None:
    assert served("backends", "set", "openai", "--per-job", "0.5").returncode == 0
    assert served("backends", "set", "openai", "--per-day", "2").returncode == 0
    assert entry(served)["caps"] == {"per_job": 0.5, "per_day": 2.0}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("check", "nobody"), "no"),
        (("key", "nobody"), "There is no place called “nobody”."),
        (("set", "openai"), "Nothing is to be changed."),
    ],
)
def test_what_makes_no_sense_is_said(served: Shell, arguments: tuple[str, ...], told: str) -> None:
    refused = served("backends", *arguments)
    assert refused.returncode == 1
    assert told in refused.stderr


def test_a_job_is_made_here_or_there(served: Shell) -> None:
    refused = served("run", "--local", "--backend", "openai", "--output", "b.png")
    assert refused.returncode == 2
    assert "--local uses no service." in refused.stderr
