"""Watches the process table: which processes a flow run has, when, and how large."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timezone

import psutil

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.demo.processes import living, variable_of

__all__ = ["RUN_VARIABLE", "Stay", "Watch"]

# Prefect's worker gives each flow run's process the run's id.
RUN_VARIABLE = "PREFECT__FLOW_RUN_ID"
_EVERY = 0.25
_MEGABYTE = 1_000_000


@dataclass(slots=True)
class Stay:
    """One stretch of time in which a flow run had at least one process.

    Attributes:
        start: when its first process was created.
        end: when no process was left; None while there is one.
        pids: all its processes.
        megabytes: resident memory when last looked at.
        megabyte_seconds: memory integrated over time.
    """

    start: datetime
    end: datetime | None = None
    pids: set[int] = field(default_factory=set)
    megabytes: float = 0.0
    megabyte_seconds: float = 0.0

    def __str__(self) -> str:
        return f"process {', '.join(map(str, sorted(self.pids)))}, {self.megabytes:.0f} MB"


class Watch:
    """Looks at a worker's descendants four times a second, in a thread of its own."""

    def __init__(self, worker_pid: int) -> None:
        self._worker = psutil.Process(worker_pid)
        self._stays: dict[str, list[Stay]] = {}
        self._known: dict[psutil.Process, str] = {}
        self._last = utc_now()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="demo-watch")
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join(5)

    def stays(self, flow_run_id: str) -> list[Stay]:
        """The run's stays in the process table so far, in order."""
        with self._lock:
            return list(self._stays.get(flow_run_id, []))

    def present(self, flow_run_id: str) -> Stay | None:
        """The run's stay that lasts still, if any."""
        stays = self.stays(flow_run_id)
        return stays[-1] if stays and stays[-1].end is None else None

    @staticmethod
    def anywhere(flow_run_id: str) -> list[int]:
        """Processes of that run in the whole table, also such that left the worker."""
        return [process.pid for process in living(RUN_VARIABLE, flow_run_id)]

    def _run(self) -> None:
        while not self._stop.wait(_EVERY):
            self._look()

    def _look(self) -> None:
        now = utc_now()
        try:
            descendants = self._worker.children(recursive=True)
        except psutil.Error:
            descendants = []
        # One that left the worker counts on until it is gone.
        candidates = {*descendants, *self._known}
        found: dict[str, list[psutil.Process]] = {}
        for process in candidates:
            if not _lives(process):
                self._known.pop(process, None)
                continue
            # Not remembered when absent: between fork and exec it is the worker's.
            run = self._known.get(process) or variable_of(process, RUN_VARIABLE)
            if run is not None:
                self._known[process] = run
                found.setdefault(run, []).append(process)
        with self._lock:
            self._note(found, now)

    def _note(self, found: dict[str, list[psutil.Process]], now: datetime) -> None:
        seconds, self._last = (now - self._last).total_seconds(), now
        for run, processes in found.items():
            stays = self._stays.setdefault(run, [])
            if not stays or stays[-1].end is not None:
                stays.append(Stay(min(_created(process, now) for process in processes)))
            stay = stays[-1]
            stay.pids.update(process.pid for process in processes)
            stay.megabytes = sum(map(_megabytes, processes)) or stay.megabytes
            stay.megabyte_seconds += stay.megabytes * seconds
        for run, stays in self._stays.items():
            if run not in found and stays[-1].end is None:
                stays[-1].end = now


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _created(process: psutil.Process, now: datetime) -> datetime:
    try:
        # The table counts in whole clock ticks.
        created = datetime.fromtimestamp(process.create_time(), timezone.utc)
    except psutil.Error:
        return now
    return min(created, now)


def _megabytes(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / _MEGABYTE
    except psutil.Error:
        return 0.0
