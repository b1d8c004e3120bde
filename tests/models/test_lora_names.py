"""Names of a LoRA's weights are taken apart by their ends as by the patterns for whole names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pentimento.models.weights.detect import lora_layout

PARTS = (
    *("lora", "lora_A", "lora_B", "lora_linear_layer", "lora_down", "lora_up", "lora_mid"),
    *("down", "up", "mid", "weight", "bias", "alpha", "scalar", "dora_scale", "default"),
    *("lora_magnitude_vector", "hada_w1_a", "hada_t1", "lokr_w1", "lokr_w2_b", "lokr_t2"),
    *("diff", "diff_b", "w_norm", "on_input", "set_weight", "oft_blocks", "rescale", "a1", "b2"),
    *(
        "to_k_lora",
        "lora_unet_down_blocks_0",
        "transformer_blocks",
        "0",
        "风格",
        "a\nb",
        "",
        "x" * 40,
    ),
)
ENDS = (
    *("", ".lora_linear_layer.down.weight", "_lora.up.weight", ".lora.down.weight", ".lora.alpha"),
    *(".lora_A.default.weight", ".lora_B.some_name.bias", ".lora_down.weight", ".lora_mid"),
    *(
        ".lora_magnitude_vector.default",
        ".lora_magnitude_vector",
        ".alpha",
        ".a1.weight",
        ".weight",
    ),
)
NAMES = st.lists(st.tuples(st.sampled_from(PARTS), st.sampled_from("._")), min_size=1, max_size=7)


def whole(name: str) -> tuple[str, str] | None:
    for pattern, role in lora_layout.END:
        if found := pattern.match(name):
            return found["layer"], role or found["what"]
    found = lora_layout.IA3_WEIGHT.match(name)
    return (found[1], "ia3") if found else None


@given(NAMES, st.sampled_from(ENDS))
def test_an_end_tells_what_the_whole_name_tells(parts: list[tuple[str, str]], end: str) -> None:
    name = "".join(part + dot for part, dot in parts)[:-1] + end
    assert lora_layout._split(name) == whole(name)


@given(st.text())
def test_so_does_any_text(name: str) -> None:
    assert lora_layout._split(name) == whole(name)
