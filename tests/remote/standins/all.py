"""The stand-in of each service. Those that share an adapter are tried with all faults once."""

from __future__ import annotations

from tests.remote.standins.a1111 import A1111
from tests.remote.standins.base import StandIn
from tests.remote.standins.bfl import BlackForestLabs
from tests.remote.standins.comfyui import ComfyUI
from tests.remote.standins.compatible import COMPATIBLE
from tests.remote.standins.fal import Fal
from tests.remote.standins.gemini import Gemini
from tests.remote.standins.horde import Horde
from tests.remote.standins.huggingface import HuggingFace
from tests.remote.standins.openai import OpenAI
from tests.remote.standins.openrouter import OpenRouter
from tests.remote.standins.replicate import Replicate
from tests.remote.standins.stability import Stability

ADAPTERS: dict[str, type[StandIn]] = {
    "a1111": A1111,
    "bfl": BlackForestLabs,
    "comfyui": ComfyUI,
    "fal": Fal,
    "gemini": Gemini,
    "horde": Horde,
    "huggingface": HuggingFace,
    "openai": OpenAI,
    "openrouter": OpenRouter,
    "replicate": Replicate,
    "stability": Stability,
}
STAND_INS = ADAPTERS | COMPATIBLE
