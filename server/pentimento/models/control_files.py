"""ControlNets in one safetensors file: those of UNets, in the layout of their first authors or of
diffusers. What such a file does not tell, its UNet does: a ControlNet is a copy of its first half.
"""

from __future__ import annotations

from pathlib import Path

from pentimento.models.recognise import Recognised
from pentimento.models.signatures.base import CONTEXT_FAMILIES
from pentimento.models.tensors import Damaged
from pentimento.models.weights import check_file, shapes, whole

AS_FOLDER = "the same one as a diffusers folder can"
REFUSED = {  # variant -> what it is
    "union": "a ControlNet of several kinds",
    "control-lora": "a ControlNet packed as a LoRA",
    "lllite": "a ControlNet of the kind LLLite",
}


def told_by(file: Path) -> Recognised:
    """What the header says of a ControlNet that can be used; raises Damaged for any other file."""
    check_file(file)
    told = whole(file)
    if told.role == "t2i_adapter":
        raise Damaged(f"T2I-Adapters in one file cannot be used yet; {AS_FOLDER}")
    if told.role != "controlnet":
        raise Damaged(f"It is no ControlNet, but a file of the kind {told.role.replace('_', ' ')}")
    if told.variant in REFUSED:
        raise Damaged(f"It is {REFUSED[told.variant]}, which cannot be used in one file")
    if told.width is None:
        families = " or ".join(told.families)
        raise Damaged(f"ControlNets for {families} in one file cannot be used yet; {AS_FOLDER}")
    if not any(name.endswith("attn2.to_k.weight") for name in shapes(file)):
        raise Damaged(f"It is smaller than its UNet, in a way that no file tells; {AS_FOLDER}")
    return told


def family_of(told: Recognised) -> str:
    return CONTEXT_FAMILIES.get(told.context_dim or 0, told.family)
