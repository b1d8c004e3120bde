"""Model files as people have them, row by row: told for what they are, or refused in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.models.header_shapes import QWEN, diffusers_flux, lora
from tests.models.test_checkpoint import SD15, SDXL
from tests.models.test_denoisers import write_base
from tests.models.weight_files import write

from pentimento.cli import run_options
from pentimento.core.errors import BadInput
from pentimento.jobs.plan import resolve
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.parts.controlnet_lora import Addon
from pentimento.models.library.registry import Registry
from pentimento.models.weights import layouts
from pentimento.models.weights.detect.recognise import Recognised, recognise
from pentimento.schema.job import JobRequest

NONE = Path("none")
ATTENTION = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
KOHYA_ATTENTION = "lora_unet_" + ATTENTION.replace(".", "_")
PROCESSOR = ATTENTION.replace("to_k", "processor.to_k")
OLD_PAIR = {"down.weight": [4, 768], "up.weight": [320, 4]}
LOHA = {f"hada_w{n}_{side}": s for n in "12" for side, s in (("a", [320, 4]), ("b", [4, 768]))}
FAMILIES = {  # the models that a LoRA may fit: family and width of the prompts
    "sd15": ("sd15", 768, 320),
    "sd2": ("sd15", 1024, 320),
    "sdxl": ("sdxl", 2048, 320),
    "flux": ("flux", None, 768),
    "chroma": ("chroma", None, 768),
    "qwen": ("qwen-image", None, 768),
    "klein": ("flux2-klein", None, 768),
    "z-image": ("z-image", None, 960),
    "lumina": ("lumina2", None, 576),
}


def ended(layer: str, **ends: Any) -> dict[str, Any]:
    return {f"{layer}.{end}": shape for end, shape in ends.items()}


def told(tmp_path: Path, shapes: dict[str, Any], **metadata: str) -> Recognised:
    return recognise(write(tmp_path / "file.safetensors", shapes, **metadata))


def added(tmp_path: Path, shapes: dict[str, Any], **metadata: str) -> Addon:
    write(tmp_path / "loras" / "one.safetensors", shapes, **metadata)
    return Registry(tmp_path, starter=NONE).addons.get("lora", "one")


def fitting(addon: Addon) -> set[str]:
    models = {
        name: ModelInfo(name, name, family, NONE, context_dim=wide, unet_width=width)
        for name, (family, wide, width) in FAMILIES.items()
    }
    return {name for name, model in models.items() if addon.fits(model)}


def checkpoint(tmp_path: Path, shapes: dict[str, Any], sheet: Any = None, **metadata: str) -> Any:
    file = write(tmp_path / "models" / "mine.safetensors", shapes, **metadata)
    if sheet is not None:
        file.with_name("mine.pentimento.json").write_text(json.dumps(sheet))
    return Registry(tmp_path, starter=NONE).get("mine")


FLUX_NAMES = {
    "kohya": lora("lora_unet_double_blocks_0_img_attn_qkv", 3072, 9216)
    | lora("lora_unet_double_blocks_0_img_mlp_0", 3072, 12288)
    | lora("lora_unet_double_blocks_0_img_mod_lin", 3072, 18432)
    | lora("lora_unet_single_blocks_0_linear1", 3072, 21504),
    "kohya, encoder too": lora("lora_unet_double_blocks_0_txt_mlp_2", 12288, 3072)
    | lora("lora_unet_single_blocks_0_modulation_lin", 3072, 9216)
    | lora("lora_te1_text_model_encoder_layers_0_mlp_fc1", 768, 3072),
    "ai-toolkit": lora("diffusion_model.double_blocks.0.img_mlp.0", 3072, 12288, "peft")
    | lora("diffusion_model.double_blocks.0.img_mod.lin", 3072, 18432, "peft"),
}


@pytest.mark.parametrize("names", FLUX_NAMES)
def test_row_01_a_flux_lora_is_flux(tmp_path: Path, names: str) -> None:
    """They were taken for Qwen-Image's, whose blocks have an `img_mlp` too."""
    assert fitting(added(tmp_path, FLUX_NAMES[names])) <= {"flux", "chroma"}
    assert "flux" in fitting(added(tmp_path, FLUX_NAMES[names]))


@pytest.mark.parametrize(
    "layer", ["transformer_blocks.0.img_mlp.net.2", "transformer_blocks.3.txt_mod.1"]
)
def test_row_01_qwen_images_stay_its_own(tmp_path: Path, layer: str) -> None:
    for name, style in ((f"transformer.{layer}", "peft"), (layer.replace(".", "_"), "kohya")):
        prefix = "lora_unet_" if style == "kohya" else ""
        assert fitting(added(tmp_path, lora(prefix + name, 3072, 3072, style))) == {"qwen"}


@pytest.mark.parametrize(("wide", "fits"), [(2304, {"lumina"}), (3840, {"z-image"})])
@pytest.mark.parametrize("layer", ["layers.3.attention.qkv", "noise_refiner.0.feed_forward.w1"])
def test_row_01_luminas_and_z_images_are_told_apart_by_their_width(
    tmp_path: Path, wide: int, fits: set[str], layer: str
) -> None:
    """The authors of both call their layers alike."""
    for name, style in ((f"diffusion_model.{layer}", "peft"), (layer.replace(".", "_"), "kohya")):
        prefix = "lora_unet_" if style == "kohya" else ""
        assert fitting(added(tmp_path, lora(prefix + name, wide, wide, style))) == fits


V = {
    "noobai": ({"v_pred": [0], "ztsnr": [0]}, {}, True),
    "v without zero SNR": ({"v_pred": [0]}, {}, None),
    "modelspec": ({}, {"modelspec.prediction_type": "v"}, None),
    "modelspec, other words": ({}, {"modelspec.prediction_type": "V-Prediction"}, None),
    "modelspec, velocity": ({}, {"modelspec.prediction_type": "velocity"}, None),
    "modelspec, older key": ({}, {"modelspec.predict_key": "v"}, None),
    "kohya": ({}, {"ss_v_parameterization": "True", "ss_zero_terminal_snr": "True"}, True),
}


@pytest.mark.parametrize("kind", V)
@pytest.mark.parametrize("family", ["sdxl", "sd15"])
def test_row_02_v_prediction_is_told(tmp_path: Path, family: str, kind: str) -> None:
    """They ran as epsilon: pictures of noise, without a word."""
    marks, metadata, zero = V[kind]
    shapes = (SDXL if family == "sdxl" else SD15) | marks
    info = checkpoint(tmp_path, shapes, **metadata)
    assert info.ok, info.problem
    assert info.prediction_type == info.scheduler["prediction_type"] == "v_prediction"
    assert info.scheduler.get("rescale_betas_zero_snr") == zero


def test_row_02_an_ordinary_checkpoint_predicts_the_noise(tmp_path: Path) -> None:
    info = checkpoint(tmp_path, SDXL)
    assert (info.ok, info.prediction_type) == (True, "epsilon")


def test_row_02_the_data_sheet_corrects_it(tmp_path: Path) -> None:
    sheet = {"prediction_type": "v_prediction", "zero_snr": True}
    info = checkpoint(tmp_path, SDXL, sheet)
    assert (info.prediction_type, info.scheduler["rescale_betas_zero_snr"]) == (*sheet.values(),)
    undone = {"prediction_type": "epsilon", "zero_snr": False}
    info = checkpoint(tmp_path, SDXL | V["noobai"][0], undone)
    assert (info.prediction_type, info.scheduler["rescale_betas_zero_snr"]) == ("epsilon", False)
    for wrong in ({"prediction_type": "x"}, {"zero_snr": "yes"}):
        assert "data sheet" in checkpoint(tmp_path, SDXL, wrong).problem


@pytest.mark.parametrize("word", ["sample", "x0", "flow", "猫 “v”"])
def test_row_02_words_that_are_not_known_are_never_epsilon_in_silence(
    tmp_path: Path, word: str
) -> None:
    said = {"modelspec.prediction_type": word}
    info = checkpoint(tmp_path, SDXL, **said)
    assert not info.ok
    assert f"predicts “{word}”, which is not known" in info.problem
    info = checkpoint(tmp_path, SDXL, {"prediction_type": "v_prediction"}, **said)
    assert (info.ok, info.prediction_type) == (True, "v_prediction")


@pytest.mark.parametrize("mark", ["edm_vpred.sigma_max", "edm_mean"])
def test_row_02_noise_levels_of_edm_are_refused_in_words(tmp_path: Path, mark: str) -> None:
    info = checkpoint(tmp_path, SDXL | {mark: []})
    assert not info.ok
    assert "noise levels of EDM" in info.problem
    assert "not supported" in info.problem


@pytest.mark.parametrize(
    ("shapes", "fits"),
    [
        (ended(KOHYA_ATTENTION, **LOHA), {"sd15"}),
        ({f"{KOHYA_ATTENTION}.lokr_w1": [4, 4], f"{KOHYA_ATTENTION}.lokr_w2": [80, 512]}, {"sdxl"}),
        ({f"{KOHYA_ATTENTION}.diff": [320, 1024]}, {"sd2"}),
    ],
    ids=["loha", "lokr", "full"],
)  # fmt: skip
def test_row_05_lycoris_fits_what_it_was_made_for(
    tmp_path: Path, shapes: dict[str, Any], fits: set[str]
) -> None:
    assert fitting(added(tmp_path, shapes)) == fits


@pytest.mark.parametrize(
    ("ends", "name"),
    [
        ({"oft_diag": [4, 8, 8]}, "OFT of early LyCORIS"),
        ({"oft_R.weight": [4, 28]}, "OFT of PEFT"),
    ],
)  # fmt: skip
def test_row_05_a_kind_that_is_not_computed_is_refused_by_its_name(
    tmp_path: Path, ends: dict[str, Any], name: str
) -> None:
    addon = added(tmp_path, {f"{KOHYA_ATTENTION}.{end}": shape for end, shape in ends.items()})
    assert not addon.ok
    assert f"a LoRA of the kind {name}, which is not supported; take one" in addon.problem


@pytest.mark.parametrize(
    ("shapes", "fits"),
    [
        (lora(f"unet.{PROCESSOR}", 768, 320, "diffusers"), {"sd15"}),
        (ended(f"unet.{PROCESSOR}_lora", **OLD_PAIR), {"sd15"}),
        (lora(KOHYA_ATTENTION.replace("attn2", "attn1"), 320, 320), {"sd15", "sd2", "sdxl"}),
        (lora(KOHYA_ATTENTION.replace("blocks_0_attn2", "blocks_7_attn1"), 320, 320), {"sdxl"}),
        (lora("lora_unet_down_blocks_3_resnets_0_conv1", 1280, 1280), {"sd15", "sd2"}),
        (lora("lora_te_text_model_encoder_layers_0_self_attn_q_proj", 768, 768), {"sd15"}),
        (lora(ATTENTION, 768, 320, "peft"), {"sd15"}),
        (lora(f"base_model.model.{ATTENTION}", 2048, 320, "peft"), {"sdxl"}),
    ],
    ids=["attn-procs", "old-attn-procs", "attn1", "deep", "fourth", "text", "bare", "base_model"],
)  # fmt: skip
def test_row_06_and_07_every_way_of_naming_layers_fits(
    tmp_path: Path, shapes: dict[str, Any], fits: set[str]
) -> None:
    assert fitting(added(tmp_path, shapes)) == fits


CONTROL_LORA = {  # of Black Forest Labs, FLUX.1-Canny-dev-lora
    "img_in.lora_A.weight": [128, 128],
    "img_in.lora_B.weight": [3072, 128],
    "img_in.lora_B.bias": [3072],
    "double_blocks.0.img_attn.norm.key_norm.scale": [128],
    **lora("double_blocks.0.img_attn.qkv", 3072, 9216, "peft"),
    **lora("single_blocks.0.linear1", 3072, 21504, "peft"),
}


def test_row_01_a_lora_that_widens_flux_is_refused_with_what_to_take_instead(
    tmp_path: Path,
) -> None:
    addon = added(tmp_path, CONTROL_LORA)
    assert fitting(addon) == set()
    assert "a map beside the picture (Canny, Depth), which is not supported" in addon.problem
    assert "take a ControlNet for FLUX.1" in addon.problem
    narrow = CONTROL_LORA | {"img_in.lora_A.weight": [128, 64]}
    assert added(tmp_path / "other", narrow).ok


XLABS = {
    f"double_blocks.0.processor.{layer}_lora{number}.{end}.weight": shape
    for number in "12"
    for layer, out in (("qkv", 9216), ("proj", 3072))
    for end, shape in (("down", [16, 3072]), ("up", [out, 16]))
}


def test_row_01_a_lora_of_xlabs_is_flux(tmp_path: Path) -> None:
    """It was unknown, and shown as a model."""
    assert (told(tmp_path, XLABS).role, told(tmp_path, XLABS).family) == ("lora", "flux")
    assert fitting(added(tmp_path, XLABS)) == {"flux"}


STRANGERS = {
    "ltx": lora("transformer.transformer_blocks.0.attn2.to_k", 2048, 2048, "peft"),
    "hunyuan video": lora("lora_unet_double_blocks_0_img_mlp_fc1", 3072, 12288),
    "hunyuan video 2": lora("diffusion_model.double_blocks.0.img_attn_qkv", 3072, 9216, "peft"),
    "auraflow": lora("transformer.joint_transformer_blocks.0.attn.to_q", 3072, 3072, "peft"),
}  # fmt: skip


@pytest.mark.parametrize("whose", STRANGERS)
def test_row_07_and_09_loras_of_other_kinds_of_models_fit_none(tmp_path: Path, whose: str) -> None:
    """LTX-Video's was offered for SDXL, and HunyuanVideo's for FLUX."""
    assert fitting(added(tmp_path, STRANGERS[whose])) == set()


def test_row_09_hunyuan_video_is_no_flux(tmp_path: Path) -> None:
    shapes = diffusers_flux(64, guided=True)
    shapes["x_embedder.proj.weight"] = [3072, 16, 1, 2, 2]
    del shapes["x_embedder.weight"]
    assert told(tmp_path, shapes).family == "hunyuan-video"
    assert "hunyuan-video, which is not supported" in checkpoint(tmp_path, shapes).problem


def test_row_10_svdquant_is_no_lora(tmp_path: Path) -> None:
    layer = "transformer_blocks.0.qkv_proj"
    shapes = {f"{layer}.qweight": [8, 8], f"{layer}.wscales": [1, 8], f"{layer}.lora_down": [8, 2]}
    shapes |= {f"{layer}.lora_up": [8, 2], f"{layer}.smooth_factor": [8]}
    assert told(tmp_path, shapes).role == "denoiser"
    assert "SVDQuant (nunchaku), which is not supported" in checkpoint(tmp_path, shapes).problem


VAES = {
    "qwen-diffusers": (
        {
            "encoder.conv_in.weight": [96, 3, 3, 3, 3],
            "decoder.conv_in.weight": [384, 16, 3, 3, 3],
            "decoder.mid_block.resnets.0.norm1.gamma": [384, 1, 1, 1],
            **{f"decoder.up_blocks.{n}.resnets.0.norm1.gamma": [4, 1, 1, 1] for n in range(4)},
        },
        {"qwen"},
    ),
    "qwen-original": (
        {
            "encoder.conv1.weight": [96, 3, 3, 3, 3],
            "decoder.conv1.weight": [384, 16, 3, 3, 3],
            "decoder.middle.0.residual.0.gamma": [384, 1, 1, 1],
        },
        {"qwen"},
    ),
    "flux": (
        {
            "encoder.conv_in.weight": [128, 3, 3, 3],
            "decoder.conv_in.weight": [512, 16, 3, 3],
            "decoder.mid.block_1.norm1.weight": [512],
            **{f"decoder.up.{n}.block.0.norm1.weight": [512] for n in range(4)},
        },
        {"flux"},
    ),
    "flux2": (
        {
            "encoder.conv_in.weight": [128, 3, 3, 3],
            "decoder.conv_in.weight": [512, 32, 3, 3],
            "decoder.mid.block_1.norm1.weight": [512],
            "bn.running_mean": [128],
            **{f"decoder.up.{n}.block.0.norm1.weight": [512] for n in range(4)},
        },
        {"klein"},
    ),
    "only a decoder": (
        {
            "decoder.conv_in.weight": [512, 4, 3, 3],
            "decoder.mid.block_1.norm1.weight": [512],
            **{f"decoder.up.{n}.block.0.norm1.weight": [512] for n in range(4)},
        },
        set(),
    ),
}
VAE_KINDS = {
    "flux": ("AutoencoderKL", 16),
    "qwen": ("AutoencoderKLQwenImage", 16),
    "klein": ("AutoencoderKLFlux2", 32),
    "sd15": ("AutoencoderKL", 4),
}


@pytest.mark.parametrize("kind", VAES)
def test_row_12_a_vae_fits_the_models_of_its_kind_alone(tmp_path: Path, kind: str) -> None:
    """Qwen-Image's was offered for FLUX, whose latents have as many channels."""
    shapes, fits = VAES[kind]
    write(tmp_path / "vaes" / "one.safetensors", shapes)
    vae = Registry(tmp_path, starter=NONE).vaes.get("one")
    assert vae.ok, vae.problem
    models = {
        name: ModelInfo(name, name, name, NONE, vae_kind=kind, latent_channels=channels)
        for name, (kind, channels) in VAE_KINDS.items()
    }
    assert {name for name, model in models.items() if vae.fits(model)} == fits


@pytest.mark.parametrize("first", ["1.weight", "decoder.1.weight", "taesd_decoder.1.weight"])
def test_row_12_a_tiny_decoder_in_its_original_layout_makes_previews(
    tmp_path: Path, first: str
) -> None:
    later = first.replace("1.weight", "3.conv.0.weight")
    write(tmp_path / "vaes" / "taesd.safetensors", {first: [64, 4, 3, 3], later: [64, 64, 3, 3]})
    vae = Registry(tmp_path, starter=NONE).vaes.get("taesd")
    kind: dict[str, Any] = {"vae_kind": "AutoencoderKL", "latent_channels": 4}
    model = ModelInfo("m", "m", "sd15", NONE, latent_scaling=0.18215, **kind)
    assert vae.ok, vae.problem
    assert (vae.shows(model), vae.fits(model)) == (True, False)
    assert "enough for previews" in vae.mismatch(model)


@pytest.mark.parametrize(
    ("mark", "entry"),
    [
        ("__index_timestep_zero__", "zero_cond_t"),
        ("time_text_embed.addition_t_embedding.weight", "use_additional_t_cond"),
    ],
)
def test_row_14_a_mark_of_qwen_image_edit_asks_for_a_base_that_answers_to_it(
    mark: str, entry: str
) -> None:
    """It was dropped, and the weights computed as those of an older kind."""
    file = layouts.of_shapes(
        "qwen-image", {name: tuple(s) for name, s in QWEN.items()} | {mark: ()}
    )
    older = layouts.of_config("qwen-image", {"in_channels": 64})
    own = layouts.of_config("qwen-image", {"in_channels": 64, entry: True})
    assert layouts.differences(file, older) == [f"{entry} is 1 instead of 0"]
    assert layouts.differences(file, own) == []


def test_what_fits_no_model_is_refused_with_the_reason(tmp_path: Path) -> None:
    write(tmp_path / "models" / "mine.safetensors", SDXL)
    added(tmp_path, STRANGERS["ltx"])
    request = JobRequest.model_validate({"prompt": "a", "loras": [{"id": "one"}]})
    with pytest.raises(BadInput, match="was not made for models like mine"):
        resolve(request, Registry(tmp_path, starter=NONE), None)


HYPER = lora("transformer.single_transformer_blocks.0.attn.to_q", 32, 32, "peft")


@pytest.fixture
def hyper(tmp_path: Path) -> Registry:
    """FLUX.1 with Hyper-FLUX's LoRA, which was made for an eighth of its weight."""
    write_base(tmp_path / "models" / "flux", "flux")
    write(tmp_path / "loras" / "Hyper-FLUX.1-dev-8steps-lora.safetensors", HYPER)
    return Registry(tmp_path, starter=NONE)


@pytest.mark.parametrize(
    ("asked", "weight"),
    [
        ({"loras": [{"id": "Hyper-FLUX.1-dev-8steps-lora"}]}, 0.125),
        ({"loras": [{"id": "Hyper-FLUX.1-dev-8steps-lora", "weight": 1}]}, 1.0),
        ({"prompt": "a lake <lora:Hyper-FLUX.1-dev-8steps-lora>"}, 0.125),
        ({"prompt": "a lake <lora:Hyper-FLUX.1-dev-8steps-lora:1>"}, 1.0),
    ],
)
def test_s17_a_weight_that_is_left_out_is_the_loras_own(
    hyper: Registry, asked: dict[str, Any], weight: float
) -> None:
    """It was known to a dialog of GIMP alone."""
    made = resolve(JobRequest.model_validate({"prompt": "a lake", **asked}), hyper, None)
    assert [one.weight for one in made.loras] == [weight]
    assert run_options.read_lora("Hyper-FLUX.1-dev-8steps-lora") == {
        "id": "Hyper-FLUX.1-dev-8steps-lora"
    }
    listed = hyper.addons.get("lora", "Hyper-FLUX.1-dev-8steps-lora").answer([]).model_dump()
    assert listed["weight"] == 0.125


def test_s17_a_data_sheet_may_say_the_weight(hyper: Registry, tmp_path: Path) -> None:
    sheet = tmp_path / "loras" / "Hyper-FLUX.1-dev-8steps-lora.pentimento.json"
    sheet.write_text('{"default_weight": 0.5}')
    asked = JobRequest.model_validate({"loras": [{"id": "Hyper-FLUX.1-dev-8steps-lora"}]})
    assert resolve(asked, hyper, None).loras[0].weight == 0.5
