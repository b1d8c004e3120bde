"""The server's closed sets of names, written by tools/vocabulary.py: do not edit."""

SAMPLERS = (
    "Euler",
    "Euler a",
    "DPM++ 2M Karras",
    "DDIM",
    "UniPC",
    "LCM",
    "Euler Karras",
    "Euler Beta",
    "DPM++ 2M Simple",
    "DPM++ 2M Exponential",
    "DPM++ 2M Beta",
    "DPM++ 2M SDE Karras",
    "DPM++ 2M SDE Exponential",
)
CONTROL_TYPES = (
    "canny",
    "scribble",
    "lineart",
    "softedge",
    "depth",
    "normal",
    "openpose",
    "seg",
    "tile",
)
DRAWN_BY_ARITHMETIC = (
    "canny",
    "scribble",
    "lineart",
    "softedge",
    "tile",
)
MODEL_ROLES = (
    "checkpoint",
    "denoiser",
    "vae",
    "tiny_vae",
    "lora",
    "controlnet",
    "t2i_adapter",
    "embedding",
    "ip_adapter",
    "upscaler",
    "text_encoder",
    "image_encoder",
    "unknown",
)
ARCHITECTURES = (
    "sd15",
    "sdxl",
    "sd3",
    "flux",
    "flux2-klein",
    "z-image",
    "qwen-image",
    "chroma",
)
