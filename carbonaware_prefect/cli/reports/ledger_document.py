"""The report on past runs as values for JSON and CSV. Unknown values are null, or empty."""

from __future__ import annotations

from typing import Any

from carbonaware_prefect.cli.output import iso
from carbonaware_prefect.core.accounting.settlement import Fate, Settled
from carbonaware_prefect.core.accounting.tally import Sums, Tally

__all__ = ["COLUMNS", "row_of", "tally_document"]

Document = dict[str, Any]

COLUMNS = (
    "run", "name", "deployment", "zone", "state", "fate", "reason", "decided_by", "moves",
    "restored", "moved", "worse", "nominal_start", "start", "end", "hours", "wait_hours",
    "forecast_source", "forecast_nominal", "forecast_slot", "forecast_saving_percent",
    "grade", "source", "signal", "nominal", "actual", "saving_percent", "energy_kwh",
    "energy_by", "grams", "grams_nominal", "units",
)  # fmt: skip
"""Of CSV, and names of what a run of the JSON document has."""


def percent_of(share: float | None) -> float | None:
    """A share in percent."""
    return None if share is None else 100 * share


def row_of(run: Settled, deployment: str) -> Document:
    """A run by `COLUMNS`.

    Args:
        run: settled.
        deployment: its deployment's name.
    """
    promise, happened = run.promise, run.happened
    worked = run.fate is Fate.WORKED
    values = (
        run.run, run.name, deployment, run.zone, run.state, run.fate.value, run.reason,
        run.decided_by, run.moves, run.restored, run.moved, run.worse,
        iso(run.nominal_start), run.start and iso(run.start), run.end and iso(run.end),
        run.hours if worked else None, run.wait_hours, promise.source, promise.nominal,
        promise.slot, percent_of(promise.saving), happened.grade.value if worked else None,
        happened.source, happened.signal if happened.source else None, happened.nominal,
        happened.actual, percent_of(happened.saving), run.energy_kwh, run.energy_by,
        run.grams, run.grams_nominal, run.units,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def tally_document(tally: Tally, unit: str | None) -> Document:
    """All runs of a deployment, or of the report.

    Args:
        tally: of them.
        unit: functional unit; None for none.
    """
    document: Document = {
        "runs": tally.runs,
        **{fate.value: tally.fates[fate] for fate in Fate},
        "unknown": tally.unknown,
        "no_record": tally.no_record,
        "overridden": tally.overridden,
        "replanned": tally.replanned,
        "restored": tally.restored,
        "reasons": dict(sorted(tally.reasons.items())),
        "states": dict(sorted(tally.states.items())),
        "intensities": [
            {"grade": grade.value, "signal": signal, **_sums(sums)}
            for (grade, signal), sums in sorted(
                tally.sums.items(), key=lambda each: (each[0][0].value, each[0][1])
            )
        ],
    }
    if unit is not None:
        document["sci"] = {
            "functional_unit": unit,
            "units": tally.units,
            "grams_per_unit": tally.rate,
        }
    return document


def _sums(sums: Sums) -> Document:
    return {
        "runs": sums.runs,
        "ratio_only": sums.ratio_only,
        "moved": sums.moved,
        "worse": sums.worse,
        "hours": sums.hours,
        "nominal": sums.nominal,
        "actual": sums.actual,
        "saving_percent": percent_of(sums.saving),
        "saving_by_duration_percent": percent_of(sums.weighted_saving),
        "forecast_saving_percent": percent_of(sums.promised_saving),
        "with_energy": sums.with_energy,
        "energy_kwh": sums.energy_kwh if sums.with_energy else None,
        "grams": sums.grams if sums.with_energy else None,
        "grams_nominal": sums.grams_nominal if sums.with_energy else None,
    }
