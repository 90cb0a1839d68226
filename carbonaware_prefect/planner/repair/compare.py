"""What was written down about moved runs, beside what the server has of them now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.calls import Json
from carbonaware_prefect.planner.repair.crashes import Crashes, find_crashes
from carbonaware_prefect.planner.repair.entries import Entry, entry_for
from carbonaware_prefect.planner.repair.ledger import Ledger
from carbonaware_prefect.planner.repair.losses import Losses, sort_out
from carbonaware_prefect.planner.repair.redeploys import unwanted
from carbonaware_prefect.planner.repair.strays import Stray, find_strays
from carbonaware_prefect.planner.repair.traces import Act, change_since
from carbonaware_prefect.planner.repair.twins import Twins
from carbonaware_prefect.planner.upcoming import (
    PLANNER,
    SAME,
    StartOwner,
    Upcoming,
    moment,
)
from carbonaware_prefect.prefect_edge.why_started import EARLY

__all__ = ["Comparison"]

# A run that started before its nominal start is remembered until that has surely passed.
_PASSED = timedelta(minutes=2)
# What another planner has written down and not done after this, it will not do.
_UNDER_WAY = timedelta(minutes=10)
_OURS = {StartOwner.PLANNER, StartOwner.UNFINISHED}
_AHEAD = _OURS | {StartOwner.SCHEDULE}


class Comparison:
    """Reads, and changes nothing.

    Args:
        api: the Prefect API.
        now: the present, by the server's clock.
        deployments: that opted in, by id.
        runs: all upcoming ones.

    Attributes:
        waiting: entries of all runs that wait, or may have to be known of, by run.
        settled: entries that hold no longer, with the reason, by run.
        losses: what became of runs that are gone.
        outdated: runs that were put back, and that Prefect would have deleted since.
        twice: upcoming runs whose occurrence has another run, with that one's entry.
        overridden: entries of runs that a person has given another start since.
        placed: entries of runs that have started where they were put.
        strays: upcoming runs of schedules that are no more, with the run that counts.
        crashes: since the last look.
        deployments: those that opted in, and those of lost runs, by id.
    """

    def __init__(
        self,
        api: Api,
        now: datetime,
        deployments: Mapping[str, Json],
        runs: Sequence[Upcoming],
    ) -> None:
        self._api = api
        self._now = now
        self._runs = {run.id: run for run in runs}
        self._twins = Twins(runs, deployments)
        self.deployments: dict[str, Json] = dict(deployments)
        self.waiting: dict[str, Entry] = {}
        self.settled: dict[str, Entry] = {}
        self.losses: Losses = Losses()
        self.outdated: list[Entry] = []
        self.overridden: list[Entry] = []
        self.placed: list[Entry] = []
        self.twice: list[tuple[Upcoming, Entry]] = []
        self.strays: list[Stray] = []
        self.crashes: Crashes = Crashes()

    async def look(self, ledger: Ledger) -> None:
        """Make it.

        Raises:
            httpx.HTTPError: the API could not be read.
        """
        known = ledger.waiting
        for run in self._runs.values():
            if run.start_owner in _OURS and run.plan is not None and not run.hidden_for:
                self.wait_for(self._entry_of(run, known.get(run.id)))
        gone = [
            entry
            for entry in known.values()
            if entry.run not in self.waiting
            and not self._is_upcoming(entry)
            and not self._may_be_remembered(entry)
        ]
        there = {run["id"]: run for run in await self._api.runs([e.run for e in gone])}
        missing = [e for e in gone if not self._is_known(e, there.get(e.run))]
        self.outdated = [e for e in self.waiting.values() if self._is_outdated(e)]
        missing += [replace(entry, deletable=True) for entry in self.outdated]
        if missing:
            self.losses = await sort_out(self._api, missing, self._now)
            self._take(self.losses)
        await self._find_twice()
        self.strays = await self._find_strays()
        self.crashes = await find_crashes(self._api, self._now, ledger.crashes_until)

    def _entry_of(self, run: Upcoming, known: Entry | None) -> Entry:
        """What is written down about a run that waits where the planner put it."""
        if known is not None and abs(known.start - run.start) <= SAME:
            return replace(known, theirs=False)
        return entry_for(
            run,
            self.deployments[run.deployment],
            start=run.start,
            record=run.labels,
            sentence=known.sentence if known else "",
        )

    def _is_upcoming(self, entry: Entry) -> bool:
        """Whether the run is there, but does not wait where it was put."""
        run = self._runs.get(entry.run)
        if run is None or run.hidden_for:
            return False
        if (
            run.start_owner is StartOwner.SCHEDULE
            and self._now - entry.moved_at < _UNDER_WAY
        ):
            # Another planner is about to move it.
            self.wait_for(entry)
            return True
        if run.start_owner is StartOwner.PERSON and not entry.theirs:
            self.overridden.append(entry)
        if run.start_owner is not StartOwner.SCHEDULE and entry.nominal_start > self._now:
            # Once it has started, a redeploy may make the same occurrence again.
            theirs = entry.theirs or run.start_owner is StartOwner.PERSON
            self.wait_for(replace(entry, theirs=theirs))
        else:
            self.settle(entry.settled("its start is no more the planner's"))
        return True

    def _may_be_remembered(self, entry: Entry) -> bool:
        """Whether nobody needs to know if it started before its nominal start, or went."""
        if entry.nominal_start <= self._now or self._twins.of(entry):
            return False
        self.wait_for(entry)
        return True

    def _is_known(self, entry: Entry, run: Json | None) -> bool:
        """Whether it is clear what became of a run that is not upcoming any more."""
        if entry.run in self._api.unreadable:
            # It is there, wherever that may be.
            self.wait_for(entry)
            return True
        if run is None:
            if entry.nominal_start > self._now:
                note = "deleted; what is still wanted is made anew"
                self.settle(entry.settled(note))
                return True
            return False
        if entry.nominal_start + _PASSED > self._now:
            # It has started early: a redeploy may make the same occurrence again.
            self.wait_for(entry)
        else:
            self._has_started(entry, moment(run.get("start_time")))
            self.settle(entry.settled(f"it is {run.get('state_name')}"))
        return True

    def _has_started(self, entry: Entry, at: datetime | None) -> None:
        """Tell a start at the slot from one that a person brought forward."""
        # What a delay task moved had started before.
        planned = entry.record.get("carbonaware.decided_by") == PLANNER
        if at is not None and planned and not entry.theirs:
            early = at < entry.start - EARLY
            (self.overridden if early else self.placed).append(entry)

    def _is_outdated(self, entry: Entry) -> bool:
        """Whether Prefect would have deleted a run that was put back, were it its own."""
        run = self._runs.get(entry.run)
        if run is None or run.restored_from is None:
            return False
        deployment = self.deployments[run.deployment]
        changed = change_since(entry, deployment, self._now).act is not Act.NOTHING
        return changed or unwanted(entry, deployment) is not None

    def _take(self, losses: Losses) -> None:
        """Take over what was found out about the runs that are gone."""
        self.deployments = losses.deployments | self.deployments
        for entry in (*losses.settled, *losses.told, *losses.too_late):
            self.settle(entry)
        for entry in (*losses.undecided, *(loss.entry for loss in losses.lost)):
            self.wait_for(entry)

    def wait_for(self, entry: Entry) -> None:
        """The entry holds."""
        self.waiting[entry.run] = entry
        self.settled.pop(entry.run, None)

    def settle(self, entry: Entry) -> None:
        """The entry holds no longer."""
        self.settled[entry.run] = entry
        self.waiting.pop(entry.run, None)

    async def _find_twice(self) -> None:
        """Upcoming runs whose occurrence has another run already, moved before its time."""
        gone = {e.run for e in self.losses.undecided}
        gone |= {loss.entry.run for loss in self.losses.lost}
        entries = [each for each in self.waiting.values() if each.run not in gone]
        gone |= await self._deleted_meanwhile(entries)
        for entry in entries:
            if entry.run not in gone and (run := self._twins.take(entry)) is not None:
                self.twice.append((run, entry))

    async def _find_strays(self) -> list[Stray]:
        """Those that are not found to be twice already."""
        twice = {run.id for run, _ in self.twice}
        runs = [run for run in self._runs.values() if run.id not in twice]
        return await find_strays(self._api, self._now, runs, self.deployments)

    async def _deleted_meanwhile(self, entries: Sequence[Entry]) -> set[str]:
        """Those of the runs that waited when this pass read them, and are gone.

        A redeploy deletes what lies ahead, and spares what is due and not yet taken by a
        worker. Who has a twin and is still there was spared.
        """
        doubtful = {e.run for e in entries if self._is_waiting(e) and self._twins.of(e)}
        there = {run["id"] for run in await self._api.runs(sorted(doubtful))}
        return doubtful - there - self._api.unreadable.keys()

    def _is_waiting(self, entry: Entry) -> bool:
        """Whether its run waited as planned, or for its plan to be carried out."""
        run = self._runs.get(entry.run)
        return run is not None and run.start_owner in _AHEAD
