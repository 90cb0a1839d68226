"""The ledger read back: each run with a record settled, and all of them added up.

Runs come in pages and leave as they are settled; what is kept grows with the number of
deployments, not with that of runs.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import httpx

from carbonaware_prefect.core.accounting.measured import Piece
from carbonaware_prefect.core.accounting.settlement import (
    Fate,
    Settled,
    energy_of,
    settle,
)
from carbonaware_prefect.core.accounting.tally import Tally
from carbonaware_prefect.core.accounting.work import work_of
from carbonaware_prefect.core.intervals import from_microseconds
from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.calls import Json, together
from carbonaware_prefect.reports.power import Powers
from carbonaware_prefect.reports.reading import Asked, Deployments, count, pages
from carbonaware_prefect.reports.record import Record, ran_by_times, ran_in, read_record
from carbonaware_prefect.sources.wiring.histories import Histories

__all__ = ["PER_RUN", "Ledger", "Reader", "read_ledger"]

PER_RUN = "run"
"""The functional unit of which each run makes one."""
_MICROSECONDS_OF_AN_HOUR = 3_600_000_000


@dataclass(slots=True)
class Ledger:
    """What all runs came to.

    Attributes:
        total: of all.
        deployments: the same by the deployment's id; None for runs of no deployment.
        others: runs without a record of deployments in which no run has one.
        unreadable: runs that the server cannot answer with.
    """

    total: Tally = field(default_factory=Tally)
    deployments: dict[str | None, Tally] = field(default_factory=dict)
    others: int = 0
    unreadable: int = 0

    def add(self, run: Settled) -> None:
        """Count a run."""
        self.total.add(run)
        self.deployments.setdefault(run.deployment, Tally()).add(run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What runs are settled with.

    Attributes:
        api: the Prefect API.
        deployments: of the workspace.
        histories: where evidence comes from.
        powers: of the work.
        functional_unit: `PER_RUN`, or what the users' labels count; None for none.
    """

    api: Api
    deployments: Deployments
    histories: Histories
    powers: Powers
    functional_unit: str | None = None

    async def settle(self, records: Sequence[Record]) -> list[Settled]:
        """The records of a page, settled."""
        ran: dict[str, Sequence[Piece] | None] = {}
        for record in records:
            if record.fate is Fate.WORKED:
                ran[record.run] = ran_by_times(record)
        unclear = [run for run, pieces in ran.items() if pieces is None]
        told = await together(self._history(run) for run in unclear)
        ran |= dict(zip(unclear, told, strict=True))
        # A source may take seconds to answer, and the next page is on its way.
        return await asyncio.to_thread(
            lambda: [self._settled(record, ran.get(record.run)) for record in records]
        )

    async def _history(self, run: str) -> Sequence[Piece] | None:
        try:
            return ran_in(await self.api.states(run))
        except httpx.HTTPError:
            return None

    def _settled(self, record: Record, ran: Sequence[Piece] | None) -> Settled:
        plan = record.plan
        settled = Settled(
            run=record.run,
            name=record.name,
            deployment=record.deployment,
            zone=record.zone,
            reason=plan.reason,
            decided_by=plan.decided_by,
            moves=record.moves,
            restored=record.restored,
            state=record.state,
            fate=record.fate,
            nominal_start=record.nominal_start,
            promise=record.promise,
        )
        if record.fate is not Fate.WORKED:
            return settled
        if ran is None:
            return replace(settled, fate=Fate.UNREADABLE)
        work = work_of(ran, record.delays)
        if work is None:
            return replace(settled, fate=Fate.NEVER_WORKED)
        low = min(work.pieces[0][0], work.nominal[0][0])
        high = max(work.pieces[-1][1], work.nominal[-1][1])
        evidence = self.histories.evidence(record.zone, plan.source, low, high)
        energy, energy_by = record.energy_kwh, "label"
        if energy is None:
            deployment = self.deployments.get(record.deployment)
            watts = self.powers.watts(record.job_variables, deployment, record.pool)
            energy, energy_by = energy_of(work.length, watts), "power"
        return replace(
            settled,
            start=from_microseconds(work.pieces[0][0]),
            end=from_microseconds(work.pieces[-1][1]),
            hours=work.length / _MICROSECONDS_OF_AN_HOUR,
            moved=work.moved,
            happened=settle(work, evidence, record.promise),
            energy_kwh=energy,
            energy_by=None if energy is None else energy_by,
            units=self._units(record),
        )

    def _units(self, record: Record) -> float | None:
        if self.functional_unit is None:
            return None
        return 1.0 if self.functional_unit == PER_RUN else record.units


async def read_ledger(
    reader: Reader,
    asked: Asked,
    *,
    on_run: Callable[[Settled], None],
    on_progress: Callable[[int, int], None],
) -> Ledger:
    """Settle all runs that were asked for.

    Args:
        reader: what to settle them with.
        asked: which runs.
        on_run: is given each one, in order of due times.
        on_progress: is told how many were read, of about how many.

    Raises:
        httpx.HTTPError: the server does not answer, or says no.
    """
    ledger, without, done = Ledger(), Counter[str | None](), 0
    expected = await count(reader.api, asked)
    async for page in pages(reader.api, asked):
        for run in await reader.settle(_records(page, asked, without)):
            ledger.add(run)
            on_run(run)
        done += len(page)
        on_progress(done, max(done, expected))
    for key, runs in without.items():
        known = key is not None and (
            reader.deployments.opted_in(key) or asked.deployments is not None
        )
        if known or key in ledger.deployments:
            ledger.deployments.setdefault(key, Tally()).no_record += runs
            ledger.total.no_record += runs
        else:
            ledger.others += runs
    ledger.unreadable = len(reader.api.unreadable) + reader.api.unnamed
    return ledger


def _records(
    page: Sequence[Json], asked: Asked, without: Counter[str | None]
) -> list[Record]:
    """The records of a page; counts what has none."""
    records = []
    for run in page:
        record = read_record(run)
        if record is None:
            without[run.get("deployment_id")] += 1
        elif asked.zone is None or record.zone == asked.zone:
            records.append(record)
    return records
