"""What we send beside what the services' own clients from PyPI send, field by field, at the same
stand-in; and each documented error of a service with a sentence of its own."""

from __future__ import annotations

import base64
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.remote.setup import Setup
from tests.remote.standins.base import Call, picture
from tests.remote.test_edit_at_services import WORDS, edit
from tests.remote.test_services import Service

PNG = picture(24, 16)


def ordered(service: Service) -> Call:
    return [call for call in service.stand_in.calls if service.stand_in.is_order(call)][-1]


def shape(value: Any) -> Any:
    """A body without what differs from picture to picture, and with one spelling of names: Google's
    client sends `mime_type`, its documentation says `mimeType`, and the API takes both."""
    if isinstance(value, dict):
        return {name.replace("_t", "T"): shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value]
    if isinstance(value, str) and len(value) > 80:
        return "data:image/png;base64," if value.startswith("data:image/png;base64,") else "base64"
    return value


@pytest.mark.parametrize("references", [0, 1])
def test_gemini_gets_what_googles_own_client_sends(setup: Setup, references: int) -> None:
    from google import genai

    service = Service("gemini", setup)
    more = [{"image": setup.source(_flat())}] * references
    job = setup.run(edit(service, references=more) if more else edit(service))
    assert job["status"] == "succeeded", job["error"]
    ours = ordered(service)
    types, base = genai.types, service.stand_in.origin
    client = genai.Client(api_key="right-key", http_options=types.HttpOptions(base_url=base))
    pictures = [types.Part.from_bytes(data=PNG, mime_type="image/png")] * (1 + references)
    wanted = types.ImageConfig(
        aspect_ratio=ours.json["generationConfig"]["imageConfig"]["aspectRatio"], image_size="1K"
    )
    answer = client.models.generate_content(
        model="gemini-3.1-flash-image",
        contents=[WORDS, *pictures],
        config=types.GenerateContentConfig(response_modalities=["IMAGE"], image_config=wanted),
    )
    theirs = ordered(service)
    assert answer.candidates[0].content.parts[-1].inline_data.data
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    assert ours.headers["x-goog-api-key"] == theirs.headers["x-goog-api-key"]
    assert shape(ours.json) == shape(theirs.json)


def test_openrouter_gets_what_its_own_client_sends(setup: Setup) -> None:
    import openrouter

    service = Service("openrouter", setup)
    job = setup.run(edit(service, references=[{"image": setup.source(_flat())}]))
    assert job["status"] == "succeeded", job["error"]
    ours = ordered(service)
    client = openrouter.OpenRouter(api_key="right-key", server_url=service.stand_in.base_url)
    uri = "data:image/png;base64," + base64.b64encode(PNG).decode()
    answer = client.images.generate(
        model="bytedance-seed/seedream-4.5",
        prompt=WORDS,
        n=1,
        aspect_ratio=ours.json["aspect_ratio"],
        output_format="png",
        input_references=[{"type": "image_url", "image_url": {"url": uri}}] * 2,
    )
    theirs = ordered(service)
    assert answer.data[0].b64_json
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    assert ours.headers["authorization"] == theirs.headers["authorization"]
    assert shape(ours.json) == shape(theirs.json)


def test_openai_gets_an_edit_with_references_as_its_own_client_sends_it(setup: Setup) -> None:
    import openai

    service = Service("openai", setup)
    references = [{"image": setup.source(_flat())}]
    job = setup.run(edit(service, references=references, model="gpt-image-2.6-flare"))
    assert job["status"] == "succeeded", job["error"]
    ours = ordered(service)
    size = dict(ours.parts)["size"].decode()
    client = openai.OpenAI(api_key="right-key", base_url=service.stand_in.base_url)
    client.images.edit(
        model="gpt-image-2.6-flare",
        prompt=WORDS,
        n=1,
        size=size,  # type: ignore[arg-type]
        image=[("a.png", PNG, "image/png"), ("b.png", PNG, "image/png")],
    )
    theirs = ordered(service)
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    assert _fields(ours) == _fields(theirs)


@pytest.mark.parametrize("mode", ["txt2img", "edit"])
def test_huggingface_gets_what_its_own_client_sends_to_a_provider(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str
) -> None:
    """The client asks the hub who runs a model; here it is told, and goes to the stand-in."""
    from huggingface_hub import InferenceClient, constants
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.hf_api import InferenceProviderMapping
    from huggingface_hub.inference._providers import _common

    service = Service("huggingface", setup)
    asked = edit(service) if mode == "edit" else service.request(mode, prompt=WORDS)
    job = setup.run(asked | {"steps": 12, "guidance": 3.5, "negative_prompt": "Nebel, 雾"})
    assert job["status"] == "succeeded", job["error"]
    ours = ordered(service)
    name = "FLUX.1-Kontext-dev" if mode == "edit" else "FLUX.1-dev"
    model = f"black-forest-labs/{name}"
    there = InferenceProviderMapping(
        provider="fal-ai",
        hf_model_id=model,
        providerId=ours.path.partition("?")[0].removeprefix("/fal-ai/"),
        status="live",
        task="image-to-image" if mode == "edit" else "text-to-image",
    )
    monkeypatch.setitem(_common.HARDCODED_MODEL_INFERENCE_MAPPING, "fal-ai", {model: there})
    proxy = service.stand_in.origin + "/{provider}"
    monkeypatch.setattr(constants, "INFERENCE_PROXY_TEMPLATE", proxy)
    client = InferenceClient(provider="fal-ai", api_key="hf_another_key")
    file = tmp_path / "Bild 图.png"  # of bytes it says that they are JPEG
    file.write_bytes(PNG)
    size, seed = ours.json["image_size"], ours.json["seed"]
    more = {
        "seed": seed,
        "negative_prompt": "Nebel, 雾",
        "num_inference_steps": 12,
        "guidance_scale": 3.5,
    }
    send = partial(client.text_to_image, WORDS, **size)
    if mode == "edit":
        send = partial(client.image_to_image, file, prompt=WORDS, target_size=size)
    with pytest.raises(HfHubHTTPError):  # of a key that the stand-in does not know
        send(model=model, **more)
    theirs = ordered(service)
    assert ours.headers["authorization"].startswith("Bearer ")
    assert theirs.headers["authorization"] == "Bearer hf_another_key"
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    assert shape(ours.json) == shape(theirs.json)


def _fields(call: Call) -> list[tuple[str, str]]:
    told = [
        (name, "a picture" if content.startswith(b"\x89PNG") else content.decode())
        for name, content in call.parts
    ]
    return sorted(told)


def _flat() -> Any:
    import numpy as np

    return np.full((30, 50, 4), 255, np.uint8)


GEMINI = [
    ({"finish": "IMAGE_SAFETY"}, "moderated"),
    ({"finish": "PROHIBITED_CONTENT"}, "moderated"),
    ({"finish": "IMAGE_RECITATION"}, "moderated"),
    ({"blocked": "PROHIBITED_CONTENT"}, "moderated"),
    ({"finish": "NO_IMAGE"}, "no_picture"),
    ({"finish": "IMAGE_OTHER"}, "no_picture"),
    ({"free": True}, "payment_required"),
    ({"abroad": True}, "not_there"),
    ({"fault": "401"}, "key_refused"),
    ({"fault": "403"}, "key_refused"),
    ({"fault": "404"}, "model_gone"),
    ({"fault": "429"}, "rate_limited"),
    ({"fault": "503"}, "service_unavailable"),
    ({"key": "another"}, "key_refused"),
]
OPENROUTER = [
    ({"filtered": True}, "moderated"),
    ({"fault": "401"}, "key_refused"),
    ({"fault": "402"}, "payment_required"),
    ({"fault": "403"}, "key_refused"),
    ({"fault": "404"}, "model_gone"),
    ({"fault": "413"}, "too_large_there"),
    ({"fault": "422"}, "bad_values"),
    ({"fault": "429"}, "rate_limited"),
    ({"fault": "503"}, "service_unavailable"),
]
ERRORS = [("gemini", *one) for one in GEMINI] + [("openrouter", *one) for one in OPENROUTER]


@pytest.mark.parametrize(("name", "fault", "code"), ERRORS, ids=str)
def test_a_documented_error_has_a_sentence_of_its_own(
    setup: Setup, name: str, fault: dict[str, Any], code: str
) -> None:
    service = Service(name, setup)
    for field, value in fault.items():
        setattr(service.stand_in, field, value)
    job = setup.run(edit(service))
    assert (job["status"], job["error"]["code"]) == ("failed", code)
    assert service.stand_in.key not in str(job["error"])


def test_a_model_that_is_gone_is_told_where_the_service_lists_none(setup: Setup) -> None:
    service = Service("openrouter", setup)
    job = setup.run(edit(service, model="nobody/has-this"))
    assert job["error"]["code"] == "model_gone"
