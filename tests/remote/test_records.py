"""Records of services age: what is shut down is told before anything is sent, and limits, keys and
consent follow the address that is really used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.remote.setup import Setup
from tests.remote.standins.a1111 import A1111
from tests.remote.standins.openai import OpenAI
from tests.remote.test_services import Service

from pentimento.services import convert, records
from pentimento.services.records import Service as ServiceData
from pentimento.services.settings import Chosen
from pentimento.services.terms import Remotes, Terms

REQUEST = {"backend": "openai", "prompt": "eine Brücke, 橋 “soft” 🌉", "width": 96, "height": 64}


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    running = Setup(tmp_path / "data 数据")
    yield running
    running.close()


@pytest.mark.parametrize("record", records.all_services().values(), ids=lambda one: one.id)
def test_no_record_offers_a_model_that_is_shut_down(record: ServiceData) -> None:
    retired = {one.model for one in record.retired}
    assert not retired & {record.default_model, *record.models}
    assert {one.successor for one in record.retired} <= set(record.models)


def test_a_model_that_is_shut_down_is_named_with_its_successor(tmp_path: Path) -> None:
    """At OpenAI's own address; a server of one's own may call a model as it likes."""
    remotes = Remotes(tmp_path)
    record = records.service("openai")
    for chosen, gone in ((Chosen(model="gpt-image-1"), True), (_elsewhere("gpt-image-1"), False)):
        terms = Terms(record, chosen)
        assert (terms.retired(None) is not None) == gone
    remotes.settings.agree(record, agreed=True)
    remotes.keys.put("openai", remotes.terms("openai").place, "k")
    with pytest.raises(Exception, match=r"shut down the model gpt-image-1") as caught:
        remotes.permit(remotes.terms("openai"), 1, "gpt-image-1")
    assert "gpt-image-2.6-flare" in caught.value.hint


def _elsewhere(model: str) -> Chosen:
    return Chosen(model=model, base_url="http://127.0.0.1:9")


def test_a_limit_without_a_known_price_says_what_to_do(setup: Setup) -> None:
    stand_in = OpenAI()
    setup.use("openai", stand_in)
    setup.set("openai", caps={"per_job": None, "per_day": 5})
    answer = setup.front.call("POST", "/v1/jobs", REQUEST)
    assert (answer.status, answer.code) == (409, "price_unknown")
    assert stand_in.calls == []
    setup.set("openai", price=0.1)
    assert setup.run(REQUEST)["status"] == "succeeded"
    assert setup.entry("openai")["spent_today"] == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["openai", "openrouter"])
def test_a_quality_that_was_chosen_is_asked_for(setup: Setup, name: str) -> None:
    """In new pictures and in changes of one; without a choice nothing is said."""
    service = Service(name, setup)
    for chosen in ("high", None):
        setup.set(name, picture_quality=chosen)
        assert setup.entry(name)["chosen"]["picture_quality"] == chosen
        for mode in ("txt2img", "img2img"):
            assert service.run(mode)["status"] == "succeeded"
            call = [one for one in service.stand_in.calls if service.stand_in.is_order(one)][-1]
            body = call.form if b"form-data" in call.body[:200] else call.json
            said = body.get("quality")
            assert (said.decode() if isinstance(said, bytes) else said) == chosen
    for other in ("openai", "fal"):
        wrong = {"picture_quality": "tremendous"}
        assert setup.front.call("PUT", f"/v1/backends/{other}", wrong).code == "bad_request"


def test_a_server_of_ones_own_needs_no_key_and_is_told_as_such(setup: Setup) -> None:
    stand_in = OpenAI()
    stand_in.authorized = lambda call: "authorization" not in call.headers  # type: ignore[method-assign]
    setup.set("openai", base_url=stand_in.base_url)
    setup.agree("openai")
    entry = setup.entry("openai")
    assert entry["needs_key"] is False
    assert entry["configured"] is True
    assert "OpenAI" not in entry["privacy"] + entry["receives"]
    assert setup.run(REQUEST)["status"] == "succeeded"
    stand_in.close()


def test_forge_is_steered_by_the_map_though_it_calls_no_preprocessor_otherwise(
    setup: Setup,
) -> None:
    service = Service("a1111", setup)
    service.stand_in.close()
    service.stand_in = A1111(no_map="None")
    setup.use("a1111", service.stand_in)
    job = service.run("img2img", controls=[{"type": "canny", "weight": 0.8}])
    assert job["status"] == "succeeded", job["error"]
    assert service.asked.control is not None


@pytest.mark.parametrize(("name", "mode"), [("replicate", "inpaint"), ("huggingface", "img2img")])
def test_a_chosen_model_is_asked_for_new_pictures_only(setup: Setup, name: str, mode: str) -> None:
    """One that paints from words would ignore the selection, and cost its price."""
    service = Service(name, setup)
    job = service.run(mode, model="somebody/words-only")
    assert job["status"] == "succeeded", job["error"]
    assert service.asked.image is not None
    asked = [call.path for call in service.stand_in.calls]
    assert not any("words-only" in path for path in asked)


def test_values_are_kept_within_what_the_service_takes(setup: Setup) -> None:
    service = Service("replicate", setup)
    job = service.run("txt2img", steps=100, guidance=25.0)
    assert job["status"] == "succeeded", job["error"]
    service = Service("horde", setup)
    more: dict[str, Any] = {"guidance": 7.123456, "steps": 60}
    job = service.run("inpaint", **more)
    assert job["status"] == "succeeded", job["error"]


def test_a_mask_says_the_same_by_its_color_as_by_its_alpha() -> None:
    """stable-diffusion.cpp reads a gray channel, OpenAI the alpha."""
    import io

    import numpy as np
    from PIL import Image

    mask = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8))
    file = io.BytesIO()
    mask.save(file, "PNG")
    sent = np.asarray(Image.open(io.BytesIO(convert.transparent_where_white(file.getvalue()))))
    assert (sent[..., 0] == np.asarray(mask)).all()
    assert (sent[..., 3] == 255 - np.asarray(mask)).all()
