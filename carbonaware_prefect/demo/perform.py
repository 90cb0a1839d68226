"""The demo from curtain to curtain: show, stage, story, result, exit status."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, TextIO

from carbonaware_prefect.demo.interrupts import InterruptedDemo, Interrupts
from carbonaware_prefect.demo.measure import Measurements
from carbonaware_prefect.demo.show import Show, show_on
from carbonaware_prefect.demo.stage import Stage
from carbonaware_prefect.demo.story import play
from carbonaware_prefect.errors import DemoFailedError

__all__ = ["Outcome", "perform"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the demo ended.

    Attributes:
        exit_status: 0 everything held, 1 something did not, 128 + n ended by signal n.
        facts: what was measured, or what did not hold; plain values.
    """

    exit_status: int
    facts: dict[str, Any] = field(default_factory=dict)


def perform(stream: TextIO) -> Outcome:
    """Play the demo, tell it on ``stream``, and leave nothing behind."""
    interrupts = Interrupts()
    try:
        with interrupts:
            return _perform(interrupts, stream)
    except InterruptedDemo as stopped:
        facts = {"ok": False, "failed": f"stopped by {stopped}"}
        return Outcome(stopped.exit_status, facts)


def _perform(interrupts: Interrupts, stream: TextIO) -> Outcome:
    stage = Stage(interrupts)
    try:
        with interrupts.welcome(), show_on(stream) as show:
            try:
                measured = play(stage, show)
            except DemoFailedError as error:
                show.off()
                show.fail(str(error), error.detail)
                return Outcome(1, {"ok": False, "failed": str(error)})
            show.off()
            _conclude(show, measured)
            return Outcome(0, {"ok": True} | asdict(measured))
    finally:
        stage.clear()


def _conclude(show: Show, measured: Measurements) -> None:
    show.table(
        ("measured", "this run", "sleeping worker", "ratio"),
        [
            _row("time waited", "s", measured.waited_seconds, measured.waited_seconds),
            _row(
                "worker held",
                "s",
                measured.worker_seconds,
                measured.sleeping_worker_seconds,
            ),
            _row(
                "memory x time",
                "GB s",
                measured.memory_megabyte_seconds / 1000,
                measured.sleeping_memory_megabyte_seconds / 1000,
            ),
        ],
    )
    show.tell(
        "A sleeping worker pays for every second of the wait. This run holds its worker "
        "for the two starts and the work only, however long it waits."
    )


def _row(what: str, unit: str, ours: float, sleeping: float) -> tuple[str, ...]:
    ratio = f"1 : {sleeping / ours:.1f}" if ours > 0 else "-"
    return what, f"{ours:.1f} {unit}", f"{sleeping:.1f} {unit}", ratio
