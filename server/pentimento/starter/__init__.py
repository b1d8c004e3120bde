"""The starter model that comes along (weights in model/, a diffusers folder)."""
