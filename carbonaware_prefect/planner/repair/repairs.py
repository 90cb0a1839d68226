"""The planner's repairs: what a redeploy deleted, what crashed, what came twice.

All that is done is written down first, and can be done again: a pass that is cut off in
between leaves the rest to the next one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import httpx

from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.calls import Json, together
from carbonaware_prefect.planner.moves import Move, cancel
from carbonaware_prefect.planner.repair import artifacts, outcomes
from carbonaware_prefect.planner.repair.compare import Comparison
from carbonaware_prefect.planner.repair.crashes import Crash, move_again
from carbonaware_prefect.planner.repair.entries import Entry, entry_for
from carbonaware_prefect.planner.repair.ledger import Ledger, tidy, write_ledger
from carbonaware_prefect.planner.repair.older import TABLE, read_older
from carbonaware_prefect.planner.repair.restore import put_back
from carbonaware_prefect.planner.repair.table import publish
from carbonaware_prefect.planner.report import Outcome
from carbonaware_prefect.planner.upcoming import Upcoming

__all__ = ["Repairs"]

_LOGGER = logging.getLogger("carbonaware_prefect.planner")
# A crash that could not be mended is looked at once more.
_BEFORE = timedelta(seconds=1)


class Repairs:
    """Finds what went wrong with runs that were moved, and mends it.

    `look` only reads; `write`, `treat` and `tidy` change things.

    Args:
        api: the Prefect API.
        now: the present, by the server's clock.
        deployments: that opted in, by id.
        runs: all upcoming ones.

    Attributes:
        restored: entries of the runs that stand for lost ones, by the id of these.
        moved_again: entries of the runs that had crashed.
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
        self._runs = runs
        self._found = Comparison(api, now, deployments, runs)
        self._read = Ledger()
        self._ledger = Ledger()
        self._changed = False
        self._outcomes: list[Outcome] = []
        self.restored: dict[str, Entry] = {}
        self.moved_again: list[Entry] = []

    @property
    def overridden(self) -> Sequence[Entry]:
        """Runs that a person has given another start since they were moved."""
        return self._found.overridden

    @property
    def placed(self) -> Sequence[Entry]:
        """Runs that have started where they were put."""
        return self._found.placed

    @property
    def mended(self) -> Sequence[Outcome]:
        """What `treat` did, or could not do."""
        return self._outcomes

    async def look(self, ledger: Ledger) -> None:
        """Compare what was written down with what is there."""
        self._read = self._ledger = ledger
        await self._found.look(ledger)

    @property
    def not_to_plan(self) -> set[str]:
        """Ids of upcoming runs that this pass cancels, deletes or shows to workers."""
        # Anybody can make one that looks like these; it stands for nothing we know.
        hidden = {run.id for run in self._runs if run.hidden_for in self._read.newest}
        outdated = {entry.run for entry in self._found.outdated}
        second = {run.id for run, _ in (*self._found.twice, *self._found.strays)}
        return second | hidden | outdated

    async def write(self, moves: Iterable[Move]) -> None:
        """Write down what waits now and what is about to be moved, if that is news."""
        found = self._found
        for move in moves:
            entry = entry_for(
                move.run,
                found.deployments[move.run.deployment],
                start=move.start,
                record=move.labels,
                sentence=move.message,
            )
            found.wait_for(entry)
        for entry in await self._of_crashes():
            found.wait_for(entry)
        # What is yet to be deleted is settled when it is.
        later = {entry.run for entry in found.outdated}
        settled = [each for each in found.settled.values() if each.run not in later]
        await self._write([*found.waiting.values(), *settled])

    async def _of_crashes(self) -> list[Entry]:
        crashes = [crash for crash in self._found.crashes.found if crash.start is not None]
        known = self._found.deployments
        unknown = {str(crash.run["deployment_id"]) for crash in crashes} - known.keys()
        if unknown:
            read = await self._api.deployments_with(sorted(unknown))
            known |= {each["id"]: each for each in read}
        entries = (
            crash.entry(known[crash.run["deployment_id"]], self._now)
            for crash in crashes
            if crash.run["deployment_id"] in known
        )
        return [entry for entry in entries if entry is not None]

    async def _write(
        self, entries: Iterable[Entry], crashes_until: datetime | None = None
    ) -> None:
        """Write down what of the entries is news."""
        news = self._ledger.news(entries)
        if news or crashes_until is not None:
            await write_ledger(self._api, news, crashes_until)
            self._ledger = self._ledger.with_news(news, self._now)
            self._changed = True

    async def treat(self) -> None:
        """Put back what a redeploy deleted, move again what crashed, cancel twins."""
        found = self._found
        await self._delete_outdated()
        restored = await put_back(self._api, found.losses.lost, self._now)
        for loss in found.losses.lost:
            done = restored[loss.entry.run]
            if done.entry is not None:
                self.restored[loss.entry.run] = done.entry
                found.settle(loss.entry.settled(f"put back as run {done.entry.run}"))
                found.wait_for(done.entry)
            self._outcomes.append(outcomes.put_back(loss, done.fault))
        self._outcomes += outcomes.not_put_back(found.losses)
        self._outcomes += await together(self._cancel(*each) for each in found.twice)
        self._outcomes += await together(self._cancel_stray(*each) for each in found.strays)
        until = await self._move_again()
        await self._write([*found.waiting.values(), *found.settled.values()], until)

    async def _delete_outdated(self) -> None:
        """In Prefect's stead, which does not know that these runs are a schedule's."""
        ids = {entry.run for entry in self._found.outdated}
        unfinished = {run.id for run in self._runs if run.hidden_for in self._found.settled}
        deleted = await self._api.delete_scheduled(sorted(ids | unfinished))
        # The others have begun to start meanwhile.
        kept = ids - deleted
        losses = self._found.losses
        losses.lost = [each for each in losses.lost if each.entry.run not in kept]
        losses.told = [each for each in losses.told if each.run not in kept]
        losses.too_late = [each for each in losses.too_late if each.run not in kept]
        for run in kept:
            self._found.settled.pop(run, None)

    async def _move_again(self) -> datetime | None:
        """Move runs that crashed; until when the next pass need not look."""
        crashes = self._found.crashes
        faults = await together(self._move_one(crash) for crash in crashes.found)
        until = crashes.until
        for crash, fault in zip(crashes.found, faults, strict=True):
            self._outcomes.append(outcomes.crashed(crash, self._found.deployments, fault))
            waits = self._found.waiting.get(str(crash.run["id"]))
            if fault is None and crash.start is not None and waits is not None:
                self.moved_again.append(waits)
            if fault is not None and until is not None:
                until = min(until, crash.at - _BEFORE)
        return until

    async def _move_one(self, crash: Crash) -> str | None:
        if crash.start is None:
            return None
        return await move_again(self._api, crash, crash.start)

    async def _cancel(self, run: Upcoming, entry: Entry) -> Outcome:
        message = (
            f"This occurrence has a run already, {entry.name!r}: that one left its nominal "
            "start before a redeploy made this one"
        )
        done = await self._cancelled(run, outcomes.STARTED_ALREADY, message)
        if done.fault is None:
            # The run stays, so this schedule makes no other; nor is one looked for.
            self._found.wait_for(replace(entry, schedule=run.schedule))
        return done

    async def _cancel_stray(self, run: Upcoming, twin: Upcoming) -> Outcome:
        message = (
            f"This occurrence has a run already, {twin.name!r}: the schedule of this one "
            "was deleted by a redeploy"
        )
        return await self._cancelled(run, outcomes.SCHEDULE_GONE, message)

    async def _cancelled(self, run: Upcoming, reason: str, message: str) -> Outcome:
        fault = await cancel(self._api, run, message)
        deployment = self._found.deployments[run.deployment]
        return outcomes.cancelled(run, deployment, reason, message, fault)

    def outcomes(self) -> list[Outcome]:
        """What was mended; before `treat`, what would be."""
        found = self._found
        return self._outcomes or [
            *(outcomes.put_back(loss, None) for loss in found.losses.lost),
            *outcomes.not_put_back(found.losses),
            *(
                outcomes.cancelled(
                    run, found.deployments[run.deployment], reason, outcomes.TWICE
                )
                for reason, runs in (
                    (outcomes.STARTED_ALREADY, found.twice),
                    (outcomes.SCHEDULE_GONE, found.strays),
                )
                for run, _ in runs
            ),
            *(outcomes.crashed(each, found.deployments) for each in found.crashes.found),
        ]

    async def tidy(
        self, flow_run: str | None, also: Sequence[str] = ()
    ) -> Mapping[str, Json] | None:
        """Keep the ledger small, and show people what it says; the next pass tries again.

        Args:
            flow_run: the run of the planner's own flow, where it is one.
            also: keys of other artifacts that somebody wants to know of.

        Returns:
            The newest of these, by key; None where nothing had to be read.
        """
        found, there = self._found, None
        try:
            await tidy(self._api, self._read, self._now)
            if not self._changed:
                return None
            there = await artifacts.newest(self._api, [TABLE, *also])
            names = {key: str(each["name"]) for key, each in found.deployments.items()}
            waits = found.waiting.values()
            if await publish(self._api, waits, names, there.get(TABLE), flow_run):
                await self._learn_from_older()
        except httpx.HTTPError as error:
            _LOGGER.warning("the ledger could not be tidied: %r", error)
        return there

    async def _learn_from_older(self) -> None:
        """Write down what only a planner of an older version knows."""
        told = (mention.entry for mention in await read_older(self._api))
        unknown = (entry for entry in told if entry.note is None)
        await self._write(each for each in unknown if each.run not in self._ledger.newest)
