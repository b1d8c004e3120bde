"""Pictures of one job whose words or LoRAs differ: each is what it would be alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.engine.bench import Bench

from pentimento.schema.job import PixelFormat
from pentimento.schema.task import Words

SIZE = {"mode": "txt2img", "width": 64, "height": 64, "steps": 2}
LEFT = np.zeros((64, 64), np.uint8)
SEED = 7  # of the first picture; the seeds behind it draw every LoRA and both colours
LEFT[:, :32] = 255


@pytest.mark.parametrize("model", ["sd15", "flux"])
def test_every_picture_is_the_one_of_its_own_words(bench: Bench, model: str) -> None:
    """LoRAs that are drawn come and go between pictures, without a trace."""
    template = f"a {{red|blue}} ball{{<lora:{model}-1:0.8>|<lora:{model}-2>|}}"
    made = bench.make(model, prompt=template, count=4, seed=SEED, **SIZE)
    loras = [tuple(one["id"] for one in image.facts.get("loras", [])) for image in made.images]
    assert set(loras) == {(f"{model}-1",), (f"{model}-2",), ()}
    for number, image in enumerate(made.images):
        plain = {"prompt": image.facts["prompt"], "loras": image.facts.get("loras", [])}
        alone = bench.make(model, **plain, seed=SEED + number, **SIZE)
        assert alone.images[0].facts.get("prompt") is None
        np.testing.assert_array_equal(made.pixels(number), alone.pixels())


def test_the_same_words_are_read_once(bench: Bench) -> None:
    encoder = _encoder(bench)
    calls: list[int] = []
    hook = encoder.register_forward_hook(lambda *_: calls.append(1))
    try:
        bench.make(prompt="a {new|new} word", count=4, guidance=1.0, **SIZE)
    finally:
        hook.remove()
    assert len(calls) == 1


def test_negative_and_region_prompts_draw_as_well(bench: Bench) -> None:
    asked = {"prompt": "a ball", "negative_prompt": "{red|blue}", "seed": 2}
    region = {"mask": LEFT, "prompt": "{a box|a hat}"}
    made = bench.make(regions=[dict(region)], **asked, **SIZE)
    facts = made.images[0].facts
    assert "prompt" not in facts
    plain = asked | {"negative_prompt": facts["negative_prompt"]}
    (words,) = facts["region_prompts"]
    alone = bench.make(regions=[{"mask": LEFT, "prompt": words}], **plain, **SIZE)
    np.testing.assert_array_equal(made.pixels(), alone.pixels())


@pytest.mark.parametrize("model", ["sd15", "flux"])
def test_notation_of_others_that_has_no_effect_is_told(bench: Bench, model: str) -> None:
    made = bench.make(model, prompt="a [red|blue] ball AND a 猫 [big:2]", seed=1, **SIZE)
    told = made.facts["notices"]
    assert [one["code"] for one in told] == ["steps_as_words", "steps_as_words", "and_as_word"]
    assert [one["params"].get("text") for one in told] == ["[red|blue]", "[big:2]", None]
    assert "[red|blue]" in told[0]["message"]
    assert "{a|b}" in told[0]["message"]
    assert "notices" not in bench.make(model, prompt="a [red] ball", seed=1, **SIZE).facts


def test_what_is_not_read_of_a_regions_prompt_is_told(bench: Bench) -> None:
    regions = [{"mask": LEFT, "prompt": words} for words in ("a box", "a box and " * 40)]
    made = bench.make("sd3", prompt="a ball", regions=regions, **SIZE)
    (told,) = made.facts["notices"]
    assert told["code"] == "region_prompt_cut"
    assert told["params"]["region"] == 2
    assert told["params"]["unread"] in told["message"]
    assert made.images[0].facts["notices"] == [told]


def test_notices_are_those_of_each_picture(bench: Bench) -> None:
    long = "a box and " * 40
    made = bench.make("sd3", prompt=f"{{a|{long}}}", count=4, seed=1, guidance=1.0, **SIZE)
    told = ["notices" in image.facts for image in made.images]
    assert set(told) == {True, False}
    assert len(made.facts["notices"]) == 1


def test_words_travel_to_the_engine_and_back(bench: Bench) -> None:
    from pentimento.engine_ipc.messages import job_from_json, job_to_json

    job = bench.job(prompt="a {red|blue} ball {<lora:sd15-1:0.5>|}", count=8, **SIZE)
    assert job_from_json(job_to_json(job)).task.words == job.task.words
    assert any(words.loras for words in job.task.words)
    assert Words.of(job.task.request).prompt == job.task.request.prompt


def test_all_that_happens_in_the_engine_travels_back() -> None:
    from pentimento.engine_ipc.messages import event_from_json, event_to_json, pack_frame
    from pentimento.schema.task import Loading, PixelFile, Preview, Result, Step

    odd = PixelFile(Path("/tmp/图 '🎨' \udcff.bin"), 3, 2, PixelFormat.RGBA_U16)
    facts = {"steps_run": 3, "levels": [1.0, 0.5], "notices": [{"code": "a", "params": {}}]}
    events = [
        Loading("weights", None),
        Step(3, 20, 1, 4, 0.5),
        Preview(b"\xff\xd8\x00", 4, 1),
        Result(0, odd, 2**32 - 1, facts, "stage", "estimate"),
        Result(1, PixelFile(Path("a.png"), 1, 1), 0),
    ]
    for event in events:
        message, binary = event_to_json(event)
        message = json.loads(pack_frame({"type": "event", "job_id": "a", **message})[8:])
        assert event_from_json(message, binary) == event
    with pytest.raises(ValueError, match="unknown event"):
        event_from_json({"event": "dream"}, b"")


def _encoder(bench: Bench):
    bench.make(**SIZE)
    parts = reversed(bench.worker._shared.components._parts.values())
    return next(part.value for part in parts if part.name == "text_encoder")
