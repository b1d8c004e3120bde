"""Which models exist, what they are, and their limits, read without loading them."""

from pentimento.models.info import ModelInfo
from pentimento.models.registry import Registry

__all__ = ["ModelInfo", "Registry"]
