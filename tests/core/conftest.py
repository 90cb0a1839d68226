"""A busy machine makes drawing and running examples slow: no fault of theirs."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "core", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("core")
