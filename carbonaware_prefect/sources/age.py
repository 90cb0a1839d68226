"""How old a forecast may be."""

from __future__ import annotations

from datetime import datetime, timedelta

from carbonaware_prefect.core import Forecast, Interval

__all__ = ["why_too_old"]

_HOUR = timedelta(hours=1)


def why_too_old(
    forecast: Forecast, asked: Interval, *, now: datetime, max_age: timedelta
) -> str | None:
    """Why a forecast was issued too long ago to decide by; None where it was not.

    One whose source does not say when it was issued is as good as what it covers. Who
    asks about the past gets what was known then, and so the age counts to the present or
    to the beginning of ``asked``, whichever comes first.
    """
    if forecast.issued_at is None:
        return None
    age = min(now, asked.start) - forecast.issued_at
    if age <= max_age:
        return None
    return (
        f"its forecast was issued {age / _HOUR:.0f} h ago, more than the "
        f"{max_age / _HOUR:.0f} h that CARBONAWARE_FORECAST_MAX_AGE allows; renew it"
    )
