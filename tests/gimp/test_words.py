"""Whatever people type reaches the model and stays with the layer: every action with awkward words,
in real GIMP; answers of inside/words.py. Below that the rules by which text is made safe."""

from __future__ import annotations

import json
import shutil
import unicodedata
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from hypothesis import given
from tests.gimp import turns
from tests.gimp.harness import REPO, HeadlessGimp
from tests.support import awkward
from tests.support.tiny_flow_models import write_flux2_klein

import texts

in_gimp = pytest.mark.gimp
# GIMP's strings end at a zero; words by chance are tests of the server's.
PROMPTS = awkward.without(awkward.PROMPTS, "null_character")
NOT_UTF8 = awkward.SURROGATES | {"null_character": awkward.PROMPTS["null_character"]}
ACTIONS = ("img2img", "regenerate-selection", "txt2img", "edit")
NAME_LENGTH = 40
NAMES = {  # of styles and LoRAs: one line, without slashes
    case: " ".join(words.replace("\\", "").split())[:40].strip()
    for case, words in awkward.FEW.items()
}
LORA = REPO / "server/pentimento/starter/blueprint/pytorch_lora_weights.safetensors"


@pytest.fixture(scope="module")
def answer(version, companion, tmp_path_factory):
    editor = write_flux2_klein(companion.data / "models" / "klein")
    headless = HeadlessGimp(version, tmp_path_factory.mktemp("words"))
    headless.point_to(companion.url, companion.token)
    prompts = {name: PROMPTS[name] for name in turns.of(PROMPTS, version)}
    words = {"prompts": prompts, "few": awkward.FEW, "not utf-8": NOT_UTF8}
    with named(companion) as styled:
        yield headless.run("words.py", words | {"styled": styled}, timeout=400)
    shutil.rmtree(editor)


@contextmanager
def named(companion):
    """A style and a LoRA of each name; by case the style's name and the LoRA's id."""
    folder = companion.data / "loras"
    folder.mkdir(exist_ok=True)
    files = {name: folder / f"{name}.safetensors" for name in NAMES.values()}
    for name, file in files.items():
        companion.ask(f"/v1/styles/{quote(name)}", "PUT", {"prompt": "{prompt}, a look"})
        shutil.copy(LORA, file)
    ids = {lora["title"]: lora["id"] for lora in companion.ask("/v1/models")["loras"]}
    yield {case: [name, ids[name]] for case, name in NAMES.items()}
    for name, file in files.items():
        companion.ask(f"/v1/styles/{quote(name)}", "DELETE")
        file.unlink()


@in_gimp
@pytest.mark.parametrize("case", [turns.case(name) for name in PROMPTS])
def test_a_prompt_of_any_kind_makes_a_layer_whose_record_can_be_read_again(answer, case):
    found = answer["repainted"][case]
    assert found["status"] == "success", found["error"]
    for layer in (found, found["again"]):
        assert layer["prompt"]
        assert layer["negative"]
        assert layer["box"]
        assert layer["name"] == texts.line(layer["name"])


@in_gimp
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("case", awkward.FEW)
def test_every_action_takes_words_of_any_kind(answer, case, action):
    found = answer["every action"][case][action]
    assert found["status"] == "success", found["error"]
    assert found["prompt"]
    assert found["box"]
    assert found["again"] == ["success", ""]


@in_gimp
@pytest.mark.parametrize("case", awkward.FEW)
def test_a_regions_words_are_its_layers_name(answer, case):
    for action in ("img2img", "regenerate-selection"):
        (words,) = answer["every action"][case][action]["regions"]
        assert words.split() == awkward.FEW[case].split()


@in_gimp
@pytest.mark.parametrize("case", NAMES)
def test_styles_and_loras_of_any_name_are_painted_with_and_told(answer, case):
    found = answer["styled"][case]
    assert found["status"] == "success", found["error"]
    assert found["style"] == NAMES[case]
    assert [lora["weight"] for lora in found["loras"]] == [0.5]
    assert found["again"] == ["success", ""]


@in_gimp
@pytest.mark.parametrize("case", awkward.FEW)
def test_a_map_of_a_layer_with_any_name_is_called_by_it(answer, case):
    status, error, name, source = answer["every action"][case]["map"]
    assert (status, error) == ("success", "")
    assert name == "Edges of " + texts.line(source)


@in_gimp
@pytest.mark.parametrize("case", NOT_UTF8)
def test_text_that_gimp_cannot_hold_is_no_reason_to_lose_a_result(answer, case):
    found = answer["from the server"][case]
    assert found["same"]
    assert found["name"].startswith("a cat")


@pytest.mark.parametrize("words", awkward.cases(awkward.ANY_PROMPT))
def test_names_are_one_line_that_gimp_takes(words):
    name = texts.shortened(texts.line(words), NAME_LENGTH)
    name.encode()
    assert len(name) <= NAME_LENGTH
    assert not any(unicodedata.category(letter) == "Cc" for letter in name)


def test_a_shortened_name_keeps_letters_and_emoji_whole():
    assert texts.shortened("a" * 41, 40) == "a" * 39 + "…"
    assert texts.shortened("a" * 38 + "e\u0301" + "b" * 5, 40) == "a" * 38 + "…"
    family = "👩\u200d👩\u200d👧"
    assert texts.shortened("a" * 37 + family + "bb", 40) == "a" * 37 + "…"
    assert texts.shortened("cat 👍🏽 on a mat", 6) == "cat…"


@given(awkward.json_values)
def test_what_a_parasite_holds_reads_again_as_the_same(content):
    packed = texts.packed(content)
    assert max(packed) < 128
    signed = [value - 256 if value > 127 else value for value in packed]
    assert json.dumps(texts.unpacked(signed)) == json.dumps(json.loads(json.dumps(content)))


def test_a_parasite_that_older_versions_wrote_as_utf8_reads_too():
    data = json.dumps({"prompt": "猫 é"}, ensure_ascii=False).encode()
    signed = [value - 256 if value > 127 else value for value in data] + [0]
    assert texts.unpacked(signed) == {"prompt": "猫 é"}
    assert texts.unpacked(b"no JSON") is None


@given(awkward.any_texts)
def test_readable_text_is_utf8_without_a_zero_and_otherwise_the_same(words):
    made = texts.readable({words: [words]})
    (key,) = made
    assert made == {key: [key]}
    assert b"\0" not in key.encode()
    assert len(key) == len(words)
    same = [one for one in words if one != "\0" and not "\ud800" <= one <= "\udfff"]
    assert [one for one in key if one != texts.STANDS_IN] == [
        one for one in same if one != texts.STANDS_IN
    ]
