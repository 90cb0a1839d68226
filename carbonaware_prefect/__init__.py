"""Move Prefect flow runs to the hours when electricity is cleanest.

The public names load on first use, so that ``import carbonaware_prefect`` and
``carbonaware_prefect.core`` cost nothing and need no Prefect.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from carbonaware_prefect._version import __version__
    from carbonaware_prefect.blocks import (
        CarbonAwareSdkServer,
        CarbonPolicy,
        ElectricityMapsCredentials,
        WattTimeCredentials,
    )
    from carbonaware_prefect.delay.decorator import carbonaware_delay_decorator
    from carbonaware_prefect.delay.in_process import carbonaware_delay
    from carbonaware_prefect.delay.task import carbonaware_delay_task

__all__ = [
    "CarbonAwareSdkServer",
    "CarbonPolicy",
    "ElectricityMapsCredentials",
    "WattTimeCredentials",
    "__version__",
    "carbonaware_delay",
    "carbonaware_delay_decorator",
    "carbonaware_delay_task",
]

# `prefect block register -m carbonaware_prefect` finds the blocks by these names.
_HOMES = {
    "CarbonAwareSdkServer": "blocks",
    "CarbonPolicy": "blocks",
    "ElectricityMapsCredentials": "blocks",
    "WattTimeCredentials": "blocks",
    "__version__": "_version",
    "carbonaware_delay": "delay.in_process",
    "carbonaware_delay_decorator": "delay.decorator",
    "carbonaware_delay_task": "delay.task",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
