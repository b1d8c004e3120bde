"""What in a checkpoint's file is not painted with: names that belong to no part of a model of its
kind are told of, never dropped in silence.

- `of_names(names) -> Leftovers` for checkpoints of UNets in the layout of Stability's programs
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LAYERS = (  # of a UNet's blocks
    r"in_layers\.[02]|emb_layers\.1|out_layers\.[03]|skip_connection|norm|proj_in|proj_out|op|conv|"
    r"transformer_blocks\.\d+\.(?:attn[12]\.(?:to_[qkv]|to_out\.0)|ff\.net\.(?:0\.proj|2)|norm[123])"
)
UNET = (
    rf"(?:time_embed\.[02]|label_emb\.0\.[02]|out\.[02]|input_blocks\.0\.0|"
    rf"(?:(?:input|output)_blocks\.\d+|middle_block)\.\d+\.(?:{LAYERS}))\.(?:weight|bias)"
)
VAE = (
    r"(?:quant_conv|post_quant_conv|(?:encoder|decoder)\.(?:conv_in|conv_out|norm_out|"
    r"mid\.(?:block_[12]\.(?:norm|conv)[12]|attn_1\.(?:norm|q|k|v|proj_out|to_[qkv]|to_out\.0))|"
    r"(?:down|up)\.\d\.(?:block\.\d\.(?:(?:norm|conv)[12]|nin_shortcut|conv_shortcut)|"
    r"(?:down|up)sample\.conv)))\.(?:weight|bias)"
)
CLIP = (
    r"transformer\.(?:text_model\.)?(?:embeddings\.(?:token|position)_embedding\.weight|"
    r"final_layer_norm\.(?:weight|bias)|encoder\.layers\.\d+\.(?:self_attn\.(?:[qkv]|out)_proj|"
    r"layer_norm[12]|mlp\.fc[12])\.(?:weight|bias))"
)
OPEN_CLIP = (
    r"model\.(?:token_embedding\.weight|positional_embedding|text_projection|"
    r"ln_final\.(?:weight|bias)|transformer\.resblocks\.\d+\.(?:attn\.(?:in_proj_(?:weight|bias)|"
    r"out_proj\.(?:weight|bias))|(?:ln_[12]|mlp\.c_(?:fc|proj))\.(?:weight|bias)))"
)
TEXT = rf"(?:{CLIP}|{OPEN_CLIP})"
USED = re.compile(
    rf"model\.diffusion_model\.{UNET}|first_stage_model\.{VAE}|"
    rf"(?:cond_stage_model|conditioner\.embedders\.[01])\.{TEXT}|"
    r"(?:model\.diffusion_model\.)?(?:v_pred|ztsnr)"
)
OF_TRAINING = re.compile(  # known, and of no use for painting
    r"model_ema\.|(?:alphas|betas|sqrt_|log_one_minus|posterior_|lvlb_weights|cond_stage_key)|"
    r"logvar|denoiser\.sigmas|first_stage_model\.loss\.|scale_factor$|"
    r".*(?:position_ids|logit_scale|attn_mask)$"
)


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Names of weights. Those of `training` are known; what the `unknown` ones are for, is not."""

    unknown: tuple[str, ...] = ()
    training: tuple[str, ...] = ()
    total: int = 0

    @property
    def sentence(self) -> str:
        """For `models verify`; empty where there are none."""
        told = [
            f"{len(names)} of its {self.total} weights {what}, such as {names[0]}"
            for names, what in (
                (self.unknown, "belong to no part of it and are not used"),
                (self.training, "are left over from its training and not used"),
            )
            if names
        ]
        return f"{'; '.join(told)}." if told else ""


def of_names(names: Iterable[str]) -> Leftovers:
    """All that is not used of a checkpoint."""
    unknown: list[str] = []
    training: list[str] = []
    total = 0
    for name in names:
        total += 1
        if not USED.fullmatch(name):
            (training if OF_TRAINING.match(name) else unknown).append(name)
    return Leftovers(tuple(unknown), tuple(training), total)
