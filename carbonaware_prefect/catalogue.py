"""Which forecast sources there are, which are usable, and how to name them.

``auto`` asks, of those that cover the zone, first the sources that the user has
credentials for, then the keyless ones, in the order of `entries`, and typical days last.
Nothing here touches the network before a forecast is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache

from pydantic import SecretStr

from carbonaware_prefect.chain import ChainSource, Link
from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.core import Forecast
from carbonaware_prefect.errors import InvalidSettingError, UnknownSourceError
from carbonaware_prefect.forecast_zones import (
    locations_of,
    scheduler_regions,
    watttime_regions,
)
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources import (
    carbon_aware_sdk,
    carbonaware_scheduler,
    electricity_maps,
    energy_charts,
    gb_carbon_intensity,
    typical,
    watttime,
)
from carbonaware_prefect.sources.base import FixedSource, Source, SourceInfo
from carbonaware_prefect.sources.cache import CachedSource, cache_in, fingerprint
from carbonaware_prefect.sources.file import FileSource
from carbonaware_prefect.sources.http import DEFAULT_LIMITS, Limits
from carbonaware_prefect.sources.http_source import HttpSource
from carbonaware_prefect.sources.typical import TypicalSource

__all__ = ["Entry", "entries", "names", "open_source", "share"]

TYPICAL, AUTO, FILE = "typical", "auto", "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A source by name.

    Attributes:
        name: as in records and settings.
        info: zones, signal, attribution and the rest.
        missing: the variable that it lacks, or None when it can be used.
        keyed: whether it needs something of the user's: a key, an account, a server.
    """

    name: str
    info: SourceInfo
    missing: str | None = None
    keyed: bool = False

    def covers(self, zone: str) -> bool:
        """Whether it may have a forecast for that zone."""
        if self.name == watttime.INFO.name and watttime.is_own_code(zone):
            return True
        return self.info.zones is None or zone in self.info.zones


Build = Callable[[Settings], Source]


def _limits(settings: Settings) -> Limits:
    budget = settings.source_timeout
    return replace(
        DEFAULT_LIMITS, budget=budget, attempt=min(DEFAULT_LIMITS.attempt, budget)
    )


def _base(url: str | None) -> Mapping[str, str]:
    return {"base_url": url} if url else {}


def share(source: HttpSource, settings: Settings, *identity: str) -> Source:
    """``source`` behind the cache that all processes of this machine share.

    ``identity`` is what the answers depend on besides the zone: the base URL, options,
    the `fingerprint` of a credential.
    """
    return CachedSource(
        source, cache=cache_in(settings.cache_dir), identity=identity, now=utc_now
    )


def _electricity_maps(settings: Settings) -> Source:
    key = settings.electricity_maps_key or SecretStr("")
    source = electricity_maps.ElectricityMaps(
        key,
        credential_origin="CARBONAWARE_ELECTRICITY_MAPS_KEY",
        limits=_limits(settings),
        **_base(settings.electricity_maps_url),
    )
    return share(source, settings, settings.electricity_maps_url or "", fingerprint(key))


def _watttime(settings: Settings) -> Source:
    username = settings.watttime_username or ""
    source = watttime.WattTime(
        username,
        settings.watttime_password or SecretStr(""),
        credential_origin="CARBONAWARE_WATTTIME_USERNAME and CARBONAWARE_WATTTIME_PASSWORD",
        regions=watttime_regions(),
        limits=_limits(settings),
        **_base(settings.watttime_url),
    )
    # The plan belongs to the account; a password may be guessed from its digest.
    account = fingerprint(SecretStr(username))
    return share(source, settings, settings.watttime_url or "", account)


def _carbon_aware_sdk(settings: Settings) -> Source:
    locations = locations_of(settings.sdk_locations)
    signal = settings.sdk_signal or "average"
    source = carbon_aware_sdk.CarbonAwareSdk(
        settings.sdk_url or "", signal=signal, locations=locations, limits=_limits(settings)
    )
    told = settings.sdk_locations or ""
    return share(source, settings, settings.sdk_url or "", signal, told)


def _gb_carbon_intensity(settings: Settings) -> Source:
    url = settings.gb_carbon_intensity_url
    source = gb_carbon_intensity.GbCarbonIntensity(limits=_limits(settings), **_base(url))
    return share(source, settings, url or "")


def _energy_charts(settings: Settings) -> Source:
    url = settings.energy_charts_url
    source = energy_charts.EnergyCharts(limits=_limits(settings), **_base(url))
    return share(source, settings, url or "")


def _carbonaware_scheduler(settings: Settings) -> Source:
    url = settings.carbonaware_scheduler_url
    source = carbonaware_scheduler.CarbonAwareScheduler(
        regions=scheduler_regions(), now=utc_now, limits=_limits(settings), **_base(url)
    )
    return share(source, settings, url or "")


def _typical(_: Settings) -> Source:
    return TypicalSource()


# In the order that auto asks them.
_BUILDERS: Mapping[str, Build] = {
    "electricity_maps": _electricity_maps,
    "watttime": _watttime,
    "carbon_aware_sdk": _carbon_aware_sdk,
    "gb_carbon_intensity": _gb_carbon_intensity,
    "energy_charts": _energy_charts,
    "carbonaware_scheduler": _carbonaware_scheduler,
    TYPICAL: _typical,
}


@lru_cache(maxsize=16)
def _opened(name: str, settings: Settings) -> Source:
    """One source per name and settings, so that logins last."""
    return _BUILDERS[name](settings)


def names() -> tuple[str, ...]:
    """All that `open_source` takes as a name."""
    return (*_BUILDERS, AUTO, "file:PATH")


def entries(settings: Settings) -> tuple[Entry, ...]:
    """All sources but files, in the order that ``auto`` asks them."""
    sdk = replace(carbon_aware_sdk.INFO, signal=settings.sdk_signal or "average")
    locations = locations_of(settings.sdk_locations)
    if locations is not None:
        sdk = replace(sdk, zones=frozenset(locations))
    account = [
        f"CARBONAWARE_{field.upper()}"
        for field in ("watttime_username", "watttime_password")
        if getattr(settings, field) is None
    ]
    return (
        Entry(
            name="electricity_maps",
            info=electricity_maps.INFO,
            missing=None
            if settings.electricity_maps_key
            else "CARBONAWARE_ELECTRICITY_MAPS_KEY",
            keyed=True,
        ),
        Entry(
            name="watttime",
            info=replace(watttime.INFO, zones=frozenset(watttime_regions())),
            missing=" and ".join(account) or None,
            keyed=True,
        ),
        Entry(
            name="carbon_aware_sdk",
            info=sdk,
            missing=None if settings.sdk_url else "CARBONAWARE_SDK_URL",
            keyed=True,
        ),
        Entry(name="gb_carbon_intensity", info=gb_carbon_intensity.INFO),
        Entry(name="energy_charts", info=energy_charts.INFO),
        Entry(
            name="carbonaware_scheduler",
            info=replace(carbonaware_scheduler.INFO, zones=frozenset(scheduler_regions())),
        ),
        Entry(name=TYPICAL, info=typical.describe()),
    )


def open_source(source: object, settings: Settings) -> Source:
    """The source that a name, a chain of names, a source or a forecast stands for.

    Args:
        source: ``"typical"``, ``"auto"``, ``"file:PATH"``, the name of a live source,
            several with commas between them, a `Source`, a `Forecast`. None stands for
            ``auto`` where credentials are set or typical days are not allowed, else for
            ``typical``: without the user's wish nothing goes out on the network.
        settings: credentials, URLs, limits.

    Raises:
        UnknownSourceError: (a ValueError) nothing of that name.
        InvalidSettingError: (a ValueError) a chain of average and marginal sources.
    """
    if source is None:
        return _default(settings)
    if isinstance(source, Forecast):
        return FixedSource(source)
    if not isinstance(source, str):
        if isinstance(source, Source) and not isinstance(source, type):
            return source
        msg = f"source must be a name, a Source or a Forecast, got {source!r}"
        raise UnknownSourceError(msg)
    said = source.strip()
    if said.lower() == AUTO:
        return _auto(settings)
    # A path may hold commas.
    if said.lower().startswith(f"{FILE}:"):
        return _file(said, source)
    parts = [part.strip() for part in said.split(",")]
    if len(parts) == 1 and parts[0].lower() == TYPICAL:
        return TypicalSource()
    return _chain([_link(part, settings) for part in parts], settings)


def _default(settings: Settings) -> Source:
    with_key = any(entry.keyed and not entry.missing for entry in entries(settings))
    if with_key or not settings.allow_typical:
        return _auto(settings)
    return TypicalSource()


def _auto(settings: Settings) -> Source:
    links = [
        _entry_link(entry, settings)
        for entry in entries(settings)
        if entry.missing is None and (settings.allow_typical or entry.name != TYPICAL)
    ]
    return ChainSource(links, name=AUTO, budget=settings.source_timeout, by_zone=True)


def _chain(links: list[Link], settings: Settings) -> Source:
    signals = {link.signal for link in links}
    if len(signals) > 1:
        told = ", ".join(f"{link.name} is {link.signal}" for link in links)
        msg = (
            f"a chain must not mix average and marginal intensity, but {told}; "
            "keep those of one signal"
        )
        raise InvalidSettingError(msg)
    return ChainSource(links, budget=settings.source_timeout)


def _link(said: str, settings: Settings) -> Link:
    if said.lower().startswith(f"{FILE}:"):
        file = _file(said, said)
        return Link(
            name=FILE,
            signal=file.signal,
            open=lambda: file,
            covers=lambda _: True,
            live=False,
        )
    for entry in entries(settings):
        if entry.name == said.lower().replace("-", "_"):
            return _entry_link(entry, settings)
    raise _unknown(said)


def _entry_link(entry: Entry, settings: Settings) -> Link:
    return Link(
        name=entry.name,
        signal=entry.info.signal,
        open=lambda: _opened(entry.name, settings),
        covers=entry.covers,
        missing=entry.missing,
        live=entry.name != TYPICAL,
    )


def _file(said: str, source: object) -> Source:
    path = said.partition(":")[2].strip()
    if not path:
        raise _unknown(source)
    return FileSource(path)


def _unknown(said: object) -> UnknownSourceError:
    near = get_close_matches(str(said).lower(), [*_BUILDERS, AUTO], n=3)
    nearest = f"nearest known: {' or '.join(map(repr, near))}; " if near else ""
    return UnknownSourceError(
        f"unknown forecast source {said!r}; {nearest}allowed are {', '.join(names())}, "
        "and several of them with commas between"
    )
