"""When a run worked, and when it would have without us; in minutes."""

from __future__ import annotations

from typing import Any

import pytest

from carbonaware_prefect.core.accounting.work import Delay, Work, executing, work_of


def delay(nominal: int, decided: int, slot: int | None, **more: Any) -> Delay:
    """A decision that moved a run, made in it."""
    usual = {"moved": True, "ahead": False}
    return Delay(nominal=nominal, decided=decided, slot=slot, **usual | more)


def kept(at: int, **more: Any) -> Delay:
    """A decision that left a run where it was."""
    return delay(at, at, None, moved=False, **more)


def ahead(nominal: int, slot: int | None) -> Delay:
    """A decision of the planner, long before."""
    return delay(nominal, nominal - 60, slot, ahead=True)


def moved(*spans: tuple[int, int, int]) -> Work:
    """Work in pieces, each with its beginning without us."""
    return Work(
        tuple((low, high) for low, high, _ in spans),
        tuple((start, start + high - low) for low, high, start in spans),
        moved=True,
    )


@pytest.mark.parametrize(
    ("states", "pieces"),
    [
        ([(0, False), (10, True), (20, False)], [(10, 20)]),
        ([(0, True), (10, True), (20, False)], [(0, 20)]),
        ([(0, True), (10, False), (15, True), (20, False)], [(0, 10), (15, 20)]),
        ([(0, True), (0, False)], []),
        ([(0, False)], []),
        ([], []),
        ([(0, False), (10, True)], None),
    ],
)
def test_executing(states: list[tuple[int, bool]], pieces: list[Any] | None) -> None:
    """From each Running state to the next one of another kind; None while it still runs."""
    assert pieces == executing(states)


@pytest.mark.parametrize(
    ("ran", "delays", "work"),
    [
        # Left where it was, it would have worked when it did, however late it came.
        ([(10, 40)], [kept(0, ahead=True)], Work(((10, 40),), ((10, 40),), moved=False)),
        # Moved ahead of its start: all that it ran counts, from its nominal start on.
        ([(100, 130)], [ahead(0, 100)], moved((100, 130, 0))),
        # A retry's break is not ours, and would have been without us.
        (
            [(100, 110), (130, 150)],
            [ahead(0, 100)],
            moved((100, 110, 0), (130, 150, 30)),
        ),
        # The first process decides and leaves.
        (
            [(0, 2), (101, 131)],
            [delay(0, 1, 100)],
            moved((101, 131, 0)),
        ),
        # A wait in process is no work.
        ([(0, 130)], [delay(0, 1, 100)], moved((100, 130, 0))),
        # A server that starts a run a moment before its slot.
        (
            [(0, 2), (99, 130)],
            [delay(0, 1, 100)],
            moved((100, 130, 0)),
        ),
        # A person starts it: the process that had decided has left.
        (
            [(0, 2), (50, 80)],
            [delay(0, 1, None)],
            moved((50, 80, 0)),
        ),
        ([(50, 80)], [ahead(0, None)], moved((50, 80, 0))),
        # The planner's plan failed, and the delay in the run carried it out.
        (
            [(0, 2), (100, 130)],
            [delay(0, 1, 100, ahead=True)],
            moved((100, 130, 0)),
        ),
        # Two delays in one flow: each wait is taken out.
        (
            [(0, 1), (100, 112), (200, 230)],
            [delay(0, 1, 100), delay(110, 110, 200)],
            moved((100, 110, 0), (200, 230, 10)),
        ),
        # Only the second one waits, in process, and the run would have gone on.
        (
            [(0, 100)],
            [kept(0), delay(20, 20, 60)],
            moved((0, 20, 0), (60, 100, 20)),
        ),
        # A person ends the second wait.
        (
            [(0, 22), (50, 70)],
            [kept(0), delay(20, 20, None)],
            moved((0, 20, 0), (50, 70, 20)),
        ),
        # It never went on.
        (
            [(0, 20)],
            [kept(0), delay(20, 20, None)],
            Work(((0, 20),), ((0, 20),), False),
        ),
        ([(0, 2)], [delay(0, 1, 100)], None),
        ([], [ahead(0, 100)], None),
    ],
)
def test_work_of(ran: list[Any], delays: list[Delay], work: Work | None) -> None:
    """What counts as work, and when it would have been without us."""
    assert work == work_of(ran, delays)


def test_length_of_work() -> None:
    """All pieces together, without the breaks."""
    assert Work(((0, 10), (20, 25)), ((0, 10), (20, 25)), moved=False).length == 15
