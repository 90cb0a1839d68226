"""The points and intervals that a forecast is made of, checked one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from numbers import Rational, Real

from carbonaware_prefect.core.intervals import (
    from_microseconds,
    to_microseconds,
    to_utc,
)
from carbonaware_prefect.errors import InvalidForecastError, InvalidInputError

__all__ = ["as_interval", "as_moment", "as_point", "checked"]


def as_point(point: tuple[datetime, float]) -> tuple[datetime, float]:
    """``(start, value)``, or a typed error."""
    try:
        start, value = point
    except (TypeError, ValueError):
        msg = f"a point is (start, grams_per_kwh), got {point!r}"
        raise InvalidForecastError(msg) from None
    return start, value


def as_interval(
    interval: tuple[datetime, datetime, float],
) -> tuple[datetime, datetime, float]:
    """``(start, end, value)``, or a typed error."""
    try:
        start, end, value = interval
    except (TypeError, ValueError):
        msg = f"an interval is (start, end, grams_per_kwh), got {interval!r}"
        raise InvalidForecastError(msg) from None
    return start, end, value


def as_moment(moment: datetime, index: int | None) -> int:
    """Microseconds since 1970 of an aware datetime; None names the end."""
    name = "the forecast's end" if index is None else f"forecast point {index}"
    try:
        return to_microseconds(to_utc(moment, name))
    except InvalidInputError as error:
        raise InvalidForecastError(str(error)) from None


def _number(value: object, index: int) -> Decimal:
    """The decimal number a value prints as; refuse what is no finite number."""
    # Concrete types first: asking an abstract one takes as long as all the rest.
    if isinstance(value, bool) or not isinstance(value, (float, int, Decimal, Real)):
        msg = f"forecast value {index} must be a number of gCO2/kWh, got {value!r}"
        raise InvalidForecastError(msg)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    except ValueError:  # a signalling NaN
        number = math.nan
    if not math.isfinite(number):
        # Python refuses to print an int of more than 4,300 digits.
        shown = "too large" if isinstance(value, Rational) else repr(value)
        msg = (
            f"forecast value {index} is {shown}: leave a value that is not known out "
            "(a gap is allowed), it must be a finite number of gCO2/kWh"
        )
        raise InvalidForecastError(msg)
    return Decimal(repr(number))


def checked(
    starts: list[int], ends: list[int], values: list[float], what: str
) -> Iterator[tuple[int, int, Decimal]]:
    """The pieces in order of time, each one looked at.

    Raises:
        InvalidForecastError: starts that do not increase, ends before starts, overlaps,
            and values that are no finite numbers.
    """
    previous_start: int | None = None
    previous_end: int | None = None
    for i, (start, end, value) in enumerate(zip(starts, ends, values, strict=True)):
        if previous_start is not None and start <= previous_start:
            fault = "duplicated" if start == previous_start else "out of order"
            msg = (
                f"forecast {what} {i} is {fault}: {_show(start)} after "
                f"{_show(previous_start)}; starts must strictly increase"
            )
            raise InvalidForecastError(msg)
        if end <= start:
            # Points end where their successor starts, so a bad successor comes here too.
            follower = i + 1 < len(starts) and end == starts[i + 1]
            if follower and what == "point":
                fault = "duplicated" if end == start else "out of order"
                msg = (
                    f"forecast point {i + 1} is {fault}: {_show(end)} after "
                    f"{_show(start)}; starts must strictly increase"
                )
            else:
                msg = (
                    f"forecast {what} {i} must end after it starts: "
                    f"{_show(start)} to {_show(end)}"
                )
            raise InvalidForecastError(msg)
        if previous_end is not None and start < previous_end:
            msg = (
                f"forecast {what} {i} overlaps the one before: starts {_show(start)}, "
                f"the one before ends {_show(previous_end)}"
            )
            raise InvalidForecastError(msg)
        yield start, end, _number(value, i)
        previous_start, previous_end = start, end


def _show(microseconds: int) -> str:
    return from_microseconds(microseconds).isoformat()
