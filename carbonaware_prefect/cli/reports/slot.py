"""What ``carbonaware-prefect slot`` finds out, and how it looks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rich.console import Console
from rich.text import Text

from carbonaware_prefect.charts.terminal import AXIS, draw, step_for, time_axis
from carbonaware_prefect.cli.fetching import FetchedForecast, Wanted, fetch_wanted
from carbonaware_prefect.cli.output import Times, grams, is_narrow, iso, new_table, percent
from carbonaware_prefect.cli.reports.source_notes import (
    intensity_document,
    notes,
    source_document,
    unit,
)
from carbonaware_prefect.core import (
    Decision,
    Forecast,
    Interval,
    Request,
    Slot,
    find_slot,
    rank_slots,
)
from carbonaware_prefect.delay.choice import consult
from carbonaware_prefect.errors import NoSlotError
from carbonaware_prefect.policies.given import given_in_call
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.base import FixedSource

__all__ = ["SlotReport", "as_document", "collect", "show"]

_WIDEST = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotReport:
    """A decision, and what else there was to choose from.

    Attributes:
        fetched: the forecast behind it.
        decision: what the delay task would decide.
        slots: the best slots, cleanest first.
    """

    fetched: FetchedForecast
    decision: Decision
    slots: tuple[Slot, ...]

    @property
    def nominal(self) -> float | None:
        """Mean of the nominal start in the forecast's unit."""
        decision = self.decision
        return decision.percent_nominal if decision.modelled else decision.intensity_nominal

    def saving(self, slot: Slot) -> float | None:
        """Of a slot against the nominal start; None where that is not known."""
        nominal = self.nominal
        if nominal is None or nominal <= 0:
            return None
        return 1 - slot.mean_intensity / nominal


def collect(
    wanted: Wanted,
    *,
    window: timedelta,
    duration: timedelta,
    count: int,
    nominal_start: datetime,
) -> SlotReport:
    """Decide for a run that would start at ``nominal_start``, as if it were then.

    Raises:
        InvalidInputError: (a ValueError) no such place or source, or none given.
        NoForecastError: (a LookupError) nobody knows, or not for a whole slot.
        SourceError: the source did not deliver.
    """
    settings = Settings.read()
    given = given_in_call(window, duration).over(settings.given())
    policy = given.policy()
    request = policy.bind(nominal_start)
    fetched = fetch_wanted(
        wanted,
        Interval(request.earliest, request.latest_start + request.duration),
        check=lambda forecast: _lacks(forecast, request),
    )
    request = replace(request, zone=fetched.where.zone)
    slots = rank_slots(
        fetched.forecast,
        earliest=request.earliest,
        latest_start=request.latest_start,
        duration=request.duration,
        count=count,
    )
    decision = consult(FixedSource(fetched.forecast), request, nominal_start)
    return SlotReport(fetched=fetched, decision=decision, slots=tuple(slots))


def _lacks(forecast: Forecast, request: Request) -> str | None:
    """Why a forecast decides nothing, so that the next source is asked."""
    try:
        find_slot(
            forecast,
            earliest=request.earliest,
            latest_start=request.latest_start,
            duration=request.duration,
        )
    except NoSlotError as error:
        return str(error)
    return None


def as_document(report: SlotReport) -> dict[str, object]:
    """All of it, as JSON would have it."""
    decision, request = report.decision, report.decision.request
    return {
        **report.fetched.where.document(),
        "unit": report.fetched.forecast.unit,
        "nominal_start": iso(request.nominal_start),
        "latest_start": iso(request.latest_start),
        "duration_seconds": request.duration.total_seconds(),
        "decision": {
            "wait": decision.wait,
            "reason": decision.reason.value,
            "sentence": decision.sentence,
            "nominal_gco2_per_kwh": decision.intensity_nominal,
            "slot": _slot(report, decision.slot),
        },
        "slots": [_slot(report, slot) for slot in report.slots],
        "source": source_document(report.fetched),
    }


def _slot(report: SlotReport, slot: Slot | None) -> dict[str, object] | None:
    if slot is None:
        return None
    saving = report.saving(slot)
    return {
        "start": iso(slot.start),
        "end": iso(slot.end),
        **intensity_document(report.fetched.forecast, slot.mean_intensity),
        "saving_percent": None if saving is None else 100 * saving,
    }


def show(report: SlotReport, console: Console) -> None:
    """The sentence, a chart with the slot in it, the best slots, whom to credit."""
    decision = report.decision
    style = "bold green" if decision.wait else "bold"
    console.print(Text(decision.sentence, style=style))
    console.print(Text(f"Reason: {decision.reason.value}"))
    console.print()
    _chart(report, console)
    console.print()
    _table(report, console)
    console.print()
    for note in notes(report.fetched):
        console.print(Text(note))


def _chart(report: SlotReport, console: Console) -> None:
    asked, slot = report.fetched.interval, report.decision.slot
    plain = console.options.ascii_only
    step = step_for(asked.duration, max(8, min(console.width, _WIDEST) - AXIS - 1))
    columns = -(-asked.duration // step)
    chart = draw(
        report.fetched.forecast,
        slot,
        now=asked.start,
        step=step,
        columns=columns,
        ascii_only=plain,
        from_zero=False,
    )
    axis = time_axis(asked.start, step, columns, ascii_only=plain)
    for line in (*chart.lines, *axis):
        text = Text(line, style="dim" if line in axis else "yellow")
        if line not in axis:
            text.stylize("bold green", *chart.slot)
        console.print(text, crop=True, no_wrap=True)


def _table(report: SlotReport, console: Console) -> None:
    request = report.decision.request
    start, mean = request.nominal_start, report.nominal
    rows: list[tuple[datetime, datetime, float | None]]
    rows = [(slot.start, slot.end, slot.mean_intensity) for slot in report.slots]
    if start not in {row[0] for row in rows}:
        rows.append((start, start + request.duration, mean))
    narrow = is_narrow(console)
    times = Times((row[0] for row in rows), narrow=narrow)
    titles = [(title, False) for title in ("Slot (UTC)", *times.local)]
    head = unit(report.fetched.forecast, narrow=narrow)
    table = new_table(*titles, (head, True), ("Change", True))
    for start, end, mean in rows:
        chosen = report.decision.slot is not None and start == report.decision.slot.start
        saving = None if mean is None else report.saving(Slot(start, end, mean))
        change = "at once" if start == request.nominal_start else percent(saving)
        style = "bold green" if chosen else ""
        table.add_row(*times.cells(start, end), grams(mean), change, style=style)
    console.print(table)
