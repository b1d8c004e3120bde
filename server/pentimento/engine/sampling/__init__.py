"""Noise levels, schedulers and latents."""
