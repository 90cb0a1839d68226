"""Imports that users have written go on working."""

from __future__ import annotations

from importlib import import_module

import pytest

NAMES = {
    "carbonaware_prefect": (
        "CarbonAwareSdkServer",
        "CarbonPolicy",
        "ElectricityMapsCredentials",
        "WattTimeCredentials",
        "carbonaware_delay",
        "carbonaware_delay_decorator",
        "carbonaware_delay_task",
    ),
    "carbonaware_prefect.blocks": ("CarbonPolicy", "WattTimeCredentials"),
    "carbonaware_prefect.clouds.places": ("regions", "resolve_zone"),
    "carbonaware_prefect.core": (
        "Decision",
        "Forecast",
        "Hours",
        "Interval",
        "Limit",
        "Policy",
        "Reason",
        "Request",
        "Signal",
        "Slot",
        "conclude",
        "decide",
        "find_slot",
        "rank_slots",
        "run_now",
        "wait_for",
    ),
    "carbonaware_prefect.deployments.steps": ("low_carbon_cron",),
    "carbonaware_prefect.errors": ("CarbonAwareError", "InvalidInputError"),
    "carbonaware_prefect.planner.flow": ("plan_flow",),
    "carbonaware_prefect.sources.typical": ("TypicalSource", "known_zones"),
}


@pytest.mark.parametrize(
    ("module", "name"),
    [(module, name) for module, names in NAMES.items() for name in names],
)
def test_import_still_works(module: str, name: str) -> None:
    """Each name that the documents of an earlier version taught is where it was."""
    assert getattr(import_module(module), name) is not None
