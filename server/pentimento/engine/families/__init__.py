"""Model families: what differs between architectures, one small adapter each."""

from __future__ import annotations

from pentimento.engine.families.base import Family
from pentimento.engine.families.stable_diffusion import SD15, SDXL

FAMILIES: dict[str, Family] = {family.name: family for family in (SD15(), SDXL())}
