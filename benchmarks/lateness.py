"""How late a run is Running: after our move to a slot, and scheduled plainly for then.

For each slot there are two runs of the same work on one worker: one that was moved to
it by the delay task, and one without our package that was created for that moment.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from benchmarks import render
from benchmarks.lab import DELAYED, PLAIN, SETTINGS, Lab, a_lab
from tests.prefect_server.runs import Run
from tests.prefect_server.waiting import now

__all__ = ["headlines", "main", "run"]

RUNS = 20
# One slot costs three process starts, of some three seconds of one core each.
APART = timedelta(seconds=9)
# The worker takes up to 10 s to look, a start some 5 s, the nearest move is 15 s away.
BEFORE = timedelta(seconds=42)
EARLY = -2.0
TITLE = f"s from slot to the event, {RUNS} slots"
MOVED, PLAINLY = "Running, moved by the delay task", "Running, scheduled plainly"


@dataclass
class Pair:
    """The two runs of one slot."""

    slot: datetime
    plain: Run
    delayed: Run | None = None


def run() -> dict[str, object]:
    """Start both runs of every slot, each in its time; sections of rows."""
    with a_lab() as lab:
        pairs = start(lab)
        for pair in pairs:
            for each in (pair.plain, pair.delayed):
                if each is not None:
                    each.wait_for("Completed", within=90)
        return results(pairs)


def main() -> None:
    """Measure and print."""
    print(render(run()))


def headlines(results: dict[str, list[dict[str, object]]]) -> dict[str, str]:
    """What the README says."""
    rows = {str(row["event"]): row for row in results[TITLE]}
    moved, plainly = (
        f"{rows[name]['median']:.1f} s / {rows[name]['p90']:.1f} s"
        for name in (MOVED, PLAINLY)
    )
    return {
        f"From slot to Running, median / p90 of {RUNS} runs": moved,
        "The same for runs that Prefect itself scheduled for then": plainly,
    }


def start(lab: Lab) -> list[Pair]:
    """Create the plain runs at once and each delayed one shortly before its slot.

    The delayed runs' first starts so fall between the slots of others.
    """
    first = now() + BEFORE + timedelta(seconds=2)
    slots = [first + i * APART for i in range(RUNS)]
    pairs = [Pair(slot, lab.start(PLAIN, slot)) for slot in slots]
    for pair in pairs:
        time.sleep(max(0.0, (pair.slot - BEFORE - now()).total_seconds()))
        pair.delayed = lab.start(DELAYED, now(), dip=pair.slot.isoformat())
    return pairs


def results(pairs: list[Pair]) -> dict[str, object]:
    """Lateness of those runs that were moved, and of the plain ones beside them."""
    measured = [
        (pair.slot, pair.plain, pair.delayed)
        for pair in pairs
        if pair.delayed is not None and pair.delayed.labels()["moves"] == 1
    ]
    moved = [running(delayed, slot) for slot, _, delayed in measured]
    plainly = [running(plain, slot) for slot, plain, _ in measured]
    return {
        "worker": SETTINGS,
        "slots apart, s": APART.total_seconds(),
        TITLE: [
            spread(MOVED, moved),
            spread(PLAINLY, plainly),
            spread(
                "first line of work, moved",
                [working(run, slot) for slot, _, run in measured],
            ),
            spread(
                "first line of work, plainly",
                [working(run, slot) for slot, run, _ in measured],
            ),
        ],
        "runs that were not moved": len(pairs) - len(measured),
        f"none earlier than {EARLY:g} s": min(moved) >= EARLY,
        "started once after the wait": all(
            len(run.journal.read_text().split()) == 1 for _, _, run in measured
        ),
    }


def running(run: Run, slot: datetime) -> float:
    """Seconds from the slot to the run's last Running."""
    last = [state for state in run.states() if state["name"] == "Running"][-1]
    at = datetime.fromisoformat(last["timestamp"])
    return (at - slot).total_seconds()


def working(run: Run, slot: datetime) -> float:
    """Seconds from the slot to the first line of the work."""
    return float(run.journal.read_text().split()[0]) - slot.timestamp()


def spread(event: str, seconds: list[float]) -> dict[str, object]:
    """One row of the distribution."""
    return {
        "event": event,
        "runs": len(seconds),
        "min": min(seconds),
        "median": statistics.median(seconds),
        "p90": statistics.quantiles(seconds, n=10, method="inclusive")[-1],
        "max": max(seconds),
    }


if __name__ == "__main__":
    main()
