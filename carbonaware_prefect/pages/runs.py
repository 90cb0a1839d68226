"""What a page tells about one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from carbonaware_prefect.charts.decision import draw_decision
from carbonaware_prefect.core import Decision, Forecast, Slot, rank_slots
from carbonaware_prefect.errors import NoForecastError
from carbonaware_prefect.pages.markdown import escape, picture, table

__all__ = ["UNKNOWN", "RunOnPage", "grams", "link", "percent", "section", "short", "utc"]

UNKNOWN = "unknown"
"""Of numbers: they are never made up."""
_NAME = 120
# Beside the slot, of those that are really different.
_ALTERNATIVES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOnPage:
    """A run, where it starts and why.

    Attributes:
        id, name: of the flow run.
        deployment: the name of its deployment.
        nominal_start, start: UTC; when it would start without us, and when it does.
        sentence: why.
        what: what was done with it, in a word or two.
        decision: with the numbers; None where none was made.
    """

    id: str
    name: str
    deployment: str
    nominal_start: datetime
    start: datetime
    sentence: str
    what: str = ""
    decision: Decision | None = None


def utc(moment: datetime) -> str:
    """A moment with its date; a page is read later."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def grams(value: float | None) -> str:
    """An intensity; and a word for what nobody knows."""
    return UNKNOWN if value is None else f"{value:.0f} gCO2/kWh"


def percent(share: float | None) -> str:
    """A share; and a word for what nobody knows."""
    return UNKNOWN if share is None else f"{100 * share:.1f} %"


def short(name: str) -> str:
    """A name as it stands in a table."""
    return escape(name, _NAME)


def link(run: RunOnPage) -> str:
    """The run's name, as a link from an artifact's page to the run's.

    It is relative, since nobody here knows at which address people see Prefect.
    """
    return f"[{short(run.name)}](../../runs/flow-run/{run.id})"


def section(run: RunOnPage) -> str:
    """The sentence, a chart, the numbers and the alternatives; Markdown."""
    facts = "\n".join(f"- {name}: {told}" for name, told in _facts(run))
    parts = [f"**{escape(run.sentence)}**", facts]
    decision = run.decision
    if decision is not None and decision.slot is not None and decision.forecast is not None:
        parts.insert(1, _chart(run, decision, decision.slot, decision.forecast))
        others = alternatives(decision, decision.slot, decision.forecast)
        parts += _others(others, decision.forecast) if others else []
    return "\n\n".join(parts)


def _facts(run: RunOnPage) -> list[tuple[str, str]]:
    facts = [
        ("Run", link(run)),
        ("Nominal start", utc(run.nominal_start)),
    ]
    decision = run.decision
    if decision is None:
        return [*facts, ("Start", utc(run.start))]
    slot, modelled = decision.slot, decision.modelled
    if slot is None:
        facts.append(("Start", utc(run.start)))
    else:
        facts.append(("Slot", f"{utc(slot.start)} to {utc(slot.end)}"))
    if modelled:
        facts.append(("Intensity", "the forecast gives percent of a modelled day"))
    else:
        facts += [
            ("Intensity from the nominal start", grams(decision.intensity_nominal)),
            ("Intensity in the slot", grams(decision.intensity_slot)),
        ]
    forecast = decision.forecast
    issued = None if forecast is None else forecast.issued_at
    return [
        *facts,
        ("Saving", percent(decision.saving)),
        ("Zone", short(decision.request.zone or UNKNOWN)),
        ("Source", short(decision.source or UNKNOWN)),
        ("Signal", decision.signal or UNKNOWN),
        ("Forecast issued", UNKNOWN if issued is None else utc(issued)),
        *(("Not delivered", escape(failure)) for failure in decision.failures[:5]),
    ]


def _chart(run: RunOnPage, decision: Decision, slot: Slot, forecast: Forecast) -> str:
    request = decision.request
    described = (
        f"Forecast with the allowed starts from {utc(request.earliest)} to "
        f"{utc(request.latest_start)}, the nominal start {utc(run.nominal_start)} and the "
        f"slot from {utc(slot.start)} to {utc(slot.end)}"
    )
    drawn = draw_decision(
        forecast,
        starts=request.starts,
        nominal_start=run.nominal_start,
        slot=slot,
        description=described,
    )
    return picture(drawn, described)


def _others(others: Sequence[Slot], forecast: Forecast) -> list[str]:
    rows = [(utc(other.start), _mean(other, forecast)) for other in others]
    return ["Other starts:", table(("Start", "Mean"), rows)]


def _mean(slot: Slot, forecast: Forecast) -> str:
    mean = slot.mean_intensity
    return f"{mean:.0f} % of a modelled day" if forecast.modelled else grams(mean)


def alternatives(decision: Decision, slot: Slot, forecast: Forecast) -> Sequence[Slot]:
    """The cleanest allowed starts that are really others than the slot."""
    request = decision.request
    try:
        ranked = rank_slots(
            forecast,
            earliest=request.earliest,
            latest_start=request.latest_start,
            duration=request.duration,
            count=_ALTERNATIVES + 1,
        )
    except NoForecastError:
        return []
    apart = [
        each for each in ranked if request.allows(each.start) and each.start != slot.start
    ]
    return apart[:_ALTERNATIVES]
