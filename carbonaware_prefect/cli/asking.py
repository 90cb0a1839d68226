"""From what the options say to a place, a source and its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from carbonaware_prefect.cli.output import working
from carbonaware_prefect.clouds.findings import Detection
from carbonaware_prefect.clouds.places import Place, known_zones
from carbonaware_prefect.core import Forecast, Interval
from carbonaware_prefect.delay.choice import Ask, find_place
from carbonaware_prefect.errors import UnknownPlaceError
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.base import Source, SourceInfo
from carbonaware_prefect.sources.typical import TypicalSource, describe
from carbonaware_prefect.sources.wiring.catalogue import entries, open_source
from carbonaware_prefect.sources.wiring.chain import ChainSource

__all__ = ["Answered", "Wanted", "Where", "ask", "check_zone", "find"]

_NEAR = 3

Look = Callable[[Forecast], str | None]
"""Says what is wrong with a forecast for the purpose at hand, or None."""


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
class Answered:
    """A forecast, and what a person may want to know about it.

    Attributes:
        where: the place.
        asked: the interval asked for.
        forecast: the answer.
        source: name of the source that gave it.
        info: whom to credit; None where the source does not say.
        failures: the sources asked before, and why they did not deliver.
    """

    where: Where
    asked: Interval
    forecast: Forecast
    source: str
    info: SourceInfo | None
    failures: tuple[Failure, ...]


def find(
    wanted: Wanted, settings: Settings, *, detect: bool = True
) -> tuple[Where, Detection | None]:
    """The place that the options, the environment or the surroundings name.

    Raises:
        UnknownPlaceError: (a ValueError) no such provider, region or zone.
    """
    said = Ask(zone=wanted.zone, provider=wanted.provider, region=wanted.region)
    with working("Looking where this runs ..."):
        place, detection = find_place(said, settings, detect=detect)
    if place is None:
        by = "nobody"
    elif said.names_a_place():
        by = "options"
    else:
        by = "environment" if detection is None else "detection"
    return Where(place=place, said_by=by), detection


def ask(wanted: Wanted, interval: Interval, *, look: Look | None = None) -> Answered:
    """The forecast of the wanted place by the wanted source.

    Args:
        wanted: what the options say.
        interval: the time of interest.
        look: what else a forecast must stand, before a chain takes it for an answer.

    Raises:
        InvalidInputError: (a ValueError) no such place or source, or no place at all.
        NoForecastError: (a LookupError) nobody knows.
        SourceError: no source delivered.
    """
    settings = Settings.read()
    source = open_source(wanted.source or settings.source, settings)
    needs_zone = bool(getattr(source, "needs_zone", True))
    where, detection = find(wanted, settings, detect=needs_zone)
    if where.zone is not None:
        check_zone(where.zone, settings, source)
    elif needs_zone:
        found = f" ({detection.sentence.rpartition('; ')[0]})" if detection else ""
        msg = (
            f"nobody said where{found}: give --zone, or --provider and --region, or set "
            "CARBONAWARE_ZONE, or CARBONAWARE_PROVIDER and CARBONAWARE_REGION"
        )
        raise UnknownPlaceError(msg)
    with working(f"Asking {source.name} ..."):
        return _answer(source, where, interval, settings, look)


def _answer(
    source: Source,
    where: Where,
    interval: Interval,
    settings: Settings,
    look: Look | None,
) -> Answered:
    failures: tuple[Failure, ...] = ()
    name = source.name
    if isinstance(source, ChainSource):
        more = {} if look is None else {"look": look}
        answer = source.ask(where.zone, interval, **more)
        forecast, name = answer.forecast, answer.source_name
        failures = tuple(Failure(source=who, why=why) for who, why in answer.failures)
    else:
        forecast = source.fetch(where.zone, interval)
    if where.place is None and forecast.zone is not None:
        place = Place(provider=None, region=None, zone=forecast.zone)
        where = Where(place=place, said_by="source")
    known = {entry.name: entry.info for entry in entries(settings)}
    info = describe(where.zone) if name == TypicalSource.name else known.get(name)
    return Answered(
        where=where,
        asked=interval,
        forecast=forecast,
        source=name,
        info=info,
        failures=failures,
    )


def check_zone(zone: str, settings: Settings, source: Source | None = None) -> None:
    """Refuse a zone that nothing could know.

    A source whose account, server or file decides which zones it knows lets every zone
    of the right form pass.

    Raises:
        UnknownPlaceError: (a ValueError) with the nearest known zones.
    """
    catalogue = {entry.name: entry for entry in entries(settings)}
    known = {*known_zones()}
    known.update(*(entry.info.zones or () for entry in catalogue.values()))
    if zone in known:
        return
    names = _names(source)
    if any(name not in catalogue or catalogue[name].covers(zone) for name in names):
        return
    near = get_close_matches(zone, sorted(known), n=_NEAR, cutoff=0.5)
    nearest = f"nearest known: {', '.join(near)}; " if near else ""
    msg = (
        f"unknown zone {zone!r}; {nearest}`carbonaware-prefect zones` lists them all; "
        "another zone needs a source that knows it, e.g. --source file:PATH"
    )
    raise UnknownPlaceError(msg)


def _names(source: Source | None) -> tuple[str, ...]:
    if isinstance(source, ChainSource):
        return tuple(link.name for link in source.links if link.missing is None)
    return () if source is None else (source.name,)
