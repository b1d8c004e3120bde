"""Embeddings: found by their names in prompts, told by their headers, refused if of no use."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.folders import write_model
from tests.models.weight_files import write

from pentimento.core.errors import BadInput, NotFound
from pentimento.jobs.admission import words_of_pictures
from pentimento.models.library.registry import Registry
from pentimento.prompts import syntax
from pentimento.prompts.syntax import Mention
from pentimento.schema.job import JobRequest

PICKLE = b"PK\x03\x04" + bytes(60)
LARGE = {"clip_l": (2, 768), "clip_g": (2, 1280)}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    write_model(tmp_path / "models" / "small", unet={"cross_attention_dim": 768})
    write_model(tmp_path / "models" / "large", "sdxl", unet={"cross_attention_dim": 2048})
    own = tmp_path / "embeddings"
    write(own / "Easy-Negative.safetensors", {"emb_params": (8, 768)})
    write(own / "learned.safetensors", {"<my-cat>": (768,)})
    write(own / "strange.safetensors", {"emb_params": (2, 3, 4)})
    write(own / "two.safetensors", {"a": (1, 768), "b": (1, 768)})
    write(own / "odd.safetensors", {"emb_params": (1, 32)})
    (own / "old.pt").write_bytes(PICKLE)
    (own / "liar.safetensors").write_bytes(PICKLE)
    other = tmp_path / "webui"
    (other / "models" / "Stable-diffusion").mkdir(parents=True)
    write(other / "embeddings" / "sub" / "Grand.safetensors", LARGE)
    write(other / "embeddings" / "LEARNED.safetensors", LARGE)
    found = Registry(tmp_path, starter=tmp_path / "none")
    found.inventory.folders.add(other)
    return found


def named(registry: Registry, prompt: str, model: str = "small") -> list[tuple[str, str]]:
    """Names, and why they cannot be used."""
    info = registry.get(model)
    return [(one.name, one.mismatch(info)) for one in registry.embeddings.named([prompt], info)]


NAMES = ("cat", "cat-2", "bad hands", "x.y", "c++")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a Cat, here", ["a ", Mention("cat", False), ", here"]),
        ("cats, wildcat, cat_2", ["cats, wildcat, cat_2"]),
        ("CAT-2", [Mention("cat-2", False)]),
        ("bad hands", [Mention("bad hands", False)]),
        ("embedding:cat", [Mention("cat", True)]),
        ("Embedding:cat.safetensors.", [Mention("cat", True), "."]),
        ("embedding:cat.pt x", [Mention("cat", True), " x"]),
        ("myembedding:cat", ["myembedding:", Mention("cat", False)]),
        ("x.y xzy", [Mention("x.y", False), " xzy"]),
        ("a c++ b", ["a ", Mention("c++", False), " b"]),
        ("", []),
    ],
)
def test_words_that_name_embeddings(text: str, parts: list[str | Mention]) -> None:
    assert syntax.split_embeddings(text, NAMES) == parts


@given(st.text("cat-2 ,.badhns:emdig(1)[]\\"))
def test_nothing_of_the_words_is_lost(text: str) -> None:
    parts = syntax.split_embeddings(text, NAMES)
    if not any(isinstance(part, Mention) for part in parts):
        assert "".join(str(part) for part in parts) == text
    assert sum(len(part) for part in parts if isinstance(part, str)) <= len(text)
    assert syntax.split_embeddings(text, ()) == ([text])


def test_weights_do_not_hide_them() -> None:
    prompt = r"(cat:1.3) [embedding:cat-2] (embedding:x.y:0.5)"
    found = syntax.mentioned_embeddings(prompt, NAMES)
    assert found == [Mention("cat", False), Mention("cat-2", True), Mention("x.y", True)]
    assert syntax.unknown_embeddings(prompt, NAMES) == []
    assert syntax.unknown_embeddings("(embedding:dog:1.2), embedding:a/b.", NAMES) == ["dog", "a/b"]


def test_headers_tell_what_they_are(registry: Registry) -> None:
    told = {
        one.item.place.path.stem: (one.widths, one.vectors, bool(one.problem))
        for one in registry.embeddings.list()
    }
    assert told == {
        "Easy-Negative": ((768,), 8, False),
        "learned": ((768,), 1, False),
        "LEARNED": ((768, 1280), 2, False),
        "Grand": ((768, 1280), 2, False),
        "odd": ((32,), 1, False),
        "strange": ((), 0, True),
        "two": ((), 0, True),
        "old": ((), 0, True),
        "liar": ((), 0, True),
    }


def test_clients_are_told_which_fit(registry: Registry) -> None:
    models = registry.list()
    told = {one.item.id: one.answer(models).model_dump() for one in registry.embeddings.list()}
    assert told["Easy-Negative"]["fits"] == ["small"]
    assert told["Grand"]["fits"] == ["large"]
    assert told["odd"]["fits"] == []
    assert "pickle" in told["old"]["problem"]
    assert "pickle" in told["liar"]["problem"]
    assert not told["strange"]["ok"]


def test_of_two_with_one_name_the_one_that_fits_counts(registry: Registry) -> None:
    assert named(registry, "learned", "small") == named(registry, "learned", "large")
    assert named(registry, "learned", "large") == [("learned", "")]


def test_a_plain_word_may_be_just_a_word(registry: Registry) -> None:
    found = dict(named(registry, "a grand old house, easy-negative"))
    assert found["easy-negative"] == ""
    assert found["grand"] == "it is 768 + 1280 wide and small reads 768"
    assert "pickle" in found["old"]


@pytest.mark.parametrize(
    ("prompt", "problem", "words"),
    [
        ("embedding:grand", BadInput, "768 \\+ 1280 wide"),
        ("(embedding:old:1.2)", BadInput, "pickle"),
        ("embedding:liar", BadInput, "pickle"),
        ("embedding:strange", BadInput, "no vectors"),
        ("embedding:easynegative", NotFound, "“easynegative”"),
    ],
)
def test_what_is_meant_and_cannot_be_is_refused(
    registry: Registry, prompt: str, problem: type[Exception], words: str
) -> None:
    for asked in ({"prompt": prompt}, {"negative_prompt": prompt}, {"prompt": f"{{{prompt}|}}"}):
        request = JobRequest(**asked, model="small", seed=0, count=4)
        with pytest.raises(problem, match=words) as refused:
            words_of_pictures(request, registry)
        if problem is NotFound:
            assert refused.value.hint == "Perhaps easy-negative."  # type: ignore[attr-defined]
