"""The power that the work of a run draws, as its deployment says it."""

from __future__ import annotations

from collections.abc import Mapping

from carbonaware_prefect.errors import InvalidInputError
from carbonaware_prefect.planner.calls import Json
from carbonaware_prefect.planner.policies import pool_env
from carbonaware_prefect.planner.upcoming import carbonaware_among
from carbonaware_prefect.policies.fields import Giver
from carbonaware_prefect.policies.given import GivenPolicy, given_by
from carbonaware_prefect.settings import Settings

__all__ = ["Powers"]

_POWER = "power"


class Powers:
    """``CARBONAWARE_POWER`` of runs: of the run, its deployment, its pool, or here.

    Args:
        own: what holds where none of them says anything.
        pools: by name.

    Attributes:
        notes: what was wrong, each once.
    """

    def __init__(self, own: Settings, pools: Mapping[str, Json]) -> None:
        self._own: float | None = own.policy_fields["power"]
        self._pools = pools
        self._known: dict[tuple[str, str], float | None] = {}
        self.notes: dict[str, None] = {}

    def watts(
        self, job_variables: Json, deployment: Json, pool: str | None
    ) -> float | None:
        """In watts; None where nobody says it, or not in a way to be understood."""
        for giver, variables in (
            (Giver.DEPLOYMENT, carbonaware_among(job_variables)),
            (Giver.DEPLOYMENT, carbonaware_among(deployment.get("job_variables"))),
            (Giver.POOL, pool_env(self._pools.get(pool or ""))),
        ):
            words = given_by(giver, variables).fields.get(_POWER)
            if words is not None:
                return self._parsed(str(words), str(deployment.get("name") or ""))
        return self._own

    def _parsed(self, words: str, name: str) -> float | None:
        if (words, name) not in self._known:
            try:
                found = GivenPolicy({_POWER: words}).parsed().fields[_POWER]
            except InvalidInputError as error:
                self.notes[f"deployment {name!r}: {error}"] = None
                found = None
            self._known[words, name] = found
        return self._known[words, name]
