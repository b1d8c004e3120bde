"""Models that are named by a link: what it leads to, its licence, and what arrives. Against a hub
on loopback and a stand-in for Civitai written from its published schema."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.models.header_shapes import lora, vae
from tests.models.hub.civitai import MODEL, OLDER, VERSION, CivitaiServer, civitai
from tests.models.hub.server import COMMIT, HubServer, entry, own_catalogue, serving
from tests.models.hub.test_pull import HASTE
from tests.models.weight_files import safetensors as header
from tests.models.weight_files import write
from tests.support import tiny_models

from pentimento.core.errors import NotFound, PentimentoError
from pentimento.models import catalogue, manage
from pentimento.models.download import pull as pulls
from pentimento.models.download.linked import found
from pentimento.models.download.links import LINK, Link, parse
from pentimento.models.download.pull import Pull
from pentimento.models.download.settings import HubSettings
from pentimento.models.library.registry import Registry
from pentimento.models.machine import Machine

SD15_LORA = lora("lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k", 768, 320)
NO_CARD = Machine(None, 16.0)
ODD = "深い/水彩 (v1.0) [final].safetensors"


def weights(shapes: dict[str, Any], seed: int = 7) -> bytes:
    """A whole file with weights that are not all the same."""
    start = header(shapes)
    size = json.loads(start[8:])
    length = max(one["data_offsets"][1] for one in size.values())
    return start + hashlib.shake_128(bytes([seed])).digest(length)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository as they are: half precision beside full, pickles, a part that is not used."""
    folder = tiny_models.write_sd15(tmp_path_factory.mktemp("links") / "tiny-sd15")
    unet = folder / "unet" / "diffusion_pytorch_model.safetensors"
    shutil.copyfile(unet, unet.with_name("diffusion_pytorch_model.fp16.safetensors"))
    shutil.copyfile(unet, unet.with_name("diffusion_pytorch_model.non_ema.safetensors"))
    unet.write_bytes(b"the larger one, which nobody asks for")
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04 a pickle")
    (folder / "safety_checker").mkdir()
    (folder / "safety_checker" / "model.safetensors").write_bytes(b"not needed")
    (folder / "README.md").write_text("# Words")
    return folder


@pytest.fixture
def hub(tmp_path: Path, tiny: Path) -> Iterator[HubServer]:
    several, odd, controls = (tmp_path / name for name in ("several", "odd", "controls"))
    for name in ("ink.safetensors", "chalk.safetensors"):
        (several / name).parent.mkdir(exist_ok=True)
        (several / name).write_bytes(weights(SD15_LORA))
    (odd / ODD).parent.mkdir(parents=True)
    (odd / ODD).write_bytes(weights(SD15_LORA, seed=3))
    (odd / "pytorch_model.bin").write_bytes(b"\x80\x04 a pickle")
    write(controls / "diffusion_pytorch_model.safetensors", {"controlnet_cond_embedding.w": (4,)})
    (controls / "config.json").write_text('{"_class_name": "ControlNetModel"}')
    folders = {
        "studio/tiny-sd15": tiny,
        "studio/several": several,
        "studio/odd": odd,
        "studio/controls": controls,
    }
    with serving(folders, cards={"studio/tiny-sd15": {"cardData": {"license": "MIT"}}}) as server:
        yield server


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def settings(at: HubServer | CivitaiServer, token: str | None = None) -> HubSettings:
    own = HubSettings(at.endpoint, token=token, patience=HASTE)
    return replace(own, civitai=at.endpoint, civitai_token=token)


def look(link: str, data: Path, at: Any, **more: Any) -> catalogue.CatalogueEntry:
    return found(link, data, lambda: settings(at, **more))


def fetch(link: str, data: Path, at: Any, **more: Any) -> Path:
    """Where what a link leads to is, once it is there."""
    one = look(link, data, at, **more)
    known = catalogue.load(data)
    Pull(data, known.get(one.id), known.licence(one), settings(at, **more), 0).run(lambda _: None)
    return one.place(data)


def failure(link: str, data: Path, at: Any, **more: Any) -> PentimentoError:
    with pytest.raises(PentimentoError) as caught:
        fetch(link, data, at, **more)
    assert [file for file in data.rglob("*.safetensors") if ".pulls" not in file.parts] == []
    return caught.value


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("hf:a/b", Link("hub", "a/b")),
        (" hf:a/b ", Link("hub", "a/b")),
        ("hf:a/b@v1.0/x/y.safetensors", Link("hub", "a/b", "v1.0", "x/y.safetensors")),
        (f"hf:a/b/{ODD}", Link("hub", "a/b", "", ODD)),
        ("https://huggingface.co/a/b", Link("hub", "a/b")),
        ("https://huggingface.co/a/b/tree/main", Link("hub", "a/b")),
        (
            "https://huggingface.co/a/b/resolve/main/%E6%B0%B4.safetensors?download=true",
            Link("hub", "a/b", "", "水.safetensors"),
        ),
        ("civitai:12", Link("civitai", "12")),
        ("civitai:12@34", Link("civitai", "12", "34")),
        ("urn:air:sd1:lora:civitai:12@34", Link("civitai", "12", "34")),
        ("https://civitai.com/models/12/a-name?modelVersionId=34", Link("civitai", "12", "34")),
        ("https://civitai.com/api/download/models/34?type=Model", Link("civitai", "", "34")),
    ],
)
def test_links_are_read(text, link):
    assert parse(text) == link
    assert parse(str(link)) == link


@pytest.mark.parametrize(
    "text",
    [
        *("hf:", "hf:a", "hf:../..", "hf:a/..", "hf:a/b@../c", "hf:a b/c", "civitai:", "civitai:x"),
        *(
            "civitai:１２",
            "civitai:12@",
            "https://civitai.com/models/x",
            "https://[",
            "ftp://x/a/b",
        ),
        *(
            "https://example.com/a/b",
            "http://huggingface.co/a/b",
            "file:///etc/passwd",
            ":",
            "hf:\0/b",
        ),
        "https://huggingface.co@example.com/a/b",
        "https://civitai.com/models/12?modelVersionId=x",
    ],
)
def test_what_is_no_link_is_refused_without_asking_anybody(text, data):
    def nobody() -> HubSettings:
        raise AssertionError("settings were asked for")

    with pytest.raises(PentimentoError) as caught:
        found(text, data, nobody)
    assert caught.value.code == "bad_link"


def test_a_folder_comes_in_half_precision_with_its_licence_and_without_pickles(data, hub, tiny):
    place = fetch("hf:studio/tiny-sd15", data, hub)
    assert place == data / "models" / "tiny-sd15"
    files = {file.relative_to(place).as_posix() for file in place.rglob("*") if file.is_file()}
    assert {file for file in files if file.startswith("unet/")} == {
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
    }
    half = tiny / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    assert (place / "unet/diffusion_pytorch_model.safetensors").read_bytes() == half.read_bytes()
    assert not any(file.startswith("safety_checker") or file.endswith(".bin") for file in files)
    model = Registry(data).get("tiny-sd15")
    assert model.ok, model.problem
    assert json.loads((place / "pentimento.json").read_text())["licence"] == "MIT"
    assert manage.verify(model, lambda _: None) == []
    assert all(COMMIT in one.path for one in hub.asked[1:])


def test_a_file_comes_as_what_its_header_says_whatever_it_is_called(data, hub):
    place = fetch(f"hf:studio/odd/{ODD}", data, hub)
    assert place.parent == data / "loras"
    assert place.read_bytes() == (hub.folders["studio/odd"] / ODD).read_bytes()
    (added,) = [one for one in Registry(data).addons.list() if one.path == place]
    assert (added.kind, added.ok) == ("lora", True)
    assert manage.verify_files(place, lambda _: None) == []
    with place.open("r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"\x55")
    assert "changed" in manage.verify_files(place, lambda _: None)[0]
    listed = {one.id: one for one in catalogue.load(data).available(data, NO_CARD)}
    assert listed[place.stem].installed
    assert listed[place.stem].usable


def test_before_the_licence_only_the_header_is_asked_for_and_nothing_is_listed(data, hub):
    one = look("hf:studio/several/ink.safetensors", data, hub)
    assert (one.role, one.family, one.bytes) == ("lora", "sd15", len(weights(SD15_LORA)))
    assert len(hub.cdn_asked) == 1
    assert [file.name for file in data.rglob("*") if file.is_file()] == ["ink.json"]
    known = catalogue.load(data)
    with pytest.raises(PentimentoError) as caught:
        pulls.agreed(known, one, False, data)
    assert caught.value.code == "licence_needed"
    assert caught.value.details["url"] == "https://huggingface.co/studio/several"
    assert "no licence" in caught.value.details["notice"]
    assert one.id not in {row.id for row in known.available(data, NO_CARD)}


def test_of_several_files_it_is_asked_which(data, hub):
    problem = failure("hf:studio/several", data, hub)
    assert problem.code == "link_unclear"
    assert problem.details["files"] == ["chalk.safetensors", "ink.safetensors"]
    assert "chalk.safetensors, ink.safetensors" in problem.hint
    assert fetch("hf:studio/several/chalk.safetensors", data, hub).name == "chalk.safetensors"


def test_a_controlnet_folder_is_told_by_its_configuration(data, hub):
    one = look("hf:studio/controls", data, hub)
    assert (one.role, one.id, one.usable) == ("controlnet", "controls", True)
    place = fetch("hf:studio/controls", data, hub)
    assert place == data / "controlnets" / "controls"
    assert sorted(file.name for file in place.iterdir()) == [
        "checksums.json",
        "config.json",
        "diffusion_pytorch_model.safetensors",
    ]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"model.bin": b"\x80\x04"}, "no weights in the form safetensors"),
        ({"a.safetensors": b"\x80\x04 pickle under another name"}, "it"),
        ({"a.safetensors": b"PK\x03\x04"}, "it"),
        ({"a.safetensors": b""}, "it"),
        ({"a.safetensors": (2**62).to_bytes(8, "little") + b"{}"}, "it"),
        ({"a.safetensors": weights({"some.weight": (4, 4)})}, "its kind is unknown"),
        ({"model_index.json": b'{"_class_name": "ThinkPipeline"}'}, "no pipeline ThinkPipeline"),
        ({"model_index.json": b'{"_class_name": "<b>"}'}, "no pipeline unknown"),
        (
            {"modular_model_index.json": b'{"_class_name": "Flux3ModularPipeline"}', "a.txt": b""},
            "FLUX.3 Klein is not supported yet; take `pentimento models pull flux2-klein-4b`",
        ),
        (
            {"model_index.json": b'{"_class_name": "QwenImageLayeredPipeline"}'},
            "Qwen-Image-Layered is not supported yet",
        ),
    ],
)
def test_what_is_of_no_use_is_refused_before_it_comes(tmp_path, data, hub, files, reason):
    folder = tmp_path / "useless"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    hub.folders["studio/useless"] = folder
    problem = failure("hf:studio/useless", data, hub)
    assert problem.code == "link_unusable"
    assert reason in problem.message
    assert not (data / "links").exists()


def test_gguf_and_missing_files_are_told_of(data, hub):
    (hub.folders["studio/odd"] / "flux-Q4.gguf").write_bytes(b"GGUF")
    assert failure("hf:studio/odd/flux-Q4.gguf", data, hub).code == "link_unusable"
    assert failure("hf:studio/odd/none.safetensors", data, hub).code == "not_on_hub"
    assert failure("hf:studio/nothing", data, hub).code == "not_on_hub"


@pytest.mark.parametrize(
    ("card", "title", "open_"),
    [
        ({"license": "apache-2.0"}, "Apache 2.0", True),
        ({"license": ["mit", "other"]}, "MIT", True),
        ({"license": "other", "license_name": "krea-2"}, "krea-2", False),
        ({"license": "cc-by-nc-4.0"}, "cc-by-nc-4.0", False),
        ({"license": "<script>"}, "no licence named", False),
        ({"license": None}, "no licence named", False),
        ("not a card", "no licence named", False),
    ],
)
def test_licences_are_shown_and_only_known_open_ones_need_no_consent(data, hub, card, title, open_):
    hub.cards["studio/odd"] = {"cardData": card, "gated": "auto"}
    one = look("hf:studio/odd", data, hub)
    licence = catalogue.load(data).licence(one)
    assert (licence.title, licence.open, one.gated) == (title, open_, True)


def test_a_repository_of_the_catalogue_is_its_entry(data, hub):
    own_catalogue(data, entry("known", "studio/tiny-sd15"))
    assert look("hf:studio/tiny-sd15", data, hub).id == "known"
    assert hub.asked == []


def test_names_that_are_taken_by_others_stay_theirs(data, hub):
    mine = data / "loras" / "ink.safetensors"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    place = fetch("hf:studio/several/ink.safetensors", data, hub)
    assert place.name.startswith("ink-")
    assert mine.read_bytes() == b"mine"
    with pytest.raises(PentimentoError) as caught:
        fetch("hf:studio/several/ink.safetensors", data, hub)
    assert caught.value.code == "model_exists"


def test_ids_that_no_catalogue_has_are_not_found(data, hub):
    with pytest.raises(NotFound):
        look("nothing", data, hub)


# Civitai


@pytest.fixture
def shop() -> Iterator[CivitaiServer]:
    files = {VERSION: weights(SD15_LORA, seed=1), OLDER: weights(SD15_LORA, seed=2)}
    with civitai(files) as server:
        yield server


PICKLE = {"name": "old.ckpt", "type": "Model", "metadata": {"format": "PickleTensor"}}
TRAINING = {"name": "set.safetensors", "type": "Training Data", "metadata": {"format": "Other"}}


@pytest.mark.parametrize(
    ("link", "version"),
    [
        (f"civitai:{MODEL}", VERSION),
        (f"civitai:{MODEL}@{OLDER}", OLDER),
        (f"https://civitai.com/api/download/models/{OLDER}", OLDER),
    ],
)
def test_a_lora_of_civitai_comes_with_its_sum(data, shop, link, version):
    shop.beside = [PICKLE, TRAINING]
    place = fetch(link, data, shop, token="civ_canary")
    assert place == data / "loras" / f"Aquarelle_v{version}.safetensors"
    assert place.read_bytes() == shop.files[version]
    sums = json.loads(manage.sums_of(place).read_text())
    assert sums == {place.name: hashlib.sha256(shop.files[version]).hexdigest()}
    for path, headers in shop.asked:  # the key goes to Civitai, not to where its files lie
        assert ("civ_canary" in str(headers)) == (not path.startswith("/delivery/"))
    assert not any("civ_canary" in file.read_text("latin-1") for file in data.rglob("*.json"))


@pytest.mark.parametrize(
    ("allowed", "words"),
    [
        (["Image", "Sell"], "to be sold"),
        ("{Image,RentCivit}", "to be sold"),
        ([], "no use that earns money"),
        ("None", "no use that earns money"),
        (None, "no use that earns money"),
    ],
)
def test_what_its_author_allows_is_said_and_has_to_be_agreed_to(data, shop, allowed, words):
    shop.allowed = allowed
    one = look(f"civitai:{MODEL}", data, shop)
    with pytest.raises(PentimentoError) as caught:
        pulls.agreed(catalogue.load(data), one, False, data)
    assert words in caught.value.details["notice"]
    assert caught.value.details["url"] == f"https://civitai.com/models/{MODEL}"
    assert "<b>" not in one.title


def test_bytes_that_are_not_what_civitai_says_are_thrown_away(data, shop):
    shop.changes = {"hashes": {"SHA256": "AB" * 32}}
    assert failure(f"civitai:{MODEL}", data, shop).code == "wrong_hash"


@pytest.mark.parametrize(
    "changes",
    [
        {"hashes": {"AutoV2": "01"}},
        {"sizeKB": None},
        {"sizeKB": -1},
        {"sizeKB": float("inf")},
        {"downloadUrl": "https://civitai.com/user/account"},
        {"downloadUrl": None},
    ],
)
def test_answers_that_cannot_be_are_refused(data, shop, changes):
    shop.changes = changes
    assert failure(f"civitai:{MODEL}", data, shop).code == "bad_hub_answer"


def test_only_safetensors_are_taken(data, shop):
    shop.changes = PICKLE
    assert failure(f"civitai:{MODEL}", data, shop).code == "link_unusable"
    assert shop.paths("/delivery") == []


def test_what_needs_an_account_says_so_and_names_the_right_variable(data, shop):
    shop.token = "civ_canary"
    problem = failure(f"civitai:{MODEL}", data, shop)
    assert problem.code == "model_gated"
    assert "CIVITAI_TOKEN" in problem.hint
    assert failure(f"civitai:{MODEL}", data, shop, token="wrong").code == "token_refused"
    assert fetch(f"civitai:{MODEL}", data, shop, token="civ_canary").is_file()


def test_a_version_of_another_model_and_numbers_of_nothing_are_not_there(data, shop):
    assert failure(f"civitai:1@{OLDER}", data, shop).code == "not_on_hub"
    assert failure("civitai:1", data, shop).code == "not_on_hub"


def test_a_download_that_broke_off_goes_on_without_asking_what_the_link_is(data, shop):
    one = look(f"civitai:{MODEL}", data, shop)
    shop.cut, shop.cuts = 1000, 9
    with pytest.raises(PentimentoError) as caught:
        fetch(f"civitai:{MODEL}", data, shop)
    assert caught.value.code == "hub_unreachable"
    shop.cuts = 0
    asked = len(shop.paths("/api/v1"))
    assert fetch(f"civitai:{MODEL}", data, shop).read_bytes() == shop.files[VERSION]
    assert len(shop.paths("/api/v1")) == asked
    assert one.id == f"Aquarelle_v{VERSION}"


def test_a_vae_of_one_file_is_put_with_the_vaes(data, shop):
    shop.files = {VERSION: weights(vae(4))}
    assert fetch(f"civitai:{MODEL}", data, shop).parent == data / "vaes"


def test_a_text_encoder_is_put_with_the_text_encoders(data, shop):
    names = ("embed_tokens", "layers.0.self_attn.q_proj")
    shop.files = {VERSION: weights({f"model.{name}.weight": (8, 8) for name in names})}
    assert fetch(f"civitai:{MODEL}", data, shop).parent == data / "text_encoders"
    assert [item.role for item in Registry(data).inventory.list()] == ["text_encoder"]


def test_links_are_let_through_the_servers_door():
    import re

    assert all(re.search(LINK, text) for text in ("hf:a/b", "civitai:1", "https://x/y"))
    assert not any(re.search(LINK, text) for text in ("hf:a b", "x:y", "https://" + "x" * 500))
