"""The HTTP face: application, routes by noun, security, errors, events."""
