"""The sources that ask the network, made from settings: key, URL, limits, cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

from pydantic import SecretStr

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.errors import InvalidSettingError
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.base import DescribedSource
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

__all__ = ["LIVE", "open_live"]

_WATTTIME_VARIABLES = "CARBONAWARE_WATTTIME_USERNAME and CARBONAWARE_WATTTIME_PASSWORD"


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
        credential_origin=origin or "CARBONAWARE_ELECTRICITY_MAPS_KEY",
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
        credential_origin=origin or _WATTTIME_VARIABLES,
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


LIVE: Mapping[str, Callable[[Settings, str | None], DescribedSource]] = {
    "electricity_maps": _electricity_maps,
    "watttime": _watttime,
    "carbon_aware_sdk": _carbon_aware_sdk,
    "gb_carbon_intensity": _gb_carbon_intensity,
    "energy_charts": _energy_charts,
    "carbonaware_scheduler": _carbonaware_scheduler,
}
"""What opens a live source from settings, and from where its credential is."""


@lru_cache(maxsize=16)
def open_live(name: str, settings: Settings, origin: str | None = None) -> DescribedSource:
    """One source per name and settings, kept so that a login lasts.

    Args:
        name: one of `LIVE`.
        settings: credentials, URLs, limits.
        origin: where a credential is from, for messages, if not the environment.

    Raises:
        InvalidSettingError: (a ValueError) the base URL is none, or names no https.
    """
    try:
        return LIVE[name](settings, origin)
    except InvalidSettingError as error:
        if origin is not None:
            msg = f"{origin}: {error}"
            raise InvalidSettingError(msg) from None
        variable = "SDK_URL" if name == "carbon_aware_sdk" else f"{name.upper()}_URL"
        msg = f"CARBONAWARE_{variable}: {error}"
        raise InvalidSettingError(msg) from None
