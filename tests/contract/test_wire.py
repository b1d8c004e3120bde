"""The plug-in's plain-data protocol and the server's models say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import choices
import options
import procedures
import repeats
import wire
from pentimento.schema import job, plan

REPO = Path(__file__).resolve().parents[2]
MODES = {
    "image_to_image": wire.IMG2IMG,
    "regenerate_selection": wire.INPAINT,
    "text_to_image": wire.TXT2IMG,
    "edit": wire.EDIT,
}
MASKED = (wire.INPAINT, wire.EDIT)
# What the plug-in leaves to the server's defaults or does not offer yet.
UNUSED = {"references", "regions", "observe_steps", "drift_correction", "detail_correction"}
UNUSED |= {"context"}  # of a plan alone
UNUSED |= {"second_pass", "grain_match", "surroundings"}
UNUSED |= {"made_with"}  # of a record alone
UNUSED |= {"expand", "scale", "upscaler", "detail", "faithfulness"}  # of requests to enlarge
UNUSED |= {"only_changes"}  # added by the action
UNUSED |= {"points", "box", "text", "cut_out"}  # of the mode select
UNUSED |= {"target"}  # of the mode harmonize
UNUSED |= {"stopped_at"}  # of a job that was ended early
UNUSED |= {"image", "place"}  # added by wire.located


def values_for(option):
    if option.kind == options.CHOICE:
        return st.sampled_from([choice.nick for choice in option.choices])
    if option.kind == options.BOOLEAN:
        return st.booleans()
    if option.kind == options.DOUBLE:
        return st.floats(option.minimum, option.maximum)
    if option.kind in (options.INT, options.UINT):
        return st.integers(option.minimum, option.maximum)
    if option.name in ("model", "vae"):
        return st.sampled_from(["", "starter", "my-model_1.5"])
    if option.name == "style":
        return st.sampled_from(["", "Blueprint", " Été 2 "])
    if option.name == "backend":
        return st.sampled_from(["", "local", " openai ", "a1111"])
    if option.name == "loras":
        return st.sampled_from(["", "blueprint", "blueprint:0.8, other:-1"])
    if option.kind in (options.LAYER, options.FILE):
        return st.none()
    return st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=40)


def any_values(key):
    named = {option.name: values_for(option) for option in procedures.BY_KEY[key].options}
    if key == "edit":
        named["prompt"] = named["prompt"].filter(str.strip)
    return st.fixed_dictionaries(named)


def pictures(mode):
    source = wire.Pixels("rgba-u8", 2, 1, bytes(8)) if mode != wire.TXT2IMG else None
    mask = wire.Pixels("y-u8", 2, 1, bytes(2)) if mode in MASKED else None
    return source, mask


@pytest.mark.parametrize("key", MODES)
@given(data=st.data())
def test_every_job_is_accepted(key, data):
    values = data.draw(any_values(key))
    mode = MODES[key]
    body = wire.job_request(mode, values, wire.seed_of(values), *pictures(mode))
    accepted = job.JobRequest.model_validate(body)
    assert accepted.mode == mode
    assert accepted.prompt == values["prompt"]
    assert accepted.interactive
    assert accepted.composite is (mode not in MASKED)
    if "strength" in values:
        assert accepted.strength == options.strength_of(values)


@pytest.mark.parametrize("key", MODES)
@given(data=st.data())
def test_every_plan_is_accepted(key, data):
    values = data.draw(any_values(key))
    box = wire.Box(-5, 3, 40, 30)
    body = wire.plan_request(MODES[key], values, wire.Box(0, 0, 100, 80), box, box)
    accepted = plan.PlanRequest.model_validate(body)
    assert accepted.source is not None
    assert wire.Box.from_rect(accepted.source.model_dump()) == box


@pytest.mark.parametrize("key", MODES)
@given(data=st.data())
def test_a_recorded_job_can_be_sent_again(key, data):
    mode = MODES[key]
    first = wire.job_request(mode, data.draw(any_values(key)), 1, *pictures(mode))
    for kept in (
        job.JobRequest.model_validate(first).model_dump(mode="json"),
        job.JobRequest.model_validate(first).compact(),
    ):
        again = job.JobRequest.model_validate(
            repeats.again_request(kept, 2, wire.Box(3, 4, 40, 30), *pictures(mode))
        )
        assert (again.mode, again.seed, again.count) == (mode, 2, 1)
        assert again.prompt == first.get("prompt", "")
        assert again.steps == first.get("steps")
        assert (again.width, again.height) == ((40, 30) if mode == wire.TXT2IMG else (None, None))


def test_every_field_of_a_job_is_used_or_left_on_purpose():
    full = {
        option.name: option.default for action in procedures.ACTIONS for option in action.options
    }
    full |= {"prompt": "a", "negative-prompt": "b", "steps": 9, "guidance": 3.0, "model": "m"}
    full |= {"sampler": "ddim", "grow": 2, "feather": 3, "width": 64, "height": 64}
    full |= {"alpha": "opaque", "loras": "a:0.5", "control": "canny", "backend": "openai"}
    full["vae"] = "sd-vae-ft-mse"
    full |= {"observe": True, "style": "Blueprint"}
    source, mask = pictures(wire.INPAINT)
    sent = set(wire.job_request(wire.INPAINT, full, 1, source, mask))
    assert sent | UNUSED == set(job.JobRequest.model_fields)


def test_the_protocol_text_names_the_fields_of_a_job():
    text = (REPO / "docs" / "protocol.md").read_text(encoding="utf-8")
    table = text.split("## Job fields")[1].split("## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == set(job.JobRequest.model_fields)


def test_samplers_are_the_same():
    assert tuple(choice.value for choice in choices.SAMPLERS if choice.value) == job.SAMPLERS


def test_pixel_formats_are_the_same():
    theirs = {kind.value: kind.bytes_per_pixel for kind in job.PixelFormat}
    assert theirs == wire.BYTES_PER_PIXEL


def test_final_states_are_the_same():
    assert set(wire.FINAL) == {status.value for status in job.JobStatus if status.final}


def test_seeds_fit_for_the_last_of_many_pictures():
    assert options.SEED.maximum + options.COUNT.maximum < job.MAX_SEED
    assert options.COUNT.maximum == wire.MAX_COUNT


@pytest.mark.parametrize("length", [0, 7, 9])
def test_pixels_of_another_length_are_refused(length):
    header = wire.Pixels("rgba-u8", 2, 1, b"").content_type
    with pytest.raises(ValueError, match="bytes instead of 8"):
        wire.Pixels.from_answer(header, bytes(length))
