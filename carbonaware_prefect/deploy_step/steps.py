"""Deploy steps for the ``build`` section of a ``prefect.yaml``."""

from __future__ import annotations

from datetime import timedelta

from carbonaware_prefect.deploy_step.inputs import (
    read_between,
    read_days,
    read_duration,
    read_months,
    read_table,
    read_time_zone,
)
from carbonaware_prefect.deploy_step.typical_start import (
    DailyWindow,
    TypicalStart,
    typical_start,
)
from carbonaware_prefect.settings import DEFAULT_DURATION
from carbonaware_prefect.sources.typical import Days

__all__ = ["low_carbon_cron"]

_SIGNAL = "average"


def low_carbon_cron(
    *,
    between: str,
    duration: str | timedelta = DEFAULT_DURATION,
    zone: str | None = None,
    provider: str | None = None,
    region: str | None = None,
    timezone: str | None = None,
    days: str | list[str] = "every day",
    months: str | int | list[str | int] = "every month",
) -> dict[str, str | float | None]:
    """A cron at the typically cleanest start of a daily window; prints a sentence on it.

    By the embedded typical days, so without network or key, and the same at each deploy.

    Args:
        between: first and last allowed *start* by the local clock, ``22:00-06:00``; may
            cross midnight.
        duration: expected run time, ``PT1H`` or ``90m``; the mean is taken over it.
        zone: grid zone where the work runs; wins over provider and region.
        provider: ``aws``, ``azure`` or ``gcp``.
        region: the provider's name for it.
        timezone: IANA name of the schedule's time zone; the grid's own by default.
        days: on which the window opens: ``every day``, ``weekdays``, ``weekend``, or
            ``mon-thu``, ``tue,fri``. A start after midnight lies on the next day.
        months: in which the schedule runs: ``every month``, or ``4-9``, ``oct-mar``.

    Returns:
        ``cron`` and ``timezone`` for a schedule; ``start`` (``03:00``) and ``zone``;
        ``intensity_nominal`` and ``intensity_slot``, mean gCO2eq/kWh over the duration
        from the window's opening and from the start, None where the days are modelled;
        ``saving_percent`` of the second against the first; ``source``, ``signal``,
        ``sentence``.

    Raises:
        InvalidSettingError: (a ValueError) an input with a value that is not allowed.
        UnknownPlaceError: (a ValueError) no place, an unknown one, or one whose zone has
            no typical days.
    """
    grid, table = read_table(provider, region, zone)
    opens, closes = read_between(between)
    window = DailyWindow(
        opens=opens,
        closes=closes,
        time_zone=read_time_zone(timezone, table.time_zone),
        days=read_days(days),
        months=read_months(months),
    )
    found = typical_start(table, window, read_duration(duration))
    sentence = _sentence(found, grid, table)
    print(sentence)
    saving = found.saving
    return {
        "cron": found.cron,
        "timezone": window.time_zone,
        "start": f"{found.at:%H:%M}",
        "zone": grid,
        "intensity_nominal": _grams(found.intensity_nominal, table),
        "intensity_slot": _grams(found.intensity_slot, table),
        "saving_percent": None if saving is None else round(100 * saving, 1),
        "source": table.name,
        "signal": _SIGNAL,
        "sentence": sentence,
    }


def _grams(mean: float, table: Days) -> float | None:
    return None if table.modelled else round(mean, 1)


def _sentence(found: TypicalStart, zone: str, table: Days) -> str:
    window = found.window
    on_next_day = found.next_day and not found.cron.endswith("*")
    at_once = "; no later start is cleaner" if found.start == window.earliest else ""
    return (
        f"Typically cleanest start between {window.opens:%H:%M} and {window.closes:%H:%M} "
        f"{window.time_zone}: {found.at:%H:%M}{' the day after' if on_next_day else ''}, "
        f"{_change(found, table)}, zone {zone}, cron {found.cron!r}{at_once}. An estimate: "
        f"mean over the schedule's days of a year, {_SIGNAL} intensity, {table.credit}"
    )


def _change(found: TypicalStart, table: Days) -> str:
    if table.modelled:
        change = -100 * (found.saving or 0.0)
        return f"{change:+.0f} % by modelled days against {found.window.opens:%H:%M}"
    after = f"{found.intensity_slot:.0f} gCO2/kWh"
    if found.start == found.window.earliest:
        return after
    saving = "" if found.saving is None else f" ({-100 * found.saving:+.0f} %)"
    before = f"{found.intensity_nominal:.0f}"
    return f"{before} -> {after}{saving} against {found.window.opens:%H:%M}"
