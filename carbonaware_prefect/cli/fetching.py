"""From what the options say to a place, a source and its forecast."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from carbonaware_prefect.cli.output import working
from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.clouds.findings import Detection
from carbonaware_prefect.clouds.places import Place
from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.errors import UnknownPlaceError
from carbonaware_prefect.policies.given import given_in_call
from carbonaware_prefect.policies.place import find_place
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.base import SourceInfo
from carbonaware_prefect.sources.typical import TypicalSource, TypicalTables, describe
from carbonaware_prefect.sources.wiring.catalogue import entries, open_source
from carbonaware_prefect.sources.wiring.chain import Check, fits
from carbonaware_prefect.sources.wiring.coverage import check_zone
from carbonaware_prefect.sources.wiring.fetch import fetch, needs_zone

__all__ = ["FetchedForecast", "Wanted", "Where", "fetch_wanted", "find"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the options say; None where they say nothing."""

    zone: str | None = None
    provider: str | None = None
    region: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A place, and who named it.

    Attributes:
        place: None where a source knows its own place.
        said_by: ``options``, ``environment``, ``detection``, ``source`` or ``nobody``.
    """

    place: Place | None
    said_by: str

    @property
    def zone(self) -> str | None:
        """The grid zone key."""
        return self.place.zone if self.place else None

    @property
    def name(self) -> str:
        """For a heading."""
        if self.place is None:
            return "of no stated zone"
        area = " ".join(part for part in (self.place.provider, self.place.region) if part)
        return f"zone {self.place.zone}" + (f" ({area})" if area else "")

    def document(self) -> dict[str, object]:
        """For JSON."""
        place = self.place
        return {
            "zone": place.zone if place else None,
            "provider": place.provider if place else None,
            "region": place.region if place else None,
            "place_said_by": self.said_by,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A source that did not deliver, and why."""

    source: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedForecast:
    """A forecast, and what a person may want to know about it.

    Attributes:
        where: the place.
        interval: the time of interest.
        forecast: the answer.
        source: name of the source that gave it.
        info: whom to credit; None where the source does not say.
        failures: the sources asked before, and why they did not deliver.
        notes: what was assumed in reading it.
        fetched_at: when that was.
    """

    where: Where
    interval: Interval
    forecast: Forecast
    source: str
    info: SourceInfo | None
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]
    fetched_at: datetime

    @property
    def age(self) -> timedelta | None:
        """How long ago the forecast was issued; None where its source does not say."""
        issued = self.forecast.issued_at
        return None if issued is None else self.fetched_at - issued


def find(
    wanted: Wanted, settings: Settings, *, detect: bool = True
) -> tuple[Where, Detection | None]:
    """The place that the options, the environment or the surroundings name.

    Raises:
        UnknownPlaceError: (a ValueError) no such provider, region or zone.
    """
    options = given_in_call(
        zone=wanted.zone, provider=wanted.provider, region=wanted.region
    )
    with working("Looking where this runs ..."):
        place, detection = find_place(
            options.over(settings.given()), detect=detect and settings.detect
        )
    if place is None:
        by = "nobody"
    elif options.names_a_place():
        by = "options"
    else:
        by = "environment" if detection is None else "detection"
    return Where(place=place, said_by=by), detection


def fetch_wanted(
    wanted: Wanted, interval: Interval, *, check: Check = fits
) -> FetchedForecast:
    """The forecast of the wanted place by the wanted source.

    Args:
        wanted: what the options say.
        interval: the time of interest.
        check: what else a forecast must stand, before a chain takes it for an answer.

    Raises:
        InvalidInputError: (a ValueError) no such place or source, or no place at all.
        NoForecastError: (a LookupError) nobody knows.
        SourceError: no source delivered.
    """
    settings = Settings.read()
    source = open_source(wanted.source or settings.policy_fields["source"], settings)
    where, detection = find(wanted, settings, detect=needs_zone(source))
    if where.zone is not None:
        check_zone(where.zone, settings, source)
    elif needs_zone(source):
        found = f" ({detection.sentence.rpartition('; ')[0]})" if detection else ""
        msg = (
            f"nobody said where{found}: give --zone, or --provider and --region, or set "
            "CARBONAWARE_ZONE, or CARBONAWARE_PROVIDER and CARBONAWARE_REGION"
        )
        raise UnknownPlaceError(msg)
    with working(f"Asking {source.name} ..."):
        answer = fetch(source, where.zone, interval, check=check)
    if where.place is None and answer.forecast.zone is not None:
        place = Place(provider=None, region=None, zone=answer.forecast.zone)
        where = Where(place=place, said_by="source")
    known = {entry.name: entry.info for entry in entries(settings)}
    name = answer.source_name
    info = known.get(name)
    if name == TypicalSource.name:
        info = describe(where.zone, TypicalTables.of(settings))
    return FetchedForecast(
        where=where,
        interval=interval,
        forecast=answer.forecast,
        source=name,
        info=info,
        failures=tuple(Failure(source=who, why=why) for who, why in answer.failures),
        notes=answer.notes,
        fetched_at=utc_now(),
    )
