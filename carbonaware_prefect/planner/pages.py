"""What a pass shows people in Prefect: pages, and a log line on each run that it moved.

A pass makes at most three calls for this, and three for each further 50 moves: one for
all log lines, one for the page of the pass, the others for pages of deployments, those
first whose runs start first. Pages for which no call is left are written by the next
passes of the same process. No fault of it is raised: it is said in the planner's log.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from carbonaware_prefect.pages.keys import PLAN, PageKeys, page_keys
from carbonaware_prefect.pages.runs import RunOnPage
from carbonaware_prefect.planner.api import BATCH, Api
from carbonaware_prefect.planner.calls import Json
from carbonaware_prefect.planner.decide import Choice
from carbonaware_prefect.planner.page_writer import PageWriter, Shown, wanted_keys, warn
from carbonaware_prefect.planner.repair.repairs import Repairs
from carbonaware_prefect.planner.report import Action, Outcome
from carbonaware_prefect.planner.upcoming import StartOwner

__all__ = ["Pages", "calls_for"]

_CALLS = 3
# A server that hangs shall not keep a planner from its next pass.
_PATIENCE = 30.0
_DONE = {
    Action.MOVE: "moved",
    Action.PUT_BACK: "put back",
    Action.MOVE_AGAIN: "moved again",
    Action.CANCEL: "cancelled",
    Action.LOST: "lost",
}
_WAITS = {Action.MOVE, Action.PUT_BACK, Action.MOVE_AGAIN}


def calls_for(moves: int) -> int:
    """How many calls a pass may make for pages and log lines."""
    return _CALLS * max(1, -(-moves // BATCH))


@dataclass
class Pages:
    """Writes them, and remembers which are yet to be written.

    Attributes:
        owed: ids of deployments whose pages are out of date, for longest first.
    """

    owed: list[str] = field(default_factory=list)

    async def write(
        self,
        api: Api,
        choices: Sequence[Choice],
        repairs: Repairs,
        deployments: Mapping[str, Json],
        *,
        on: bool,
        flow_run: str | None,
    ) -> None:
        """Tidy up what was repaired, and show what the pass did.

        Args:
            api: the Prefect API.
            choices: of the pass, carried out.
            repairs: of the pass, likewise.
            deployments: that opted in, by id.
            on: whether pages and log lines are wanted.
            flow_run: the run of the planner's own flow, where it is one.
        """
        if not on:
            await repairs.tidy(flow_run)
            return
        try:
            keys = {key: page_keys(str(d["name"]), key) for key, d in deployments.items()}
            shown = _shown(choices, repairs, keys)
            turn = {each: keys[each] for each in self._turn(shown)}
        except Exception as error:  # noqa: BLE001  runs start all the same
            warn("pages", error)
            await repairs.tidy(flow_run)
            return
        there = await repairs.tidy(flow_run, wanted_keys(turn))
        if not shown.done and not turn:
            return
        try:
            writer = PageWriter(api, flow_run, api.now())
            await asyncio.wait_for(writer.write(shown, turn, there), _PATIENCE)
        except Exception as error:  # noqa: BLE001  runs start all the same
            warn("pages", error)

    def _turn(self, shown: Shown) -> list[str]:
        """The deployments whose pages this pass writes."""
        moved = {
            deployment
            for deployment, runs in shown.waiting.items()
            if any(run.what for run in runs)
        }

        def soonest(deployment: str) -> tuple[datetime, str]:
            return min(run.start for run in shown.waiting[deployment]), deployment

        still = [each for each in self.owed if each in shown.waiting]
        wanted = [*still, *sorted(moved - {*still}, key=soonest)]
        # Of an idle pass, one call is to find out what is there.
        other = 1 + len(shown.line_calls()) if shown.done else 1
        left = max(0, calls_for(len(shown.lines)) - other)
        turn, self.owed = wanted[:left], wanted[left:]
        return turn


def _shown(
    choices: Sequence[Choice], repairs: Repairs, keys: Mapping[str, PageKeys]
) -> Shown:
    outcomes = [each.outcome for each in choices if each.start is not None]
    outcomes += repairs.mended
    done, lines = [], []
    names = Counter(each.first for each in keys.values())
    waiting: dict[str, list[RunOnPage]] = defaultdict(list)
    for choice in choices:
        run = choice.candidate.run
        stays = choice.start is None and run.start_owner is StartOwner.PLANNER
        if stays or (choice.start is not None and choice.outcome.fault is None):
            told = _told(choice.outcome)
            waiting[run.deployment].append(told)
            if not stays:
                done.append(told)
                page = keys[run.deployment].first
                lines.append((told, page if names[page] == 1 else PLAN))
    for outcome in repairs.mended:
        if outcome.fault is None and outcome.action in _DONE:
            told = _of_repair(outcome, repairs)
            done.append(told)
            if outcome.action in _WAITS:
                lines.append((told, PLAN))
    faults = sum(outcome.fault is not None for outcome in outcomes)
    return Shown(done=done, lines=lines, waiting=waiting, faults=faults)


def _of_repair(outcome: Outcome, repairs: Repairs) -> RunOnPage:
    told = _told(outcome)
    entry = repairs.restored.get(outcome.run)
    if entry is None:
        return told
    return replace(told, id=entry.run, name=entry.name)


def _told(outcome: Outcome) -> RunOnPage:
    return RunOnPage(
        id=outcome.run,
        name=outcome.name,
        deployment=outcome.deployment,
        nominal_start=outcome.nominal_start,
        start=outcome.start,
        sentence=outcome.sentence,
        what=_DONE.get(outcome.action, ""),
        decision=outcome.decision,
    )
