"""LoRAs named in prompts: cut out of the words, found, and listed once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.folders import write_model
from tests.models.weight_files import write

from pentimento.core.errors import BadInput, NotFound
from pentimento.jobs.plan import make_plan, resolve
from pentimento.models.library.registry import Registry
from pentimento.prompts import syntax
from pentimento.schema.job import JobRequest
from pentimento.schema.plan import PlanRequest

SD15, SDXL = 768, 2048


def write_lora(file: Path, context: int) -> Path:
    name = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
    shapes = {f"{name}.lora_A.weight": (4, context), f"{name}.lora_B.weight": (320, 4)}
    return write(file, shapes)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    write_model(tmp_path / "models" / "mine", unet={"cross_attention_dim": SD15})
    write_lora(tmp_path / "loras" / "Film Grain v2.safetensors", SD15)
    write_lora(tmp_path / "loras" / "detail.safetensors", SDXL)
    other = tmp_path / "comfyui"
    (other / "checkpoints").mkdir(parents=True)
    write_lora(other / "loras" / "Detail.safetensors", SD15)
    found = Registry(tmp_path, starter=tmp_path / "none")
    found.inventory.folders.add(other)
    return found


def loras(registry: Registry, prompt: str, **fields: Any) -> list[tuple[str, float]]:
    resolved = resolve(JobRequest(prompt=prompt, **fields), registry, None)
    return [(lora.id, lora.weight) for lora in resolved.loras]


@pytest.mark.parametrize(
    ("prompt", "words", "tags"),
    [
        ("a red house", "a red house", []),
        ("a <lora:x:0.8> house", "a  house", [("x", "0.8")]),
        ("<lora:x> a house <LoRA:y z : 2 >", "a house", [("x", ""), ("y z", "2")]),
        ("a <lora:x:0.8:0.5>", "a", [("x", "0.8")]),
        ("a <lora:x:0.8:lbw=MIDD:stop=3>", "a", [("x", "0.8")]),
        (r"a \<lora:x:1>", r"a \<lora:x:1>", []),
        (r"a \\<lora:x:1>", r"a \\", [("x", "1")]),
        ("a <lora:x", "a <lora:x", []),
        ("1 < 2 > 0 <b>", "1 < 2 > 0 <b>", []),
        ("(a <lora:x:1>:1.2)", "(a :1.2)", [("x", "1")]),
    ],
)
def test_tags_are_cut(prompt: str, words: str, tags: list[tuple[str, str]]) -> None:
    left, found = syntax.cut_lora_tags(prompt)
    assert left == words
    assert [(tag.name, tag.weight) for tag in found] == tags


@given(st.text())
def test_what_is_left_has_no_tags(prompt: str) -> None:
    left, tags = syntax.cut_lora_tags(prompt)
    assert len(left) <= len(prompt)
    if not tags:
        assert left == prompt


@given(st.text("ab<>:\\lor 1."), st.floats(-4, 4).map(lambda weight: f"{weight:.2f}"))
def test_a_tag_behind_any_words_is_found(before: str, weight: str) -> None:
    words, _tags = syntax.cut_lora_tags(before.rstrip("\\<"))
    left, tags = syntax.cut_lora_tags(before.rstrip("\\<") + f"\n<lora:name:{weight}>")
    assert left.split() == words.split()
    assert (tags[-1].name, tags[-1].weight) == ("name", weight)


def test_spans_that_are_kept_stay() -> None:
    left, tags = syntax.cut_lora_tags("<lora:a> {<lora:b>|c} <lora:d>", [(9, 21)])
    assert left == "{<lora:b>|c}"
    assert [tag.name for tag in tags] == ["a", "d"]


@pytest.mark.parametrize(
    ("name", "lora"),
    [
        ("Film-Grain-v2", "Film-Grain-v2"),
        ("film grain V2", "Film-Grain-v2"),
        ("film-grain-v2.safetensors", "Film-Grain-v2"),
        ("detail", "Detail"),
        ("DETAIL", "Detail"),
    ],
)
def test_names_match_ids_and_files_of_what_fits(registry: Registry, name: str, lora: str) -> None:
    """There are two called “detail”; only one is for the model."""
    assert loras(registry, f"a house <lora:{name}:0.5>") == [(lora, 0.5)]


def test_the_record_has_the_words_and_the_loras_apart(registry: Registry) -> None:
    asked = JobRequest(prompt="a house <lora:Detail:-0.5>, <lora:film grain v2>")
    resolved = resolve(asked, registry, None)
    assert resolved.prompt == "a house ,"
    assert [lora.model_dump() for lora in resolved.loras] == [
        {"id": "Detail", "weight": -0.5},
        {"id": "Film-Grain-v2", "weight": 1},
    ]
    again = resolve(JobRequest.model_validate(resolved.compact()), registry, None)
    assert again == resolved


def test_what_is_listed_counts_before_what_is_named(registry: Registry) -> None:
    listed = [{"id": "Detail", "weight": 0.2}]
    prompt = "<lora:film grain v2:0.3> <lora:Detail:2> <lora:film grain v2:0.4>"
    expected = [("Detail", 0.2), ("Film-Grain-v2", 0.3)]
    assert loras(registry, prompt, loras=listed) == expected


def test_a_plan_tells_the_loras(registry: Registry) -> None:
    asked = PlanRequest(
        mode="txt2img", prompt="a <lora:detail:0.7>", loras=[{"id": "Film-Grain-v2"}]
    )
    found = make_plan(asked, registry)
    assert [(lora.id, lora.weight) for lora in found.loras] == [
        ("Film-Grain-v2", 1),
        ("Detail", 0.7),
    ]


def test_an_unknown_name_tells_those_like_it(registry: Registry) -> None:
    with pytest.raises(NotFound, match="“film grain”") as refused:
        loras(registry, "a house <lora:film grain:0.5>")
    assert "Film-Grain-v2" in refused.value.hint
    with pytest.raises(NotFound) as refused:
        loras(registry, "a house <lora:zzz>")
    assert refused.value.hint == "Installed: blueprint, quick, Film-Grain-v2, detail, Detail."


@pytest.mark.parametrize("weight", ["much", "5", "-4.5", "nan", "inf"])
def test_a_weight_that_is_none_is_refused(registry: Registry, weight: str) -> None:
    with pytest.raises(BadInput, match=f"<lora:detail:{weight}>"):
        loras(registry, f"a house <lora:detail:{weight}>")


def test_too_many_are_refused(registry: Registry, tmp_path: Path) -> None:
    for number in range(17):
        write_lora(tmp_path / "loras" / f"one{number}.safetensors", SD15)
    with pytest.raises(BadInput, match="16"):
        loras(registry, "".join(f"<lora:one{number}>" for number in range(17)))


def test_one_for_other_models_is_refused(registry: Registry, tmp_path: Path) -> None:
    write_lora(tmp_path / "loras" / "large.safetensors", SDXL)
    with pytest.raises(BadInput, match="not made for models like"):
        loras(registry, "<lora:large>")
