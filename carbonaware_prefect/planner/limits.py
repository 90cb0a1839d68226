"""The limits that runs share: those that Prefect knows, and the planner's own."""

from __future__ import annotations

from collections.abc import Mapping

from carbonaware_prefect.errors import InvalidSettingError
from carbonaware_prefect.planner.api import Json
from carbonaware_prefect.planner.upcoming import Upcoming

__all__ = ["Limits", "parse_limits"]


def parse_limits(text: str | None, variable: str) -> Mapping[str, int]:
    """``20`` for each, or ``DE=20,FR=10`` by name; ``*`` stands for every other one.

    Args:
        text: what the variable holds.
        variable: its name, for the error.

    Raises:
        InvalidSettingError: (a ValueError) something else.
    """
    limits: dict[str, int] = {}
    for part in (text or "").split(","):
        name, _, count = part.rpartition("=")
        if not part.strip():
            continue
        if not count.strip().isdecimal() or int(count) < 1:
            msg = (
                f"{variable}={text!r}: {part.strip()!r} is no number of runs; "
                "write e.g. 20, or NAME=20,OTHER=10"
            )
            raise InvalidSettingError(msg)
        limits[name.strip() or "*"] = int(count)
    return limits


class Limits:
    """How many runs at a time each limit allows, by name.

    Args:
        deployments: by id.
        pools: by name.
        own_zones: the planner's own limits of zones, see `parse_limits`.
        own_pools: likewise of work pools, for what their workers allow.
    """

    def __init__(
        self,
        deployments: Mapping[str, Json],
        pools: Mapping[str, Json],
        *,
        own_zones: Mapping[str, int],
        own_pools: Mapping[str, int],
    ) -> None:
        self.allowed: dict[str, int] = {}
        self._zones, self._pools = own_zones, own_pools
        for key, deployment in deployments.items():
            shared = deployment.get("global_concurrency_limit") or {}
            if shared.get("active", True):
                self._add(f"deployment {key}", shared.get("limit"))
        for name, pool in pools.items():
            self._add(f"pool {name}", pool.get("concurrency_limit"))

    def add_queues(self, queues: Mapping[str, Json]) -> None:
        """Take the limits of work queues in, by id."""
        for key, queue in queues.items():
            self._add(f"queue {key}", queue.get("concurrency_limit"))

    def _add(self, name: str, limit: int | None) -> None:
        # A limit of zero stops all runs, wherever they are put.
        if limit:
            self.allowed[name] = min(limit, self.allowed.get(name, limit))

    def of(self, run: Upcoming, zone: str | None) -> tuple[str, ...]:
        """The names of the limits that a run counts against."""
        names = [f"deployment {run.deployment}", f"queue {run.queue}", f"pool {run.pool}"]
        if run.pool is not None:
            self._add(f"pool {run.pool}", _own(self._pools, run.pool))
        if zone is not None:
            self._add(f"zone {zone}", _own(self._zones, zone))
            names.append(f"zone {zone}")
        return tuple(name for name in names if name in self.allowed)


def _own(limits: Mapping[str, int], name: str) -> int | None:
    return limits.get(name, limits.get("*"))
