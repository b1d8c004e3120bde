"""Prompts as text: what their signs mean. No torch."""
