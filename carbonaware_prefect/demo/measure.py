"""What freeing the worker was worth, from what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from carbonaware_prefect.demo.api import State
from carbonaware_prefect.demo.watch import Stay
from carbonaware_prefect.errors import DemoFailedError

__all__ = ["Measurements", "measure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """The demo's result. A sleeping worker would hold on from the first take to the end.

    Attributes:
        waited_seconds: from the move to the second start.
        late_seconds: how long after its slot began the run was running.
        worker_seconds: time in which the run held the worker, counted from when the
            worker took it (Pending) until its process was gone, both times.
        sleeping_worker_seconds: from the first taking to the last end.
        ratio: how many times more that is.
        memory_megabyte_seconds: resident memory of the run's processes times time.
        sleeping_memory_megabyte_seconds: the same, had the first process stayed as it was
            until the second began.
        intensity_nominal, intensity_slot: gCO2eq/kWh.
        saving_percent: of the second against the first.
    """

    waited_seconds: float
    late_seconds: float
    worker_seconds: float
    sleeping_worker_seconds: float
    ratio: float
    memory_megabyte_seconds: float
    sleeping_memory_megabyte_seconds: float
    intensity_nominal: float
    intensity_slot: float
    saving_percent: float


def measure(
    history: Sequence[State],
    stays: Sequence[Stay],
    *,
    slot: datetime,
    nominal: float,
    chosen: float,
) -> Measurements:
    """From a run's states on the server and its stays in the process table.

    Raises:
        DemoFailedError: the run was not taken exactly twice.
    """
    taken = [
        state.at
        for before, state in pairwise(history)
        if (before.type, state.type) == ("SCHEDULED", "PENDING")
    ]
    running = [state.at for state in history if state.type == "RUNNING"]
    gone = [stay.end for stay in stays if stay.end is not None]
    if not len(taken) == len(running) == len(stays) == len(gone) == 2:  # noqa: PLR2004  said in the message
        msg = (
            f"the worker took the run {len(taken)} times, it ran {len(running)} times "
            f"and had processes {len(stays)} times; each should be two"
        )
        raise DemoFailedError(msg)
    moved = next(s.at for s in history if s.type == "SCHEDULED" and s.at > running[0])
    held = sum((b - a).total_seconds() for a, b in zip(taken, gone, strict=True))
    sleeping = (gone[1] - taken[0]).total_seconds()
    memory = sum(stay.megabyte_seconds for stay in stays)
    apart = (stays[1].start - gone[0]).total_seconds()
    return Measurements(
        waited_seconds=round((running[1] - moved).total_seconds(), 1),
        late_seconds=round((running[1] - slot).total_seconds(), 1),
        worker_seconds=round(held, 1),
        sleeping_worker_seconds=round(sleeping, 1),
        ratio=round(sleeping / held, 1),
        memory_megabyte_seconds=round(memory),
        sleeping_memory_megabyte_seconds=round(memory + apart * stays[0].megabytes),
        intensity_nominal=nominal,
        intensity_slot=chosen,
        saving_percent=round(100 * (1 - chosen / nominal), 1),
    )
