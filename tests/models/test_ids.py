"""P4: ids are made of whole names, stay when others come and go, and records know their weights."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.folders import write_model
from tests.models.weight_files import write
from tests.support import awkward

from pentimento.core.errors import BadInput, JobFailed, NotFound
from pentimento.jobs.plan import make_plan, resolve
from pentimento.models.library import made_with
from pentimento.models.library.ids import Listing, NamedPlace, Rank, id_of, ids_of
from pentimento.models.library.registry import Registry
from pentimento.schema.job import MODEL_ID, JobRequest
from pentimento.schema.plan import PlanRequest

CONTEXT = 768
K = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
PAIRS = [
    ("画风", "水墨"),
    ("国风v2", "油画v2"),
    ("my style", "my (style)"),
    ("a+b", "a&b"),
    ("café", "cafe\u0301"),
    ("…", "—"),
]
PLAIN = ["ink", "Detail_v1.5", "my style", "Film Grain v2", "a - b", "x" * 120]


def write_lora(folder: Path, name: str, size: int = 320) -> Path:
    """Files of another `size` hold other weights."""
    shapes = {f"{K}.lora_A.weight": (4, CONTEXT), f"{K}.lora_B.weight": (size, 4)}
    return write(folder / f"{name}.safetensors", shapes)


def loras(registry: Registry) -> dict[str, str]:
    """Title -> id."""
    return {one.title: one.id for one in registry.addons.list() if one.kind == "lora"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_model(tmp_path / "models" / "mine", unet={"cross_attention_dim": CONTEXT})
    return tmp_path


@pytest.fixture
def registry(data: Path) -> Registry:
    return Registry(data, starter=data / "none")


@pytest.mark.parametrize("name", PLAIN)
def test_plain_names_keep_the_ids_they_had(name: str) -> None:
    assert id_of(name, "lora") == name.replace(" ", "-")


@pytest.mark.parametrize("name", awkward.cases(awkward.NAMES))
def test_every_name_has_an_id_that_a_request_can_carry(name: str) -> None:
    assert re.fullmatch(MODEL_ID, id_of(name, "lora"))
    assert id_of(name, "lora") == id_of(name, "lora")


@given(st.lists(st.text(min_size=1), unique=True, max_size=12), st.randoms())
def test_ids_do_not_depend_on_the_order(names: list[str], chance: random.Random) -> None:
    entries = [NamedPlace(name, name, chance.choice(list(Rank))) for name in names]
    known = dict(zip(names, ids_of(entries, "lora"), strict=True))
    assert len(set(known.values())) == len(names)
    chance.shuffle(entries)
    again = dict(zip((e.name for e in entries), ids_of(entries, "lora"), strict=True))
    assert again == known


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_p4_ids_stay_when_others_come_and_go(
    data: Path, registry: Registry, first: str, second: str
) -> None:
    for one, other in ((first, second), (second, first)):
        file = write_lora(data / "loras", one)
        alone = loras(registry)[one]
        more = write_lora(data / "loras", other)
        assert loras(registry)[one] == alone
        assert loras(registry)[other] != alone
        assert registry.addons.get("lora", alone).path == file
        file.unlink()
        with pytest.raises((NotFound, BadInput), match=r"There is no|is not certain"):
            registry.addons.get("lora", alone)
        more.unlink()


@pytest.mark.parametrize("kind", ["models", "vaes", "controlnets", "ip_adapters"])
def test_p4_the_same_for_every_kind_of_thing(data: Path, registry: Registry, kind: str) -> None:
    def ids() -> Sequence[str]:
        lists: dict[str, Any] = {
            "models": registry.list,
            "vaes": registry.vaes.list,
            "controlnets": registry.addons.list,
            "ip_adapters": registry.ip_adapters.list,
        }
        ours = ("mine", "canny", "blueprint", "quick")
        return [one.id for one in lists[kind]() if one.id not in ours]

    def add(name: str) -> None:
        if kind == "models":
            write_model(data / kind / name)
        else:
            (data / kind / name).mkdir(parents=True)
            (data / kind / name / "config.json").write_text("{}")

    add("画风")
    (first,) = ids()
    add("水墨")
    assert len(set(ids())) == 2
    assert first in ids()


def test_a_control_net_and_a_lora_may_have_one_name(data: Path, registry: Registry) -> None:
    write_lora(data / "loras", "lines")
    before = loras(registry)["lines"]
    (data / "controlnets" / "lines").mkdir(parents=True)
    (data / "controlnets" / "lines" / "config.json").write_text("{}")
    assert loras(registry)["lines"] == before == "lines"
    assert registry.addons.get("controlnet", "lines").path.parent.name == "controlnets"
    assert registry.addons.get("lora", "lines").path.parent.name == "loras"


def test_what_is_ours_keeps_its_id_before_namesakes_elsewhere(
    data: Path, registry: Registry
) -> None:
    write_lora(data / "loras", "ink")
    for program in ("one", "two"):
        (data / program / "checkpoints").mkdir(parents=True)
        write_lora(data / program / "loras", "ink")
        registry.inventory.folders.add(data / program)
    ours, first, second = (a for a in registry.addons.list() if a.title == "ink")
    assert ours.id == "ink"
    registry.inventory.folders.remove(data / "one")
    assert registry.addons.get("lora", second.id).path == second.path
    with pytest.raises(NotFound):
        registry.addons.get("lora", first.id)
    ours.path.unlink()  # now nothing else has the name, and the longer id still counts
    assert registry.addons.get("lora", second.id).path == second.path


def listing(*names: str) -> Listing[str]:
    return Listing([(NamedPlace(name, name), name) for name in names], "LoRA", "lora", "addon")


@pytest.mark.parametrize(
    ("names", "old", "found"),
    [
        (("画风",), "addon", "画风"),
        (("国风v2", "v2"), "v2", "v2"),
        (("国风v2", "v2"), "v2-2", "国风v2"),
        (("ink", "ink-2"), "ink-2", "ink-2"),
        (("画风", "水墨"), "画风", "画风"),
        (("ink",), "addon", None),
    ],
)
def test_ids_of_earlier_versions_are_known(names: tuple[str, ...], old: str, found: Any) -> None:
    known = listing(*names)
    assert (known.by_id.get(known.find(old) or "")) == found


@pytest.mark.parametrize(
    ("names", "old"),
    [
        (("画风", "水墨"), "addon"),
        (("画风", "水墨"), "addon-2"),
        (("画风",), "addon-2"),
        (("国风v2", "油画v2"), "v2"),
        (("国风v2", "油画v2"), "v2-2"),
        (("国风v2",), "v2"),
        (("my (style)",), "my-style"),
        (("ink (2)", "ink"), "ink-2"),
    ],
)
def test_ids_of_earlier_versions_that_may_be_several_things_are_refused(
    names: tuple[str, ...], old: str
) -> None:
    with pytest.raises(BadInput, match=f"not certain which LoRA “{old}” is") as caught:
        listing(*names).find(old)
    assert caught.value.code == "ambiguous_id"
    assert names[0] in caught.value.message


def asked(registry: Registry, **fields: Any) -> JobRequest:
    return resolve(JobRequest.model_validate({"prompt": "a lake", **fields}), registry, None)


def test_a_record_knows_its_weights(data: Path, registry: Registry) -> None:
    write_lora(data / "loras", "画风")
    made = asked(registry, loras=[{"id": loras(registry)["画风"]}])
    assert set(made.made_with) == {"model/mine", f"lora/{made.loras[0].id}"}
    again = json.loads(json.dumps(made.compact()))
    assert asked(registry, **again).made_with == made.made_with


def test_a_renamed_file_is_found_by_its_fingerprint(data: Path, registry: Registry) -> None:
    file = write_lora(data / "loras", "画风")
    made = asked(registry, loras=[{"id": loras(registry)["画风"]}])
    write_lora(data / "loras", "水墨", size=640)
    file.rename(file.with_stem("山水"))
    again = asked(registry, **made.compact())
    assert [lora.id for lora in again.loras] == [loras(registry)["山水"]]


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "another one"])
def test_p4_a_record_is_refused_where_its_lora_is_gone_or_another(
    data: Path, registry: Registry, gone: bool
) -> None:
    """It was painted with whatever had the id."""
    file = write_lora(data / "loras", "ink")
    made = asked(registry, loras=[{"id": "ink"}]).compact()
    file.unlink()
    write_lora(data / "loras", "other" if gone else "ink", size=640)
    words = "is not there any more" if gone else "is not the one that this was made with"
    with pytest.raises(BadInput, match=f"The LoRA “ink”.*{words}") as caught:
        asked(registry, **made)
    assert caught.value.code == "weights_changed"
    if not gone:  # a new job says no fingerprint, and takes what there is
        assert asked(registry, loras=[{"id": "ink"}]).loras[0].id == "ink"


def test_a_job_that_waits_is_not_computed_with_other_weights(
    data: Path, registry: Registry
) -> None:
    write_lora(data / "loras", "ink")
    waiting = asked(registry, loras=[{"id": "ink"}])
    made_with.check_waiting(waiting, registry)
    write_lora(data / "loras", "ink", size=640)
    with pytest.raises(JobFailed, match="is not the one that this was made with"):
        made_with.check_waiting(waiting, registry)


def test_a_replaced_model_and_embedding_are_noticed(data: Path, registry: Registry) -> None:
    word = data / "embeddings" / "水墨.safetensors"
    write(word, {"emb_params": (2, CONTEXT)})
    made = asked(registry, prompt="a lake, embedding:水墨").compact()
    assert "embedding/水墨" in made["made_with"]
    write(word, {"emb_params": (3, CONTEXT)})
    with pytest.raises(BadInput, match="The embedding “水墨” is not the one"):
        asked(registry, **made)
    word.unlink()
    with pytest.raises(BadInput, match="The embedding “水墨” that this was made with is not there"):
        asked(registry, **made)
    (data / "models" / "mine" / "vae" / "more.json").write_text("{}")
    with pytest.raises(BadInput, match="The model “mine” is not the one"):
        asked(registry, **(made | {"prompt": "a lake"}))


def test_old_ids_become_new_ones_in_records_and_plans(data: Path, registry: Registry) -> None:
    write_lora(data / "loras", "画风")
    new = loras(registry)["画风"]
    wanted = [{"id": "addon", "weight": 0.5}]
    assert asked(registry, loras=wanted).loras[0].id == new
    plan = make_plan(PlanRequest.model_validate({"mode": "txt2img", "loras": wanted}), registry)
    assert [lora.id for lora in plan.loras] == [new]
