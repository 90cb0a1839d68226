"""For tests of flows that use this package: a fixed forecast, and nothing waits.

Inside `carbonaware_testing` every delay of the process, in whichever thread, decides as
it would and goes on at once: the decorator, `carbonaware_delay` and the delay task, in
plain functions and in flow runs of this process. Nothing is moved. What the flow does
after its delay runs as ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from carbonaware_prefect.core import Decision, Forecast
from carbonaware_prefect.core.intervals import to_utc
from carbonaware_prefect.delay.rehearsal import Rehearsal, on_stage
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.base import SourceLike
from carbonaware_prefect.sources.wiring.catalogue import open_source

__all__ = ["carbonaware_testing", "forecast_with_dip"]

_DAY = timedelta(days=1)


@contextmanager
def carbonaware_testing(
    forecast: SourceLike | None = None, *, now: datetime | None = None
) -> Iterator[Sequence[Decision]]:
    """Within the block no delay of this process waits; each decision is kept.

    It holds for the process, so tests that run at the same time in threads of one
    process see each other's; blocks may be nested, and the innermost holds. A flow run
    that a worker starts is another process, and waits.

    Args:
        forecast: stands for the source that a delay or the environment names: a
            `Forecast`, a `Source`, or a name of one, such as ``"file:PATH"``. None leaves
            each its own.
        now: the moment of every decision (aware): of what the run is due, and of the
            time of day. None for the real one.

    Yields:
        The decisions in the order in which they were made; it grows while the block
        runs, and keeps what it has after it.

    Raises:
        InvalidInputError: (a ValueError) a ``now`` without a time zone, no such source.

    Example:
        >>> from datetime import datetime, timedelta, timezone
        >>> from carbonaware_prefect import carbonaware_delay
        >>> from carbonaware_prefect.testing import carbonaware_testing, forecast_with_dip
        >>> noon = datetime(2026, 7, 1, 12, tzinfo=timezone.utc)
        >>> dip = forecast_with_dip(noon + timedelta(hours=3))
        >>> with carbonaware_testing(dip, now=noon) as decisions:
        ...     decision = carbonaware_delay(zone="DE")
        >>> decisions[0].slot.start.hour
        15
    """
    if forecast is not None:
        open_source(forecast, Settings.model_construct())
    moment = None if now is None else to_utc(now, "now")
    rehearsal = Rehearsal(forecast, moment)
    with on_stage(rehearsal):
        yield rehearsal.decisions


def forecast_with_dip(
    start: datetime,
    duration: timedelta = timedelta(hours=1),
    *,
    usual: float = 300.0,
    dip: float = 100.0,
) -> Forecast:
    """A forecast that is flat but for one dip, two days to either side of it.

    Args:
        start: of the dip (aware).
        duration: of the dip.
        usual: intensity outside of it, in gCO2eq/kWh.
        dip: intensity inside of it, likewise.

    Raises:
        InvalidInputError: (a ValueError) a ``start`` without a time zone, a
            ``duration`` that is not positive, values that are no numbers.
    """
    first = to_utc(start, "start")
    return Forecast.from_points(
        [(first - 2 * _DAY, usual), (first, dip), (first + duration, usual)],
        end=first + duration + 2 * _DAY,
        source="test",
    )
