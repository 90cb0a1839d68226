"""The planner as a repairs: what a redeploy deleted, what crashed, what came twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import httpx

from carbonaware_prefect.planner.api import EXACTLY, Api, Json
from carbonaware_prefect.planner.moves import Move
from carbonaware_prefect.planner.repair.crashes import Crash, find_crashes, move_again
from carbonaware_prefect.planner.repair.ledger import (
    Entry,
    Ledger,
    entry_for,
    origin_of,
    write_ledger,
)
from carbonaware_prefect.planner.repair.redeploys import deployment_of, judge, put_back
from carbonaware_prefect.planner.report import Action, Outcome
from carbonaware_prefect.planner.upcoming import StartOwner, Upcoming, moment

__all__ = ["Repairs"]

# A run that started before its nominal start is remembered until that has surely passed.
_PASSED = timedelta(minutes=2)
# What another planner has written down and not done after this, it will not do.
_UNDER_WAY = timedelta(minutes=10)
_OURS = {StartOwner.PLANNER, StartOwner.UNFINISHED}
_AHEAD = _OURS | {StartOwner.SCHEDULE}


class Repairs:
    """Finds what went wrong with runs that were moved, and mends it.

    `look` only reads; `write` and `treat` change things.

    Args:
        api: the Prefect API.
        now: the present, by the server's clock.
        deployments: that opted in, by id.
        runs: all upcoming ones.
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
        self._deployments = dict(deployments)
        self._runs = {run.id: run for run in runs}
        self._ledger = Ledger()
        self._waiting: dict[str, Entry] = {}
        self._settled: dict[str, Entry] = {}
        self._lost: list[Entry] = []
        self._undecided: list[Entry] = []
        self._twice: list[tuple[Upcoming, Entry]] = []
        self._crashes: list[Crash] = []
        self._outcomes: list[Outcome] = []

    async def look(self, ledger: Ledger) -> None:
        """Compare what was written down with what is there."""
        self._ledger = ledger
        for run in self._runs.values():
            if run.start_owner in _OURS and run.plan is not None:
                known = ledger.waiting.get(run.id)
                self._waiting[run.id] = entry_for(
                    run,
                    self._deployments[run.deployment],
                    start=run.start,
                    record=run.labels,
                    sentence=known.sentence if known else "",
                )
        gone = [
            entry
            for entry in ledger.waiting.values()
            if entry.run not in self._waiting
            and not self._is_upcoming(entry)
            and not self._may_be_remembered(entry)
        ]
        existing = {run["id"]: run for run in await self._api.runs([e.run for e in gone])}
        for entry in gone:
            await self._look_at(entry, existing.get(entry.run))
        self._find_twice()
        self._crashes = await find_crashes(self._api, self._now)

    def _is_upcoming(self, entry: Entry) -> bool:
        """Whether the run is there, but does not wait where it was put."""
        run = self._runs.get(entry.run)
        if run is None:
            return False
        if (
            run.start_owner is StartOwner.SCHEDULE
            and self._now - entry.moved_at < _UNDER_WAY
        ):
            # Another planner is about to move it.
            self._waiting[entry.run] = entry
        elif run.start_owner is not StartOwner.SCHEDULE and entry.nominal_start > self._now:
            # Once it has started, a redeploy may make the same occurrence again.
            theirs = entry.theirs or run.start_owner is StartOwner.PERSON
            self._waiting[entry.run] = replace(entry, theirs=theirs)
        else:
            self._settle(entry, "its start is no more the planner's")
        return True

    def _may_be_remembered(self, entry: Entry) -> bool:
        """Whether nobody needs to know if it started before its nominal start, or went."""
        if entry.nominal_start <= self._now or self._twins(entry):
            return False
        self._waiting[entry.run] = entry
        return True

    async def _look_at(self, entry: Entry, run: Json | None) -> None:
        """What became of a moved run that is not upcoming any more."""
        if run is not None:
            if entry.nominal_start + _PASSED > self._now:
                # It has started early: a redeploy may make the same occurrence again.
                self._waiting[entry.run] = entry
            else:
                self._settle(entry, f"it is {run.get('state_name')}")
            return
        if entry.nominal_start > self._now:
            self._settle(entry, "deleted; what is still wanted is made anew")
            return
        # Read after the run was seen to be gone: one that was read before tells nothing of
        # a redeploy in between, and the run would be taken for one that somebody deleted.
        deployment = await deployment_of(self._api, entry)
        verdict = judge(entry, deployment, self._now)
        if deployment is None or not (verdict.restore or verdict.too_soon):
            self._settle(entry, verdict.because)
        elif await self._made_anew(entry):
            self._settle(entry, "its occurrence was made anew")
        else:
            self._deployments[entry.deployment] = deployment
            self._waiting[entry.run] = entry
            (self._lost if verdict.restore else self._undecided).append(entry)

    async def _made_anew(self, entry: Entry) -> bool:
        """Whether its occurrence has a outcome that was made after the move."""
        for run in await self._api.runs_at(entry.deployment, entry.nominal_start):
            created = moment(run.get("created"))
            if created is not None and created > entry.moved_at:
                return True
        return False

    def _settle(self, entry: Entry, note: str) -> None:
        self._settled[entry.run] = entry.settled(note)

    def _find_twice(self) -> None:
        """Upcoming runs whose occurrence has another run already, moved before its time."""
        for entry in self._waiting.values():
            if self._is_waiting(entry) or entry in (*self._lost, *self._undecided):
                continue
            if twins := self._twins(entry):
                # Where two schedules agree on a time, the likest one, and only one.
                run = max(twins, key=lambda twin: (_likeness(twin, entry), twin.id))
                self._twice.append((run, entry))

    def _is_waiting(self, entry: Entry) -> bool:
        """Whether its run lies ahead as planned; then a redeploy would have deleted it."""
        run = self._runs.get(entry.run)
        return run is not None and run.start_owner in _AHEAD

    def _twins(self, entry: Entry) -> list[Upcoming]:
        taken = self.started_already
        runs = [run for run in self._runs.values() if run.id not in taken]
        return [run for run in runs if self._may_be_twin(run, entry)]

    def _may_be_twin(self, run: Upcoming, entry: Entry) -> bool:
        deployment = self._deployments.get(run.deployment) or {}
        schedules = {each.get("id") for each in deployment.get("schedules") or []}
        return (
            run.deployment == entry.deployment
            and abs(run.nominal_start - entry.nominal_start) <= EXACTLY
            and run.start_owner is StartOwner.SCHEDULE
            # As long as its schedule keeps its id, Prefect makes no occurrence twice.
            and entry.schedule not in schedules
        )

    @property
    def started_already(self) -> set[str]:
        """Ids of upcoming runs that must not start, because their occurrence has."""
        return {run.id for run, _ in self._twice}

    async def write(self, moves: Iterable[Move], flow_run: str | None) -> None:
        """Write down what waits now and what is about to be moved, if that is news."""
        for move in moves:
            self._waiting[move.run.id] = entry_for(
                move.run,
                self._deployments[move.run.deployment],
                start=move.start,
                record=move.labels,
                sentence=move.message,
            )
        if self._settled or self._ledger.differs(self._waiting):
            await self._write(flow_run)

    async def _write(self, flow_run: str | None) -> None:
        names = {key: str(each["name"]) for key, each in self._deployments.items()}
        entries = [*self._waiting.values(), *self._settled.values()]
        await write_ledger(self._api, entries, names, flow_run)

    async def treat(self, flow_run: str | None) -> None:
        """Put back what a redeploy deleted, move again what crashed, cancel twins."""
        for entry in self._lost:
            await self._put_back(entry)
        for run, entry in self._twice:
            await self._cancel(run, entry)
        for crash in self._crashes:
            fault = await move_again(self._api, crash, self._now)
            self._outcomes.append(self._crash_outcome(crash, fault))
        if self._lost or self._twice:
            await self._write(flow_run)

    async def _put_back(self, entry: Entry) -> None:
        fault = None
        try:
            new = await put_back(
                self._api, entry, self._deployments[entry.deployment], self._now
            )
        except httpx.HTTPError as error:
            fault = f"could not be put back: {error}"
        else:
            del self._waiting[entry.run]
            self._settle(entry, f"put back as run {new.run}")
            self._waiting[new.run] = new
            entry = new
        self._outcomes.append(self._lost_outcome(entry, fault))

    async def _cancel(self, run: Upcoming, entry: Entry) -> None:
        message = (
            f"This occurrence has a run already, {entry.name!r}: that one left its nominal "
            "start before a redeploy made this one"
        )
        matching = {"id": {"any_": [run.id]}, "state": {"type": {"any_": ["SCHEDULED"]}}}
        fault = None
        try:
            state = {"type": "CANCELLED", "name": "Cancelled", "message": message}
            results = await self._api.set_states(matching, state)
        except httpx.HTTPError as error:
            fault = f"could not be cancelled: {error}"
        else:
            if any(result["status"] != "ACCEPT" for result in results):
                fault = "the server refused to cancel it"
        if fault is None:
            # The outcome stays, so this schedule makes no other; nor is one looked for.
            self._waiting[entry.run] = replace(entry, schedule=run.schedule)
        self._outcomes.append(self._twin_outcome(run, message, fault))

    def outcomes(self) -> list[Outcome]:
        """What was mended; before `treat`, what would be."""
        if self._outcomes:
            return self._outcomes
        lost = [self._lost_outcome(entry, None) for entry in self._lost]
        because = "Its occurrence has a run already"
        twice = [self._twin_outcome(run, because, None) for run, _ in self._twice]
        return lost + twice + [self._crash_outcome(crash, None) for crash in self._crashes]

    def _lost_outcome(self, entry: Entry, fault: str | None) -> Outcome:
        return Outcome(
            run=entry.run,
            name=entry.name,
            deployment=str(self._deployments[entry.deployment]["name"]),
            nominal_start=entry.nominal_start,
            start=max(entry.start, self._now),
            action=Action.PUT_BACK,
            reason="redeployed",
            sentence="A redeploy deleted it while it waited for its slot",
            fault=fault,
        )

    def _twin_outcome(self, run: Upcoming, sentence: str, fault: str | None) -> Outcome:
        return Outcome(
            run=run.id,
            name=run.name,
            deployment=str(self._deployments[run.deployment]["name"]),
            nominal_start=run.nominal_start,
            start=run.start,
            action=Action.CANCEL,
            reason="started_already",
            sentence=sentence,
            fault=fault,
        )

    def _crash_outcome(self, crash: Crash, fault: str | None) -> Outcome:
        known = self._deployments.get(crash.run["deployment_id"]) or {}
        reason, until = "crashed_while_leaving", "its process could leave"
        if crash.starting:
            reason, until = "crashed_while_starting", "its work began"
        return Outcome(
            run=crash.run["id"],
            name=crash.run["name"],
            deployment=str(known.get("name", "")),
            nominal_start=crash.plan.nominal_start,
            start=max(crash.slot, self._now),
            action=Action.MOVE_AGAIN,
            reason=reason,
            sentence=f"It was moved, and then marked Crashed before {until}",
            fault=fault,
        )


def _likeness(run: Upcoming, entry: Entry) -> int:
    """In how much a run agrees with what was written down: schedule, then parameters."""
    name, digest = origin_of(run)
    return 2 * (name == entry.origin[0]) + (digest == entry.origin[1])
