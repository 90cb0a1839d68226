"""The events of a pass, sent in one call.

No fault of it is raised: it is said in the planner's log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from carbonaware_prefect.labels import Label
from carbonaware_prefect.pages.events import LACKING, RunEvent, RunEventName, emit
from carbonaware_prefect.pages.markdown import clean
from carbonaware_prefect.planner.api import Api
from carbonaware_prefect.planner.calls import Json, parts
from carbonaware_prefect.planner.decide import Choice
from carbonaware_prefect.planner.moves import Move
from carbonaware_prefect.planner.policies import RunPolicy
from carbonaware_prefect.planner.repair.entries import Entry
from carbonaware_prefect.planner.repair.repairs import Repairs
from carbonaware_prefect.planner.report import Outcome
from carbonaware_prefect.planner.upcoming import PLANNER, StartOwner, Upcoming
from carbonaware_prefect.settings import Settings

__all__ = ["Happened", "Lack", "send_events"]

_LOGGER = logging.getLogger("carbonaware_prefect.planner")
# In one call; each has some two kilobytes.
_EVENTS = 500
# The pause between two passes may be a tenth longer than its setting.
_LONGEST_PAUSE = 1.25
# A server that hangs shall not keep a planner from its next pass.
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """A run that no forecast is there for.

    Attributes:
        run: it.
        terms: what holds for it.
        outcome: why.
        settings: of its deployment.
    """

    run: Upcoming
    terms: RunPolicy
    outcome: Outcome
    settings: Settings


def _without(
    lacks: Iterable[Lack], choices: Iterable[Choice]
) -> Iterator[tuple[Upcoming, Outcome, Settings]]:
    """Runs that no forecast is there for, or none of the time that matters."""
    for lack in lacks:
        if lack.outcome.reason in LACKING:
            yield lack.run, lack.outcome, lack.settings
    for choice in choices:
        if choice.outcome.reason in LACKING:
            yield choice.candidate.run, choice.outcome, choice.candidate.settings


def _is_last_look(
    run: Upcoming, settings: Settings, now: datetime, interval: timedelta
) -> bool:
    """Whether the run starts so: the next pass comes too late."""
    freeze: timedelta = settings.policy_fields["freeze"]
    near = run.start - now < freeze + _LONGEST_PAUSE * interval
    return near and run.start_owner is StartOwner.SCHEDULE


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What a pass did and found out.

    Attributes:
        now: when, by the server's clock.
        interval: until the next pass.
        moves: of the pass.
        faults: what was in the way of some, by run.
        lacks: runs without a forecast.
        choices: for the others.
        repairs: of the pass.
        deployments: by id.
    """

    now: datetime
    interval: timedelta
    moves: Sequence[Move]
    faults: Mapping[str, str]
    lacks: Sequence[Lack]
    choices: Sequence[Choice]
    repairs: Repairs
    deployments: Mapping[str, Json]

    def events(self) -> list[RunEvent]:
        """One for each run that something happened to."""
        now = self.now
        names = {key: str(each["name"]) for key, each in self.deployments.items()}
        moved = [move for move in self.moves if move.run.id not in self.faults]
        return [
            *(_moved(move, names, now) for move in moved),
            *_repaired(self.repairs, names, now),
            *(
                _lacking(run, outcome, names, now)
                for run, outcome, settings in _without(self.lacks, self.choices)
                if _is_last_look(run, settings, now, self.interval)
            ),
        ]


async def send_events(api: Api, happened: Happened) -> None:
    """Send the events of a pass: one call, and none where nothing happened."""
    try:
        for part in parts(happened.events(), _EVENTS):
            await asyncio.wait_for(_send(api, part), _PATIENCE)
    except Exception as error:  # noqa: BLE001  runs start all the same
        _LOGGER.warning("events could not be sent: %s", str(error) or type(error).__name__)


async def _send(api: Api, events: Sequence[RunEvent]) -> None:
    try:
        await api.call("POST", "/events", [event.document() for event in events])
    except httpx.HTTPStatusError as error:
        if error.response.status_code not in {
            httpx.codes.NOT_FOUND,
            httpx.codes.METHOD_NOT_ALLOWED,
        }:
            raise
        # A server that takes none this way has them one by one.
        for event in events:
            emit(event)


def _moved(move: Move, names: Mapping[str, str], now: datetime) -> RunEvent:
    return _about(RunEventName.MOVED, move.run, move.labels, move.message, names, now)


def _lacking(
    run: Upcoming, outcome: Outcome, names: Mapping[str, str], now: datetime
) -> RunEvent:
    record: dict[str, Label] = {
        "nominal_start": run.nominal_start.isoformat(),
        "reason": outcome.reason,
        "decided_by": PLANNER,
        "decided_at": now.isoformat(),
    }
    return _about(RunEventName.NO_FORECAST, run, record, outcome.sentence, names, now)


def _about(
    name: RunEventName,
    run: Upcoming | Entry,
    record: Mapping[str, Label],
    sentence: str,
    names: Mapping[str, str],
    now: datetime,
) -> RunEvent:
    return RunEvent(
        name=name,
        run=run.run if isinstance(run, Entry) else run.id,
        run_name=clean(run.name),
        deployment=run.deployment,
        deployment_name=clean(names.get(run.deployment, "")),
        record=record,
        sentence=clean(sentence),
        occurred=now,
    )


def _repaired(
    repairs: Repairs, names: Mapping[str, str], now: datetime
) -> Iterable[RunEvent]:
    """Of runs that were put back or moved again, and of those that have started."""
    for name, entries in (
        (RunEventName.MOVED, [*repairs.restored.values(), *repairs.moved_again]),
        (RunEventName.OVERRIDDEN, repairs.overridden),
        (RunEventName.PLACED, repairs.placed),
    ):
        for entry in entries:
            yield _about(name, entry, entry.record, entry.sentence, names, now)
