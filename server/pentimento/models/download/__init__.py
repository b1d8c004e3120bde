"""Fetches models of the catalogue from the HuggingFace hub or a mirror: resumable, verified, and
never half there under their final name. No torch."""
