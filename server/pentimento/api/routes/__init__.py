"""The calls under /v1, one file a noun."""
