"""Servers that speak OpenAI's images API with words of their own: each has a record, is set up by
itself, and gets what it takes and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.remote.setup import Setup
from tests.remote.standins.compatible import COMPATIBLE, LocalAI
from tests.remote.test_job import photograph, selection
from tests.support import awkward

from pentimento.services import records

SEED = 12345
WORDS = "eine Brücke, 橋 “soft” 🌉"


@pytest.fixture(params=COMPATIBLE)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def job(name: str, **more: Any) -> dict[str, Any]:
    asked = {"backend": name, "prompt": WORDS, "negative_prompt": "雨", "seed": SEED, "steps": 9}
    return asked | {"guidance": 3.5, "width": 96, "height": 64} | more


def test_a_picture_from_words(setup: Setup, name: str) -> None:
    """With everything that a job can say; what the server cannot follow is told as ignored."""
    stand_in = COMPATIBLE[name]()
    setup.use(name, stand_in)
    made = setup.run(job(name))
    assert made["status"] == "succeeded", made["error"]
    [asked] = stand_in.asked
    able = records.service(name).capabilities
    assert asked.prompt == WORDS
    assert asked.seed == (SEED if able.seed else None)
    assert ("seed" in made["record"]["facts"]["ignored"]) == (not able.seed)
    assert setup.pixels(made).shape[:2] == (64, 96)
    if isinstance(stand_in, LocalAI):
        assert stand_in.unwanted == "雨"


def test_outside_a_selection_nothing_changes(setup: Setup, name: str) -> None:
    stand_in = COMPATIBLE[name]()
    setup.use(name, stand_in)
    asked = {"mode": "inpaint", "backend": name, "prompt": WORDS, "seed": SEED, "strength": 0.8}
    asked |= {"source": setup.source(photograph()), "mask": setup.source(selection())}
    made = setup.run(asked)
    assert made["status"] == "succeeded", made["error"]
    kept = selection() == 0
    assert (setup.pixels(made)[kept] == photograph()[kept]).all()
    able = records.service(name).capabilities
    assert made["record"]["facts"]["route"]["kind"] == ("native" if able.inpaint else "text")
    if able.inpaint:
        mask = np.asarray(stand_in.asked[0].mask)
        assert set(np.unique(mask)) == {0, 255}


def test_several_at_once_are_kept_apart(setup: Setup) -> None:
    """Addresses, keys and consents of all five at the same time."""
    running = {name: kind(key=f"key-of-{name}") for name, kind in COMPATIBLE.items()}
    for name, stand_in in running.items():
        setup.use(name, stand_in)
    jobs = {name: setup.front.start(job(name)) for name in running}
    for name, number in jobs.items():
        assert setup.front.finished(number, 60)["status"] == "succeeded"
        keys = {call.headers["authorization"] for call in running[name].calls}
        assert keys == {f"Bearer key-of-{name}"}
        running[name].close()


def test_awkward_words_reach_a_server_that_splits_them(setup: Setup) -> None:
    stand_in = LocalAI()
    setup.use("localai", stand_in)
    for words in (*awkward.FEW.values(), "left|right"):
        assert setup.run(job("localai", prompt=words))["status"] == "succeeded"
        assert stand_in.unwanted == "雨"


def test_models_are_listed(setup: Setup, name: str) -> None:
    stand_in = COMPATIBLE[name]()
    setup.use(name, stand_in)
    answer = setup.front.call("POST", f"/v1/backends/{name}/check", {})
    assert answer.json["models"] == list(stand_in.painters)


def test_prices_are_those_of_the_model(setup: Setup) -> None:
    stand_in = COMPATIBLE["deepinfra"]()
    setup.use("deepinfra", stand_in)
    setup.set("deepinfra", caps={"per_job": 0.045, "per_day": None})
    assert setup.run(job("deepinfra"))["status"] == "succeeded"
    dear = job("deepinfra", model="black-forest-labs/FLUX-pro")
    assert setup.front.call("POST", "/v1/jobs", dear).code == "budget_exceeded"


THEIRS = {  # what together 3.1.1 (PyPI) sent for the job below; it wants another release of rich
    "model": "black-forest-labs/FLUX.1-schnell",
    "prompt": WORDS,
    "guidance_scale": 3.5,
    "height": 1024,
    "n": 1,
    "negative_prompt": "雨",
    "response_format": "base64",
    "seed": SEED,
    "steps": 9,
    "width": 1024,
}


def test_together_gets_what_its_own_client_sends(setup: Setup) -> None:
    """Recorded, for the client cannot be installed beside this program."""
    stand_in = COMPATIBLE["together"]()
    setup.use("together", stand_in)
    made = setup.run(job("together", width=1024, height=1024))
    assert made["status"] == "succeeded", made["error"]
    sent = [call for call in stand_in.calls if stand_in.is_order(call)][-1]
    assert (sent.method, sent.path) == ("POST", "/v1/images/generations")
    assert sent.headers["authorization"] == f"Bearer {stand_in.key}"
    assert sent.json == THEIRS
    assert records.service("together").base_url == "https://api.together.ai/v1"
