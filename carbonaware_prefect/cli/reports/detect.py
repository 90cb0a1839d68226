"""What ``carbonaware-prefect detect`` finds out, and how it looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr
from rich.console import Console
from rich.text import Text

from carbonaware_prefect.cli.fetching import Wanted, Where, find
from carbonaware_prefect.cli.output import new_table, working
from carbonaware_prefect.clouds.detection import where_am_i
from carbonaware_prefect.clouds.findings import Detection
from carbonaware_prefect.clouds.places import regions
from carbonaware_prefect.settings import Settings

__all__ = ["DetectReport", "as_document", "collect", "show"]

_NOT_SHOWN = "set (not shown)"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectReport:
    """What was said, what was found, and what comes of it.

    Attributes:
        said: the variables that are set; secrets and addresses only as such.
        detection: None where it is switched off.
        where: what a run here would use.
    """

    said: Mapping[str, str]
    detection: Detection | None
    where: Where


def collect(settings: Settings) -> DetectReport:
    """Look around, whatever the environment says about the place.

    Raises:
        UnknownPlaceError: (a ValueError) the environment names no such place.
    """
    detection = None
    if settings.detect:
        known = {(row.provider, row.region) for row in regions()}
        with working("Looking where this runs ..."):
            detection = where_am_i(lambda provider, region: (provider, region) in known)
    where, _ = find(Wanted(), settings)
    return DetectReport(said=dict(_said(settings)), detection=detection, where=where)


def _said(settings: Settings) -> Iterator[tuple[str, str]]:
    for name in sorted(settings.model_fields_set):
        value = getattr(settings, name)
        if value is None:
            continue
        # A URL may hold a password, a name belongs to somebody.
        secret = isinstance(value, SecretStr) or name.endswith(("_url", "_username"))
        yield f"CARBONAWARE_{name.upper()}", _NOT_SHOWN if secret else _plain(value)


def _plain(value: object) -> str:
    """A value as one would write it into the variable."""
    if isinstance(value, bool):
        return str(int(value))
    return _short(value) if isinstance(value, timedelta) else str(value)


def _short(span: timedelta) -> str:
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def as_document(report: DetectReport) -> dict[str, object]:
    """All of it, as JSON would have it."""
    found = report.detection
    place = found.place if found else None
    return {
        "environment": dict(report.said),
        "detection": found
        and {
            "verdict": found.verdict.value,
            "sentence": found.sentence,
            "provider": place.provider if place else None,
            "region": place.region if place else None,
            "probes": [
                {
                    "step": probe.step.value,
                    "asked": probe.asked,
                    "outcome": probe.outcome.value,
                    "detail": probe.detail,
                    "provider": probe.provider,
                    "region": probe.region,
                }
                for probe in found.probes
            ],
        },
        "used": report.where.document(),
    }


def show(report: DetectReport, console: Console) -> None:
    """What was said, what was looked at, and what comes of it."""
    console.print(Text("What the environment says", style="bold"))
    for name, value in report.said.items():
        console.print(Text(f"  {name}={value}"))
    if not report.said:
        console.print(Text("  no CARBONAWARE_* variable is set"))
    console.print()
    console.print(Text("What was looked at", style="bold"))
    if report.detection is None:
        console.print(Text("  nothing: CARBONAWARE_DETECT switches detection off"))
    else:
        _probes(report.detection, console)
        console.print()
        console.print(Text(_sentence(report.detection.sentence)))
    console.print()
    console.print(Text(f"Used: {_used(report.where)}", style="bold"))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _used(where: Where) -> str:
    if where.place is None:
        return "no place, so runs start at their nominal time"
    by = {"environment": "as the environment says", "detection": "as detected"}
    return f"{where.name}, {by[where.said_by]}"


def _probes(detection: Detection, console: Console) -> None:
    if not detection.probes:
        console.print(Text("  nothing that could tell"))
        return
    table = new_table(("Asked", False), ("Outcome", False), ("Detail", False))
    for probe in detection.probes:
        table.add_row(probe.asked, probe.outcome.value.replace("_", " "), probe.detail)
    console.print(table)
