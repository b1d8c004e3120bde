"""References: pictures as a part of the prompt, put on and taken off without a trace."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.engine.bench import Bench, photo
from tests.engine.test_controls import control
from tests.support.tiny_addons import write_ip_adapter

from pentimento.core.errors import BadInput, JobFailed, NotFound
from pentimento.engine.conditioning import ip_adapter
from pentimento.engine.conditioning.ip_adapter import IPAdapterInput
from pentimento.models.library.ids import id_of
from pentimento.models.library.registry import Registry

MODELS = ("sd15", "sdxl")
ASKED: dict[str, Any] = {"mode": "txt2img", "width": 64, "height": 64, "steps": 2}


@pytest.fixture(scope="module", autouse=True)
def adapters(data_dir: Path) -> Path:
    """Beside the session's models."""
    folder = data_dir / "ip_adapters"
    for model in MODELS:
        write_ip_adapter(data_dir / "models" / model, folder / f"{model}-a")
    write_ip_adapter(data_dir / "models" / "sd15", folder / "sd15-plus", plus=True)
    return folder


def reference(**fields: Any) -> dict[str, Any]:
    return {"image": photo(90, 60)} | fields


def make(bench: Bench, model: str = "sd15", **wanted: Any) -> bytes:
    return bench.make(model, **ASKED | wanted).pixels().tobytes()


@pytest.mark.parametrize(("model", "guidance"), [("sd15", 1.0), ("sd15", 3.5), ("sdxl", 3.5)])
def test_a_reference_counts_and_leaves_no_trace(bench: Bench, model: str, guidance: float) -> None:
    plain = make(bench, model, guidance=guidance)
    asked = {"guidance": guidance}
    made = make(bench, model, references=[reference()], **asked)
    assert made == make(bench, model, references=[reference()], **asked)
    other = reference(image=np.ascontiguousarray(255 - photo(90, 60)))
    changed = {made, make(bench, model, references=[other], **asked), plain}
    assert len(changed) == 3
    assert make(bench, model, references=[reference(weight=0)], **asked) == plain
    assert make(bench, model, **asked) == plain


def test_weight_range_and_adapter_count(bench: Bench) -> None:
    found = [
        make(bench, references=[reference(**fields)])
        for fields in (
            {},
            {"weight": 0.4},
            {"end": 0.5},
            {"start": 0.5},
            {"model": "sd15-plus"},
        )
    ]
    found.append(make(bench, references=[reference(), reference(weight=0.4)]))
    assert len(set(found)) == len(found)


def test_style_reads_other_blocks_than_the_whole(bench: Bench) -> None:
    whole = make(bench, "sdxl", references=[reference()])
    style = make(bench, "sdxl", references=[reference(kind="style")])
    assert len({whole, style, make(bench, "sdxl")}) == 3


@pytest.mark.parametrize(
    ("family", "kind", "reads"),
    [
        ("sdxl", "style", {"up_blocks.0.attentions.1.transformer_blocks.3.attn2.processor"}),
        (
            "sdxl",
            "composition",
            {"down_blocks.2.attentions.1.transformer_blocks.0.attn2.processor"},
        ),
        ("sd15", "style", {"up_blocks.1.attentions.0.transformer_blocks.0.attn2.processor"}),
    ],
)
def test_kinds_are_read_by_their_blocks(family: str, kind: str, reads: set[str]) -> None:
    names = reads | {
        "down_blocks.1.attentions.1.transformer_blocks.0.attn2.processor",
        "up_blocks.2.attentions.1.transformer_blocks.0.attn2.processor",
        "mid_block.attentions.0.transformer_blocks.0.attn2.processor",
    }
    one = IPAdapterInput(Path(), torch.zeros(1), 0.7, kind, 0.0, 0.5)
    assert {name for name in names if one.scale(family, name, 0, 4)} == reads
    assert not any(one.scale(family, name, 2, 4) for name in names)


def test_with_control_loras_and_regions(bench: Bench) -> None:
    mask = np.full((64, 64), 255, np.uint8)
    asked = {
        "controls": [control()],
        "loras": [{"id": "sd15-1", "weight": 0.8}],
        "regions": [{"mask": mask, "prompt": "snow"}],
    }
    covered = make(bench, references=[reference()], **asked)
    with_prompt = {"controls": [control()], "loras": asked["loras"], "prompt": "snow"}
    one = bench.make(**ASKED, references=[reference()], **with_prompt).pixels()
    found = np.frombuffer(covered, np.uint8).reshape(one.shape)
    assert np.abs(found.astype(int) - one).max() <= 1


def test_every_picture_of_a_job_reads_it(bench: Bench) -> None:
    both = bench.make(**ASKED, references=[reference()], count=2)
    alone = bench.make(**ASKED | {"seed": 8}, references=[reference()])
    assert both.pixels(1).tobytes() == alone.pixels().tobytes()


def test_one_that_does_not_fit_fails_and_leaves_the_model_as_it_was(
    bench: Bench, adapters: Path
) -> None:
    plain = make(bench)
    broken = adapters / "sd15-broken"
    write_ip_adapter(adapters.parent / "models" / "sd15", broken)
    file = broken / "ip-adapter.safetensors"
    weights = load_file(file)
    weights.pop("ip_adapter.3.to_v_ip.weight")
    save_file(weights, file)
    with pytest.raises(JobFailed) as failed:
        make(bench, references=[reference(model="sd15-broken")])
    assert failed.value.code == "reference_unusable"
    assert make(bench) == plain


@pytest.mark.parametrize(
    ("model", "fields", "problem", "sentence"),
    [
        ("flux", {}, BadInput, "no IP-Adapter for"),
        ("sd15", {"model": "sdxl-a"}, BadInput, "not made for models like"),
        ("sd15", {"model": "nothing"}, NotFound, "no IP-Adapter called"),
        ("sd15", {"start": 0.5, "end": 0.5}, BadInput, "end after it starts"),
    ],
)
def test_what_cannot_be_read_is_refused(
    bench: Bench, model: str, fields: dict[str, Any], problem: type[Exception], sentence: str
) -> None:
    with pytest.raises(problem, match=sentence):
        bench.job(model, **ASKED, references=[reference(**fields)])


def test_damaged_adapters_say_why(tmp_path: Path, adapters: Path) -> None:
    folder = tmp_path / "ip_adapters"
    (folder / "empty").mkdir(parents=True)
    (folder / "pickle").mkdir()
    (folder / "pickle" / "adapter.safetensors").write_bytes(b"PK\x03\x04" + bytes(64))
    (folder / "lora").mkdir()
    lora = adapters.parent / "loras" / "sd15-1.safetensors"
    (folder / "lora" / "lora.safetensors").write_bytes(lora.read_bytes())
    bare = folder / "bare"
    shutil.copytree(adapters / "sd15-a", bare)
    (bare / "image_encoder" / "config.json").unlink()
    found = {adapter.id: adapter for adapter in Registry(tmp_path).ip_adapters.list()}
    assert not any(adapter.ok for adapter in found.values())
    assert "one safetensors file" in found["empty"].problem
    assert "pickle" in found["pickle"].problem
    assert found["lora"].problem
    assert "config.json is missing" in found["bare"].problem


def test_no_weight_of_an_adapter_or_its_encoder_is_dropped_in_silence(
    bench: Bench, adapters: Path
) -> None:
    shutil.copytree(adapters / "sd15-a", adapters / "奇 odd")
    files = {
        "奇 odd": next((adapters / "奇 odd").glob("*.safetensors")),
        "奇 odd/image_encoder": next((adapters / "奇 odd" / "image_encoder").glob("*.safetensors")),
    }
    odd = {
        "奇 odd": {"odd.重み 🎨", "loose", "ip_adapter.odd.weight"},
        "奇 odd/image_encoder": {"vision_model.odd.重み"},
    }
    chosen = id_of("奇 odd", "ip-adapter")
    try:
        for name, file in files.items():
            weights = {key: weight.clone() for key, weight in load_file(file).items()}
            file.unlink()
            save_file(weights | {key: torch.ones(3) for key in odd[name]}, file, {"format": "pt"})
        for _ in range(2):  # also where the encoder was in memory already
            asked = ASKED | {"references": [reference(model=chosen)]}
            notices = bench.make("sd15", **asked).facts["notices"]
            told = {one["params"]["name"]: one["params"] for one in notices}
            assert {name: told[name]["unused"] for name in odd} == {
                name: len(keys) for name, keys in odd.items()
            }
            for name, keys in odd.items():
                assert told[name]["example"] in keys
                assert told[name]["total"] == len(load_file(files[name]))
        made, same = (
            bench.make("sd15", **ASKED, references=[reference(model=one)]).pixels().astype(int)
            for one in (chosen, "sd15-a")
        )
        # weights that begin elsewhere in memory are added up in another order
        assert np.abs(made - same).max() <= 2
    finally:
        shutil.rmtree(adapters / "奇 odd")


def hole() -> np.ndarray:
    mask = np.zeros((60, 90), np.uint8)
    mask[20:40, 30:60] = 255
    return mask


def fill(bench: Bench, **wanted: Any) -> Any:
    asked: dict[str, Any] = {"mode": "inpaint", "source": photo(90, 60), "mask": hole()}
    asked |= {"intent": "fill", "prompt": "", "steps": 4}
    return bench.make(**asked | wanted)


def test_without_words_the_surroundings_are_the_reference(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they are without what is selected, at half weight and in the middle of the steps; the
    model is asked once a step."""
    read: list[tuple[np.ndarray, IPAdapterInput]] = []
    shown = ip_adapter.surroundings

    def look(shared: Any, adapter: str, rgb: np.ndarray, *more: Any, **named: Any) -> Any:
        read.append((rgb, shown(shared, adapter, rgb, *more, **named)))
        return read[-1][1]

    monkeypatch.setattr(ip_adapter, "surroundings", look)
    made = fill(bench)
    rgb, one = read[0]
    assert (one.weight, one.start, one.end, one.kind) == (0.5, 0.2, 0.8, "reference")
    assert len(one.embedding) == 1  # without guidance there is no picture of nothing
    other = photo(90, 60)
    other[22:38, 34:56, :3] = 255 - other[22:38, 34:56, :3]
    again = fill(bench, source=other)
    np.testing.assert_allclose(read[1][0], rgb, atol=0.05)
    assert (made.pixels()[hole() == 0] == photo(90, 60)[hole() == 0]).all()
    assert again.pixels().shape == made.pixels().shape
    without = fill(bench, surroundings="none")
    assert len(read) == 2
    assert (without.pixels() != made.pixels()).any()


@pytest.mark.parametrize(
    "wanted",
    [
        {"prompt": "a red ball"},
        {"intent": "add"},
        {"intent": None},
        {"intent": "refine", "strength": 0.5},
        {"references": [reference()]},
    ],
    ids=["words", "add", "no intent", "refine", "a reference of its own"],
)
def test_where_something_says_what_to_paint_they_are_not_read(
    bench: Bench, wanted: dict[str, Any]
) -> None:
    asked: dict[str, Any] = {"mode": "inpaint", "source": photo(90, 60), "mask": hole()}
    wanted = {name: [*map(dict, v)] if name == "references" else v for name, v in wanted.items()}
    job = bench.job(**asked | {"intent": "fill", "prompt": ""} | wanted)
    assert job.task.request.surroundings is None


def test_an_adapter_for_the_surroundings_can_be_named(bench: Bench) -> None:
    asked: dict[str, Any] = {"mode": "inpaint", "source": photo(90, 60), "mask": hole()}
    job = bench.job(**asked, surroundings="sd15-plus")
    assert job.task.request.surroundings == "sd15-plus"
    with pytest.raises(BadInput, match="was not made for models like"):
        bench.job(**asked, surroundings="sdxl-a")
