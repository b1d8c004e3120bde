"""What a picture cost, in US dollars, as a service tells it in its answer. None for what is no
price: then the one that was reserved stays."""

from __future__ import annotations

import math
from typing import Any

from pentimento.services.records import TokenPrices

MOST = 100.0  # US dollars a picture
MOST_TOKENS = 1e9
MILLION = 1e6


def dollars(told: Any, unit: float = 1.0) -> float | None:
    """`told` is in `unit` dollars."""
    if isinstance(told, bool) or not isinstance(told, int | float):
        return None
    return told * unit if math.isfinite(told) and 0 <= told * unit <= MOST else None


def of_tokens(usage: Any, prices: TokenPrices | None) -> float | None:
    """By an answer's `usage` as OpenAI's images API has it (types/images_response.py of openai
    3.57.0): `input_tokens` with their details by kind, and `output_tokens`. Where the kinds are not
    told, the input counts at the higher price."""
    if prices is None or not isinstance(usage, dict):
        return None
    whole, output = _tokens(usage.get("input_tokens")), _tokens(usage.get("output_tokens"))
    if whole is None or output is None:
        return None
    details = usage.get("input_tokens_details")
    words = _tokens(details.get("text_tokens")) if isinstance(details, dict) else 0.0
    words = min(words or 0.0, whole)
    paid = words * prices.text_input + (whole - words) * prices.image_input + output * prices.output
    return dollars(paid, 1 / MILLION)


def _tokens(told: Any) -> float | None:
    if isinstance(told, bool) or not isinstance(told, int | float):
        return None
    return float(told) if 0 <= told <= MOST_TOKENS else None
