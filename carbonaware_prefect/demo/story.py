"""The story: one run waits for cleaner electricity while another one uses its worker.

Each step looks at the real server and the real process table, and fails the demo when
what it says does not hold.
"""

from __future__ import annotations

from datetime import timedelta

from carbonaware_prefect.charts.terminal import draw
from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.core import Slot, find_slot
from carbonaware_prefect.demo import forecast as forecasts
from carbonaware_prefect.demo.api import FlowRun
from carbonaware_prefect.demo.measure import Measurements, measure
from carbonaware_prefect.demo.scene import Scene, must
from carbonaware_prefect.demo.show import Show
from carbonaware_prefect.demo.stage import PREFETCH_SECONDS, Stage
from carbonaware_prefect.demo.watch import Watch

__all__ = ["play"]

# The dip, from when the first run is created.
_AHEAD = timedelta(seconds=40)
_DURATION = timedelta(seconds=20)
_WINDOW = timedelta(minutes=2)
_STORY_SECONDS = 90
# What a server takes to start on a machine that does nothing else, at most. All is given as
# many times its time as the server took of that.
_START_SECONDS = 20
# The server rounds a start up to half a second early.
_EARLY = timedelta(seconds=1)
_LATEST = timedelta(seconds=35)
_PREFETCH = timedelta(seconds=PREFETCH_SECONDS)


def play(stage: Stage, show: Show) -> Measurements:
    """Set the stage and play; what was measured.

    Raises:
        DemoFailedError: something did not hold, or took too long.
    """
    show.board("starting a Prefect server of its own", [])
    begun = show.seconds()
    stage.start_server()
    pace = max(1.0, (show.seconds() - begun) / _START_SECONDS)
    show.tell(f"Prefect server is up; look at it while this runs: {stage.url}")
    show.board("starting a worker", [])
    watch = Watch(stage.start_worker())
    try:
        show.tell("Work pool with 1 slot and a worker are up")
        return _Story(stage, show, watch, pace).act()
    finally:
        watch.close()


class _Story:
    def __init__(self, stage: Stage, show: Show, watch: Watch, pace: float) -> None:
        self._stage = stage
        self._show = show
        self._watch = watch
        self._latest = pace * _LATEST
        window = pace * _WINDOW
        waiting = stage.deploy(
            "nightly_training",
            CARBONAWARE_SOURCE=f"file:{stage.forecast_file}",
            CARBONAWARE_WINDOW=f"{window.seconds}s",
            CARBONAWARE_DURATION=f"{_DURATION.seconds}s",
            CARBONAWARE_MINIMUM_WAIT="0s",
        )
        self._working = stage.deploy("other_work")
        now = utc_now()
        self._forecast = forecasts.dipping_at(now + pace * _AHEAD)
        forecasts.write(self._forecast, stage.forecast_file)
        self._slot: Slot = find_slot(
            self._forecast, earliest=now, latest_start=now + window, duration=_DURATION
        )
        self._scene = Scene(stage, show, watch, within=_STORY_SECONDS, pace=pace)
        self._first = self._scene.create(waiting, "first run")

    def act(self) -> Measurements:
        self._starts()
        self._chooses_its_slot()
        self._goes_back_to_scheduled()
        self._leaves()
        second = self._leaves_its_slot_to_another()
        self._resumes(second)
        return self._completes()

    def _starts(self) -> None:
        first, scene = self._first, self._scene
        # The pool was read before the run, so its number belongs to this state at least.
        scene.until(
            lambda: first.state.type == "RUNNING" or first.label("decided_by"),
            "the first run to start",
            within=40,
        )
        stay = self._watch.present(first.id)
        if first.state.type != "RUNNING":
            # It was quicker than our look at it; the process table was watched all along.
            stay = next(iter(self._watch.stays(first.id)), None)
            must(stay is not None, "the process table had no process of the first run")
            self._show.check(f"First run started: {stay}")
            return
        must(scene.slots_in_use == 1, f"the pool counts {scene.slots_in_use} slots in use")
        must(stay is not None, "the process table has no process of the first run")
        self._show.check(f"First run started: {stay}; pool: 1 of 1 slots in use")

    def _chooses_its_slot(self) -> None:
        first, start = self._first, self._slot.start
        self._scene.until(
            lambda: first.label("decided_by"), "the first run to decide", within=20
        )
        must(
            first.label("slot_start") == start.isoformat(),
            f"it chose {first.label('slot_start')} ({first.label('reason')}), but the "
            f"forecast's dip is at {start.isoformat()}",
            detail=first.logs(),
        )
        must(
            first.label("decided_by") == "task",
            "the run waits inside its process; perhaps this machine is too busy, and "
            "the slot was too near when the run came to look",
            detail=first.logs(),
        )
        now = utc_now()
        left = (start - now).total_seconds()
        self._show.check(f"It chose its slot: {start:%H:%M:%S} UTC, in {left:.0f} s")
        self._show.chart(
            draw(self._forecast, self._slot, now=now, ascii_only=self._show.ascii_only)
        )

    def _goes_back_to_scheduled(self) -> None:
        first = self._first
        state = self._scene.until(
            lambda: first.state if first.state.type == "SCHEDULED" else None,
            "the first run to go back to Scheduled",
            within=20,
        )
        at = state.scheduled
        must(
            at is not None and abs(at - self._slot.start) < _EARLY,
            f"the run is scheduled for {at}, not for its slot",
        )
        self._moved = state.at
        self._show.check(f"It went back to Scheduled: {state.message}")

    def _leaves(self) -> None:
        first, scene = self._first, self._scene
        scene.until_gone(first, within=15)
        ended = self._watch.stays(first.id)[-1].end or utc_now()
        scene.until(
            lambda: scene.slots_in_use == 0, "the pool's slot to be free", within=10
        )
        must(self._waits(), "the run has no time left to wait; this machine is too busy")
        after = (ended - self._moved).total_seconds()
        self._show.check(
            f"Its process is gone, {after:.1f} s later; pool: 0 of 1 slots in use"
        )

    def _leaves_its_slot_to_another(self) -> FlowRun:
        second = self._scene.create(self._working, "second run")
        self._scene.until(
            lambda: second.state.type in {"RUNNING", "COMPLETED"},
            "the second run to start in the freed slot",
            within=40,
        )
        stays = self._watch.stays(second.id)
        must(bool(stays), "the process table has no process of the second run")
        self._waits()
        self._show.check(f"Second run uses the freed slot: {stays[-1]}")
        self._scene.until(
            lambda: second.state.type == "COMPLETED",
            "the second run to complete",
            within=20,
        )
        meanwhile = " while the first one waits" if self._waits() else ""
        self._show.check(f"Second run completed{meanwhile}")
        return second

    def _waits(self) -> bool:
        """Whether the first run has still to wait; then it must, without any process."""
        first = self._first
        first.read()
        there = Watch.anywhere(first.id)
        if utc_now() > self._slot.start - _PREFETCH - _EARLY:
            return False
        must(first.state.type == "SCHEDULED", f"the first run is {first.state.name}")
        must(not there, f"the waiting run has processes {there}")
        return True

    def _resumes(self, second: FlowRun) -> None:
        first, start = self._first, self._slot.start

        def look() -> bool:
            must(
                utc_now() < start + self._latest,
                f"the run did not start again within {self._latest.seconds} s of its slot",
                detail=self._stage.logs(),
            )
            return first.state.type in {"RUNNING", "COMPLETED"}

        self._scene.until(look, "the slot", within=(_AHEAD + _LATEST).seconds)
        again = [state for state in first.history() if state.at > self._moved]
        after = next(s.at for s in again if s.type == "RUNNING") - start
        must(after > -_EARLY, f"the run started {-after} before its slot")
        taken = next(s.at for s in again if s.type == "PENDING")
        used = [s.at for s in second.history() if s.type in {"RUNNING", "COMPLETED"}]
        must(
            all(self._moved < at < taken for at in used),
            "the second run did not run while the first one was waiting",
        )
        stays = self._watch.stays(first.id)
        must(len(stays) > 1, "the process table has no second process of the first run")
        must(
            stays[1].start > start - _PREFETCH - 2 * _EARLY,
            f"the waiting run had a process from {stays[1].start} on",
        )
        self._show.check(
            f"First run resumed at its slot ({after.total_seconds():+.1f} s): {stays[-1]}"
        )

    def _completes(self) -> Measurements:
        first, scene = self._first, self._scene
        scene.until(
            lambda: first.state.type == "COMPLETED",
            "the first run to complete",
            within=30,
        )
        must(
            first.run_count == 1,
            f"the server counts {first.run_count} attempts; the wait should cost none",
        )
        self._show.check("First run completed, in one attempt: the wait cost no retry")
        scene.until_gone(first, within=20)
        measured = measure(
            first.history(),
            self._watch.stays(first.id),
            slot=self._slot.start,
            nominal=first.label("intensity_nominal"),
            chosen=first.label("intensity_slot"),
        )
        must(
            measured.ratio > 1,
            f"the run held the worker for {measured.worker_seconds} s, a sleeping one "
            f"would have for {measured.sleeping_worker_seconds} s",
        )
        return measured
