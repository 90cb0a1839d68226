"""For users' own tests: decisions are made and kept, and nothing waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta, timezone

import pytest

from carbonaware_prefect import carbonaware_delay, carbonaware_delay_decorator
from carbonaware_prefect.core import Reason
from carbonaware_prefect.delay.rehearsal import rehearsal_here
from carbonaware_prefect.errors import InvalidInputError, UnknownSourceError
from carbonaware_prefect.testing import carbonaware_testing, forecast_with_dip

NOON = datetime(2026, 7, 1, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
DIP = forecast_with_dip(NOON + 3 * HOUR)


@carbonaware_delay_decorator(zone="DE", duration=HOUR)
def work(number: int) -> int:
    """Work that waits, outside of a test, for three hours."""
    return number + 1


def test_the_decision_is_kept_and_the_work_is_done() -> None:
    """The call returns without its wait, and the decision says what that would be."""
    with carbonaware_testing(DIP, now=NOON) as decisions:
        assert work(1) == 2

    (decision,) = decisions
    assert decision.wait
    assert decision.reason is Reason.CLEANER_SLOT
    assert decision.slot is not None
    assert decision.slot.start == NOON + 3 * HOUR
    assert decision.saving == pytest.approx(2 / 3)


def test_what_the_call_bounds_holds() -> None:
    """All but the forecast and the time is as the call and the environment say."""
    with carbonaware_testing(DIP, now=NOON) as decisions:
        carbonaware_delay(zone="DE", finish_by="15:00", time_zone="UTC", duration=HOUR)
        carbonaware_delay(2 * HOUR, zone="DE", duration=HOUR)

    assert [decision.wait for decision in decisions] == [False, False]
    assert decisions[0].request.latest_start == NOON + 2 * HOUR


def test_without_a_forecast_each_delay_has_its_own() -> None:
    """The source that the call names is asked, for the time that the test says."""
    with carbonaware_testing(now=NOON) as decisions:
        carbonaware_delay(24 * HOUR, zone="DE", source="typical")

    assert decisions[0].source == "typical"
    assert decisions[0].request.nominal_start == NOON


def test_a_source_by_name_stands_for_all() -> None:
    """A name does for a forecast; the call's own source is not asked."""
    with carbonaware_testing("typical", now=NOON) as decisions:
        carbonaware_delay(zone="DE", source="file:none.csv")

    assert decisions[0].source == "typical"


def test_coroutines_and_generators_do_not_wait_either() -> None:
    """Async functions and async generators go on at once."""

    @carbonaware_delay_decorator(zone="DE")
    async def coroutine() -> str:
        return "done"

    @carbonaware_delay_decorator(zone="DE")
    async def stream() -> AsyncGenerator[str, None]:
        yield "item"

    async def main() -> list[str]:
        return [await coroutine(), *[item async for item in stream()]]

    with carbonaware_testing(DIP, now=NOON) as decisions:
        assert asyncio.run(main()) == ["done", "item"]
    assert [decision.wait for decision in decisions] == [True, True]


def test_all_threads_of_the_process_are_in_it() -> None:
    """A thread that was there before the block is in it too."""
    begin, results = threading.Event(), list[int]()

    def later() -> None:
        begin.wait()
        results.append(work(1))

    thread = threading.Thread(target=later)
    thread.start()
    with carbonaware_testing(DIP, now=NOON) as decisions:
        begin.set()
        thread.join()

    assert (results, len(decisions)) == ([2], 1)


def test_the_innermost_of_several_holds_and_all_end() -> None:
    """Blocks may be nested, and all is real again after the last, also after a fault."""
    early = forecast_with_dip(NOON + HOUR)
    with carbonaware_testing(DIP, now=NOON) as outer:
        with carbonaware_testing(early, now=NOON) as inner:
            work(1)
        work(1)
    with pytest.raises(ZeroDivisionError), carbonaware_testing(DIP):
        raise ZeroDivisionError

    starts = [each.slot.start for each in (*inner, *outer) if each.slot is not None]
    assert starts == [NOON + HOUR, NOON + 3 * HOUR]
    assert rehearsal_here() is None


def test_what_cannot_be_is_refused_at_once() -> None:
    """A time without a zone, and a source that does not exist."""
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(InvalidInputError, match="now"), carbonaware_testing(now=naive):
        pass
    with pytest.raises(UnknownSourceError, match="crystal"), carbonaware_testing("crystal"):
        pass
    with pytest.raises(InvalidInputError, match="start"):
        forecast_with_dip(naive)
