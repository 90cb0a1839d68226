"""The limits that runs share: those that Prefect knows, and the planner's own per zone."""

from __future__ import annotations

from collections.abc import Mapping

from carbonaware_prefect.errors import InvalidSettingError
from carbonaware_prefect.planner.api import Json
from carbonaware_prefect.planner.upcoming import Upcoming

__all__ = ["Limits", "parse_zone_limit"]


def parse_zone_limit(text: str | None) -> Mapping[str, int]:
    """``20`` for every zone, or ``DE=20,FR=10``; ``*`` stands for every other zone.

    Raises:
        InvalidSettingError: (a ValueError) something else.
    """
    limits: dict[str, int] = {}
    for part in (text or "").split(","):
        zone, _, count = part.rpartition("=")
        if not part.strip():
            continue
        if not count.strip().isdecimal() or int(count) < 1:
            msg = (
                f"CARBONAWARE_ZONE_LIMIT={text!r}: {part.strip()!r} is no number of runs; "
                "write e.g. 20, or DE=20,FR=10"
            )
            raise InvalidSettingError(msg)
        limits[zone.strip() or "*"] = int(count)
    return limits


class Limits:
    """How many runs at a time each limit allows, by name.

    Args:
        deployments: by id.
        pools: by name.
        zones: see `parse_zone_limit`.
    """

    def __init__(
        self,
        deployments: Mapping[str, Json],
        pools: Mapping[str, Json],
        zones: Mapping[str, int],
    ) -> None:
        self.allowed: dict[str, int] = {}
        self._zones = zones
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
            self.allowed[name] = limit

    def of(self, run: Upcoming, zone: str | None) -> tuple[str, ...]:
        """The names of the limits that a run counts against."""
        names = [f"deployment {run.deployment}", f"queue {run.queue}", f"pool {run.pool}"]
        if zone is not None:
            limit = self._zones.get(zone, self._zones.get("*"))
            self._add(f"zone {zone}", limit)
            names.append(f"zone {zone}")
        return tuple(name for name in names if name in self.allowed)
