"""What a run holds while it waits: sleeping in its process, and moved to its slot.

Memory is the resident set of all processes of a run, sampled over their lives; a worker
slot is held from Pending until the run leaves Running.

A plain run of the same work needs some of both too. What the delay *adds* is read off the
delayed runs themselves: of a sleeper, from its decision to its slot; of a moved run, the
whole of its first process and what its second one holds before the slot, because the
worker starts a process ahead of its time (see ``SETTINGS``). The rest of the second process
is what a plain run is. Subtracting plain runs instead gives the same on a quiet machine
(the last column), and on a busy one the difference of two noises.
"""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

import psutil

from benchmarks import render
from benchmarks.lab import DELAYED, PLAIN, SETTINGS, Lab, a_lab
from tests.prefect_server.runs import Run
from tests.prefect_server.waiting import now

__all__ = ["headlines", "main", "run"]

WAIT = 60.0
COMPUTED = {"1 h": 3600.0, "6 h": 21600.0}
REPEATS = 3
# Starts are some three seconds of one core each, and the moved runs start once more.
APART = 5.0
SAMPLE = 0.2
MB = 1e6
KINDS = ("plain run", "sleeping", "moved")
MEASURED = f"held by one run, wait of {WAIT:g} s, mean of {REPEATS}"
ADDED = "added by the delay"


@dataclass(frozen=True)
class Sample:
    """The memory of one run's processes, and the time that it stands for."""

    at: datetime
    seconds: float
    megabytes: float


@dataclass
class Held:
    """What one run held."""

    pids: set[int] = field(default_factory=set)
    samples: list[Sample] = field(default_factory=list)

    def megabyte_seconds(
        self, start: datetime | None = None, end: datetime | None = None
    ) -> float:
        """Memory x time between the two moments."""
        return sum(
            sample.megabytes * sample.seconds
            for sample in self.samples
            if (start is None or sample.at >= start) and (end is None or sample.at < end)
        )


class Sampler(threading.Thread):
    """Looks at all processes below the worker, and adds up by flow run."""

    def __init__(self, worker: int) -> None:
        super().__init__(daemon=True)
        self.held: defaultdict[str, Held] = defaultdict(Held)
        self._worker = psutil.Process(worker)
        self._owners: dict[psutil.Process, str] = {}
        self._done = threading.Event()

    def run(self) -> None:
        """Each sample stands for the time since the one before."""
        before = time.monotonic()
        while not self._done.wait(SAMPLE):
            found: defaultdict[str, float] = defaultdict(float)
            for process in self._worker.children(recursive=True):
                # It may end while it is looked at.
                with contextlib.suppress(psutil.Error):
                    owner = self._owner(process)
                    found[owner] += process.memory_info().rss / MB
                    self.held[owner].pids.add(process.pid)
            present = time.monotonic()
            for owner, size in found.items():
                self.held[owner].samples.append(Sample(now(), present - before, size))
            before = present

    def stop(self) -> None:
        """End the thread."""
        self._done.set()
        self.join()

    def _owner(self, process: psutil.Process) -> str:
        """The flow run that the worker started this process for."""
        if process not in self._owners:
            owner = process.environ().get("PREFECT__FLOW_RUN_ID", "")
            if not owner:
                # A fork of the worker that has not become the run's program yet.
                return "nobody"
            self._owners[process] = owner
        return self._owners[process]


def run() -> dict[str, object]:
    """All runs on one worker, a few seconds apart; sections of rows."""
    with a_lab() as lab:
        sampler = Sampler(lab.worker.pid)
        sampler.start()
        runs = start(lab)
        for run in (run for some in runs.values() for run in some):
            run.wait_for("Completed", within=WAIT + 60)
        # The processes end a moment after their runs.
        time.sleep(3)
        sampler.stop()
        means = {
            kind: mean(kind, [(run, sampler.held[run.id]) for run in some])
            for kind, some in runs.items()
        }
    return results(means)


def main() -> None:
    """Measure and print."""
    print(render(run()))


def headlines(results: dict[str, list[dict[str, object]]]) -> dict[str, str]:
    """What the README says."""
    return {
        f"Memory x time that a wait of {row['wait']} adds, sleeping / moved"
        f" ({row['basis']})": (
            f"{row['sleeping MB x s']:,.0f} / {row['moved MB x s']:,.0f} MB s"
            f" = {row['ratio MB x s']:,.0f} x"
        )
        for row in results[ADDED]
    }


def start(lab: Lab) -> dict[str, list[Run]]:
    """The three kinds in turn, so that each meets the same machine."""
    runs: dict[str, list[Run]] = {kind: [] for kind in KINDS}
    for nth in range(REPEATS * len(KINDS)):
        kind = KINDS[nth % len(KINDS)]
        if kind == "plain run":
            run = lab.start(PLAIN, now())
        else:
            wait = "reschedule" if kind == "moved" else "in_process"
            run = lab.start(DELAYED, now(), dip=WAIT, wait=wait)
        runs[kind].append(run)
        time.sleep(APART)
    return runs


@dataclass(frozen=True)
class Mean:
    """What a run of one kind held, the mean over its repeats; ``added`` by the delay."""

    processes: float
    slot_seconds: float
    megabytes: float
    megabyte_seconds: float
    added_slot_seconds: float
    added_megabyte_seconds: float


def mean(kind: str, runs: list[tuple[Run, Held]]) -> Mean:
    """The mean of each number; of the memory, the mean of the runs' medians."""
    parts = [(held, stays(run), *added_by(kind, run, held)) for run, held in runs]
    return Mean(
        processes=statistics.mean(len(held.pids) for held, *_ in parts),
        slot_seconds=statistics.mean(
            sum((end - start).total_seconds() for start, end in some)
            for _, some, *_ in parts
        ),
        megabytes=statistics.mean(
            statistics.median(sample.megabytes for sample in held.samples)
            for held, *_ in parts
        ),
        megabyte_seconds=statistics.mean(held.megabyte_seconds() for held, *_ in parts),
        added_slot_seconds=statistics.mean(slot for *_, slot, _ in parts),
        added_megabyte_seconds=statistics.mean(memory for *_, memory in parts),
    )


def stays(run: Run) -> list[tuple[datetime, datetime]]:
    """From when to when the run was Pending or Running, each time."""
    found: list[tuple[datetime, datetime]] = []
    since: datetime | None = None
    for state in run.states():
        at = datetime.fromisoformat(state["timestamp"])
        if state["type"] in {"PENDING", "RUNNING"}:
            since = since or at
        elif since is not None:
            found.append((since, at))
            since = None
    return found


def added_by(kind: str, run: Run, held: Held) -> tuple[float, float]:
    """Slot seconds and memory x seconds that the delay added to this run."""
    if kind == "plain run":
        return 0.0, 0.0
    labels = run.labels()
    slot = datetime.fromisoformat(labels["slot_start"])
    if kind == "sleeping":
        decided = datetime.fromisoformat(labels["decided_at"])
        return (slot - decided).total_seconds(), held.megabyte_seconds(decided, slot)
    (start, end), (again, _) = stays(run)
    ahead = max(0.0, (slot - again).total_seconds())
    memory = held.megabyte_seconds(end=max(again, slot))
    return (end - start).total_seconds() + ahead, memory


def results(means: dict[str, Mean]) -> dict[str, object]:
    """Totals as measured; what a delay adds, measured and computed for longer waits."""
    sleeping = means["sleeping"]
    rows = [compare(f"{WAIT:g} s", "measured", 0.0, means)]
    rows += [
        compare(name, "computed", wait - WAIT, means) for name, wait in COMPUTED.items()
    ]
    return {
        "worker": SETTINGS,
        MEASURED: [
            {
                "run": kind,
                "processes": each.processes,
                "slot s": each.slot_seconds,
                "MB median": each.megabytes,
                "MB x s": each.megabyte_seconds,
                "added slot s": each.added_slot_seconds,
                "added MB x s": each.added_megabyte_seconds,
                "less plain, MB x s": each.megabyte_seconds
                - means["plain run"].megabyte_seconds,
            }
            for kind, each in means.items()
        ],
        ADDED: rows,
        "computed": (
            "what a moved run holds does not depend on the wait; a sleeper holds its slot "
            f"and {sleeping.megabytes:.0f} MB for each further second"
        ),
    }


def compare(
    name: str, basis: str, longer: float, means: dict[str, Mean]
) -> dict[str, object]:
    """One row: what a wait, ``longer`` than the measured one, adds in each way."""
    sleeping, moved = means["sleeping"], means["moved"]
    slot = sleeping.added_slot_seconds + longer
    further = longer * sleeping.megabytes
    memory = sleeping.added_megabyte_seconds + further
    return {
        "wait": name,
        "basis": basis,
        "sleeping slot s": slot,
        "moved slot s": moved.added_slot_seconds,
        "ratio slot s": slot / moved.added_slot_seconds,
        "sleeping MB x s": memory,
        "moved MB x s": moved.added_megabyte_seconds,
        "ratio MB x s": memory / moved.added_megabyte_seconds,
        "ratio of totals MB x s": (sleeping.megabyte_seconds + further)
        / moved.megabyte_seconds,
    }


if __name__ == "__main__":
    main()
