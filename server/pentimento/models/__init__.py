"""Which models exist, what they are, and their limits, read without loading them."""

from pentimento.models.library.model import ModelInfo
from pentimento.models.library.registry import Registry

__all__ = ["ModelInfo", "Registry"]
