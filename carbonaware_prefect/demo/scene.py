"""Where the story stands: the runs, the pool and the process table, looked at afresh."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.demo.api import FlowRun
from carbonaware_prefect.demo.show import Actor, Show
from carbonaware_prefect.demo.stage import Stage
from carbonaware_prefect.demo.waiting import until
from carbonaware_prefect.demo.watch import Watch
from carbonaware_prefect.errors import DemoFailedError

__all__ = ["Scene", "must"]

T = TypeVar("T")
_BROKEN = {"FAILED", "CRASHED", "CANCELLED", "CANCELLING"}


def must(holds: bool, otherwise: str, *, detail: str = "") -> None:
    """Fail the demo with ``otherwise`` when something does not hold."""
    if not holds:
        raise DemoFailedError(otherwise, detail=detail)


class Scene:
    """The runs so far, and waiting for something to happen to them.

    Attributes:
        slots_in_use: of the pool, as last read; older than what was read of the runs.
    """

    def __init__(
        self, stage: Stage, show: Show, watch: Watch, *, within: float, pace: float
    ) -> None:
        self._stage = stage
        self._show = show
        self._watch = watch
        self._runs: list[FlowRun] = []
        self._pace = pace
        self._end = show.seconds() + pace * within
        self.slots_in_use: int = 0

    def create(self, deployment: str, title: str) -> FlowRun:
        """A new run of a deployment."""
        run = FlowRun.create(self._stage.api, deployment, title)
        self._runs.append(run)
        self._show.tell(f"{title.capitalize()} created; the worker may take it")
        return run

    def until(self, look: Callable[[], T | None], what: str, *, within: float) -> T:
        """The first answer of ``look`` that counts as true; all is fresh each time.

        Raises:
            DemoFailedError: there was none, a run failed, or a process is gone.
        """

        def look_again() -> T | None:
            self._refresh(f"waiting for {what}")
            return look()

        left = max(1.0, self._end - self._show.seconds())
        try:
            return until(look_again, within=min(self._pace * within, left), what=what)
        except DemoFailedError as error:
            if error.detail:
                raise
            raise DemoFailedError(str(error), detail=self._stage.logs()) from None

    def until_gone(self, run: FlowRun, *, within: float) -> None:
        """Wait until no process of ``run`` is left, of the worker's or anywhere."""
        self.until(
            lambda: not (self._watch.present(run.id) or Watch.anywhere(run.id)),
            f"the process of the {run.title} to end",
            within=within,
        )

    def _refresh(self, doing: str) -> None:
        self._stage.check_alive()
        self.slots_in_use = self._stage.slots_in_use()
        for run in self._runs:
            run.read()
            if run.state.type in _BROKEN:
                what = f"the {run.title} is {run.state.name}: {run.state.message}"
                raise DemoFailedError(what, detail=run.logs())
        pool = Actor("pool", f"{self.slots_in_use} of 1 slots in use", "")
        self._show.board(doing, [*map(self._actor, self._runs), pool])

    def _actor(self, run: FlowRun) -> Actor:
        state = run.state.name
        if run.state.type == "SCHEDULED" and run.state.scheduled:
            left = (run.state.scheduled - utc_now()).total_seconds()
            if left > 0:
                state += f" in {left:.0f} s"
        stay = self._watch.present(run.id)
        return Actor(run.title, state, "no process" if stay is None else str(stay))
