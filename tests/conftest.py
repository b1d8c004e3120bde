"""What all tests need of the process they run in."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

# The same examples in every run, so that a change is judged by what it changed. To look for new
# ones, PENTIMENTO_SEARCH=1 draws them at random (with PENTIMENTO_EXAMPLES, as many as you like).
# How long one takes says nothing here: machines are shared.
settings.register_profile(
    "same",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("search", print_blob=True)
settings.load_profile("search" if os.environ.get("PENTIMENTO_SEARCH") else "same")


def pytest_configure() -> None:
    """A shell script lets what it runs in the background ignore Ctrl+C, and children inherit that:
    the tests that press it would fail there."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
