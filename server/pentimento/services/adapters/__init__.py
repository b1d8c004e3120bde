"""One service: `NAME.py`, the functions of `adapter.Adapter`, and `NAME.toml`, its record."""
