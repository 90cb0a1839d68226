"""The sources that ask the network: a row for each, made from settings.

A new one is a module in ``sources/services`` and its row in `LIVE`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from threading import Lock

from pydantic import SecretStr

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.errors import InvalidSettingError
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.base import DescribedSource, SourceInfo
from carbonaware_prefect.sources.cache import CachedSource, cache_in
from carbonaware_prefect.sources.http.exchange import DEFAULT_BUDGET, FetchBudget
from carbonaware_prefect.sources.http.source import HttpSource
from carbonaware_prefect.sources.remembered import fingerprint
from carbonaware_prefect.sources.services import (
    carbon_aware_sdk,
    carbonaware_scheduler,
    electricity_maps,
    energy_charts,
    gb_carbon_intensity,
    watttime,
)
from carbonaware_prefect.sources.wiring.zones import (
    locations_of,
    scheduler_regions,
    watttime_regions,
)

__all__ = ["LIVE", "LiveSource", "forget_live", "open_live"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSource:
    """A source that asks the network.

    Attributes:
        open: makes it from settings, and from where its credential is.
        info: what it covers, with these settings.
        needs: settings that it cannot do without: a key, an account, a server.
        takes: other settings of its own.
        history: whether it can say what came true.
    """

    open: Callable[[Settings, str | None], DescribedSource]
    info: Callable[[Settings], SourceInfo]
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    history: bool = False

    @property
    def variables(self) -> str:
        """The variables of what it needs, for messages."""
        return " and ".join(f"CARBONAWARE_{name.upper()}" for name in self.needs)

    def missing(self, settings: Settings) -> str | None:
        """The variables that it lacks, None when it can be used."""
        lacking = [name for name in self.needs if getattr(settings, name) is None]
        return replace(self, needs=tuple(lacking)).variables or None


def _budget(settings: Settings) -> FetchBudget:
    budget = settings.source_timeout
    attempt = min(DEFAULT_BUDGET.attempt, budget)
    return replace(DEFAULT_BUDGET, total=budget, attempt=attempt)


def _shared(source: HttpSource, settings: Settings, *identity: str) -> DescribedSource:
    """``source`` behind the cache that all processes of this machine share.

    ``identity`` is what the answers depend on besides the zone.
    """
    cache = cache_in(settings.cache_dir)
    return CachedSource(source, cache=cache, identity=identity, now=utc_now)


def _electricity_maps(settings: Settings, origin: str | None) -> DescribedSource:
    key = settings.electricity_maps_key or SecretStr("")
    url = settings.electricity_maps_url or electricity_maps.BASE_URL
    source = electricity_maps.ElectricityMaps(
        key,
        credential_origin=origin or LIVE["electricity_maps"].variables,
        budget=_budget(settings),
        base_url=url,
    )
    return _shared(source, settings, url, fingerprint(key))


def _watttime(settings: Settings, origin: str | None) -> DescribedSource:
    username = settings.watttime_username or ""
    url = settings.watttime_url or watttime.BASE_URL
    source = watttime.WattTime(
        username,
        settings.watttime_password or SecretStr(""),
        credential_origin=origin or LIVE["watttime"].variables,
        regions=watttime_regions(),
        budget=_budget(settings),
        base_url=url,
    )
    # The plan belongs to the account. A password is left out: it might be guessed.
    return _shared(source, settings, url, fingerprint(SecretStr(username)))


def _carbon_aware_sdk(settings: Settings, _: str | None) -> DescribedSource:
    url, locations = settings.sdk_url or "", settings.sdk_locations
    signal = settings.sdk_signal or "average"
    source = carbon_aware_sdk.CarbonAwareSdk(
        url, signal=signal, locations=locations_of(locations), budget=_budget(settings)
    )
    return _shared(source, settings, url, signal, locations or "")


def _gb_carbon_intensity(settings: Settings, _: str | None) -> DescribedSource:
    url = settings.gb_carbon_intensity_url or gb_carbon_intensity.BASE_URL
    source = gb_carbon_intensity.GbCarbonIntensity(budget=_budget(settings), base_url=url)
    return _shared(source, settings, url)


def _energy_charts(settings: Settings, _: str | None) -> DescribedSource:
    url = settings.energy_charts_url or energy_charts.BASE_URL
    source = energy_charts.EnergyCharts(budget=_budget(settings), base_url=url)
    return _shared(source, settings, url)


def _carbonaware_scheduler(settings: Settings, _: str | None) -> DescribedSource:
    url = settings.carbonaware_scheduler_url or carbonaware_scheduler.BASE_URL
    source = carbonaware_scheduler.CarbonAwareScheduler(
        regions=scheduler_regions(), now=utc_now, budget=_budget(settings), base_url=url
    )
    return _shared(source, settings, url)


def _sdk_info(settings: Settings) -> SourceInfo:
    info = replace(carbon_aware_sdk.INFO, signal=settings.sdk_signal or "average")
    locations = locations_of(settings.sdk_locations)
    return info if locations is None else replace(info, zones=frozenset(locations))


LIVE: Mapping[str, LiveSource] = {
    "electricity_maps": LiveSource(
        open=_electricity_maps,
        info=lambda _: electricity_maps.INFO,
        needs=("electricity_maps_key",),
        takes=("electricity_maps_url",),
        history=True,
    ),
    "watttime": LiveSource(
        open=_watttime,
        info=lambda _: replace(watttime.INFO, zones=frozenset(watttime_regions())),
        needs=("watttime_username", "watttime_password"),
        takes=("watttime_url",),
    ),
    "carbon_aware_sdk": LiveSource(
        open=_carbon_aware_sdk,
        info=_sdk_info,
        needs=("sdk_url",),
        takes=("sdk_signal", "sdk_locations"),
    ),
    "gb_carbon_intensity": LiveSource(
        open=_gb_carbon_intensity,
        info=lambda _: gb_carbon_intensity.INFO,
        takes=("gb_carbon_intensity_url",),
        history=True,
    ),
    "energy_charts": LiveSource(
        open=_energy_charts,
        info=lambda _: energy_charts.INFO,
        takes=("energy_charts_url",),
        history=True,
    ),
    "carbonaware_scheduler": LiveSource(
        open=_carbonaware_scheduler,
        info=lambda _: replace(
            carbonaware_scheduler.INFO, zones=frozenset(scheduler_regions())
        ),
        takes=("carbonaware_scheduler_url",),
    ),
}
"""Live sources by name, in the order that ``auto`` asks them."""


_SHARED = ("source_timeout", "cache_dir")
"""Settings that every live source takes."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A live source with the settings that it takes; all others make no other of it."""

    name: str
    origin: str | None
    taken: tuple[object, ...]
    settings: Settings = field(compare=False)


def open_live(name: str, settings: Settings, origin: str | None = None) -> DescribedSource:
    """One source per name and what it takes of the settings, kept so that a login lasts.

    Args:
        name: one of `LIVE`.
        settings: credentials, URLs, limits.
        origin: where a credential is from, for messages, if not the environment.

    Raises:
        InvalidSettingError: (a ValueError) the base URL is none, or names no https.
    """
    row = LIVE[name]
    names = (*row.needs, *row.takes, *_SHARED)
    taken = tuple(getattr(settings, each) for each in names)
    with _ONE_BY_ONE:
        return _opened(_Wanted(name, origin, taken, settings))


def forget_live() -> None:
    """Open each source anew, as another process would."""
    _opened.cache_clear()


# Two threads that open the same source at once would each log in.
_ONE_BY_ONE = Lock()


@lru_cache(maxsize=32)
def _opened(wanted: _Wanted) -> DescribedSource:
    name, origin = wanted.name, wanted.origin
    try:
        return LIVE[name].open(wanted.settings, origin)
    except InvalidSettingError as error:
        if origin is not None:
            msg = f"{origin}: {error}"
            raise InvalidSettingError(msg) from None
        variable = "SDK_URL" if name == "carbon_aware_sdk" else f"{name.upper()}_URL"
        msg = f"CARBONAWARE_{variable}: {error}"
        raise InvalidSettingError(msg) from None
