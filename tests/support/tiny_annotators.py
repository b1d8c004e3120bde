"""Annotators with random weights: real classes of transformers, a few thousand parameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIDE = 56  # px


def write_depth(folder: Path) -> Path:
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    backbone = Dinov2Config(
        image_size=SIDE,
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=4,
    )
    model = _with_contrast(DepthAnythingForDepthEstimation(config))
    return _write(model, folder, ensure_multiple_of=14, keep_aspect_ratio=True)


def write_dpt(folder: Path) -> Path:
    from transformers import DPTConfig, DPTForDepthEstimation

    config = DPTConfig(
        image_size=SIDE,
        patch_size=8,
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        is_hybrid=False,
    )
    return _write(_with_contrast(DPTForDepthEstimation(config)), folder)


def write_segments(folder: Path) -> Path:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    config = SegformerConfig(
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 8, 8, 8],
        num_attention_heads=[1, 1, 1, 1],
        decoder_hidden_size=8,
        num_labels=150,
    )
    return _write(SegformerForSemanticSegmentation(config), folder)


def write_people(folder: Path) -> Path:
    """Sees many people: what it takes for sure is a matter of its last bias."""
    import torch
    from transformers import RTDetrConfig, RTDetrForObjectDetection, RTDetrResNetConfig

    backbone = RTDetrResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 8, 8, 8],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    config = RTDetrConfig(
        backbone_config=backbone,
        encoder_hidden_dim=16,
        encoder_in_channels=[8, 8, 8],
        encoder_ffn_dim=16,
        encoder_attention_heads=2,
        d_model=16,
        num_queries=4,
        decoder_in_channels=[16, 16, 16],
        decoder_ffn_dim=16,
        decoder_attention_heads=2,
        decoder_layers=1,
        num_labels=2,
        id2label={0: "person", 1: "dog"},
        label2id={"person": 0, "dog": 1},
    )
    model = RTDetrForObjectDetection(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "class_embed" in name and name.endswith("bias"):
                weight.copy_(torch.tensor([4.0, -4.0]))
    return _write(model, folder, do_normalize=False, size={"height": 64, "width": 64})


def write_joints(folder: Path) -> Path:
    """Its heat is doubled and lifted, so that joints count as seen."""
    import torch
    from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation

    backbone = VitPoseBackboneConfig(
        image_size=[64, 48],
        patch_size=[16, 16],
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        out_features=["stage1"],
    )
    names = {number: str(number) for number in range(17)}
    model = VitPoseForPoseEstimation(
        VitPoseConfig(backbone_config=backbone, num_labels=17, id2label=names, edges=[])
    )
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.startswith("head") and name.endswith("bias"):
                weight.fill_(1.0)
    return _write(model, folder)


def _with_contrast(model: Any) -> Any:
    """Fresh weights see next to no depth anywhere."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.startswith(("neck", "head")):
                weight.copy_(torch.randn_like(weight).abs())
    return model


def _write(model: Any, folder: Path, **settings: Any) -> Path:
    model.save_pretrained(folder, safe_serialization=True)
    told = {"size": {"height": SIDE, "width": SIDE}} | settings
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    return folder


def write_sam2(folder: Path, side: int = 128) -> Path:
    """Selects something anywhere: fresh weights give logits next to 0, so they are widened."""
    import torch
    from transformers import (
        Sam2Config,
        Sam2HieraDetConfig,
        Sam2MaskDecoderConfig,
        Sam2Model,
        Sam2PromptEncoderConfig,
        Sam2VisionConfig,
    )

    backbone = Sam2HieraDetConfig(
        hidden_size=8,
        image_size=[side, side],
        blocks_per_stage=[1, 1, 1, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 1, 2, 2],
        window_size_per_stage=[4, 4, 4, 4],
        global_attention_blocks=[],
        window_positional_embedding_background_size=[4, 4],
    )
    vision = Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=[[side // 4] * 2, [side // 8] * 2, [side // 16] * 2],
        fpn_hidden_size=32,
    )
    prompts = Sam2PromptEncoderConfig(hidden_size=32, image_size=side, mask_input_channels=4)
    decoder = Sam2MaskDecoderConfig(
        hidden_size=32, mlp_dim=32, num_attention_heads=2, iou_head_hidden_dim=16
    )
    config = Sam2Config(
        vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder
    )
    model = Sam2Model(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "hypernetworks" in name or "upscale" in name:
                weight.copy_(torch.randn_like(weight) * 0.5)
    model.save_pretrained(folder, safe_serialization=True)
    return folder
