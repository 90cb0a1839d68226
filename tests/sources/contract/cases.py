"""Every HTTP source, with the answers its API would give for given values."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from pydantic import SecretStr

from carbonaware_prefect.core import Interval
from carbonaware_prefect.sources.http.exchange import FetchBudget
from carbonaware_prefect.sources.http.source import HttpSource
from carbonaware_prefect.sources.services.carbon_aware_sdk import CarbonAwareSdk
from carbonaware_prefect.sources.services.carbonaware_scheduler import CarbonAwareScheduler
from carbonaware_prefect.sources.services.electricity_maps import ElectricityMaps
from carbonaware_prefect.sources.services.energy_charts import EnergyCharts
from carbonaware_prefect.sources.services.gb_carbon_intensity import GbCarbonIntensity
from carbonaware_prefect.sources.services.watttime import WattTime

__all__ = ["CASES", "ISSUED", "MIDNIGHT", "Case", "Point", "case_of"]

MIDNIGHT = datetime(2026, 11, 21, tzinfo=timezone.utc)
ISSUED = MIDNIGHT - timedelta(minutes=7)
KEY = "em-KEY-7f3a9c"
PASSWORD = "wt-p4ss'word&7"  # noqa: S105  a made-up one
TOKEN = "eyJ.wt-token-55.abc"  # noqa: S105  a made-up one
BASIC = base64.b64encode(f"frida:{PASSWORD}".encode()).decode()
LB_PER_MWH = 0.45359237

Point = tuple[datetime, object]
Payload = Callable[[Sequence[Point], bool], object]


@dataclass(frozen=True)
class Case:
    """One source and the API behind it.

    ``payload(points, elsewhere)`` is the API's answer for points in g/kWh; with
    ``elsewhere`` it names another zone than the one asked for.
    """

    name: str
    zone: str
    step: timedelta
    make: Callable[[str, FetchBudget], HttpSource]
    payload: Payload
    names_zone: bool = True
    secrets: tuple[str, ...] = ()
    credential_origin: str | None = None

    def points(self, count: int = 12) -> list[Point]:
        """Good points from midnight on: 100, 101, ... g/kWh."""
        return [(MIDNIGHT + i * self.step, 100 + i) for i in range(count)]

    @property
    def asked(self) -> Interval:
        """The interval that the good points fill."""
        return Interval(MIDNIGHT, MIDNIGHT + 12 * self.step)

    def good(self) -> object:
        """The answer with the good points."""
        return self.payload(self.points(), False)

    def __str__(self) -> str:
        return self.name


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _pounds(value: object) -> object:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # An integer too large for a float goes out as it is.
    small = number and abs(value) < 1e300  # type: ignore[arg-type]
    return value / LB_PER_MWH if small else value  # type: ignore[operator]


def _half_hours(points: Sequence[Point]) -> list[object]:
    return [
        {
            "from": f"{start:%Y-%m-%dT%H:%MZ}",
            "to": f"{start + timedelta(minutes=30):%Y-%m-%dT%H:%MZ}",
            "intensity": {"forecast": value, "actual": None, "index": "low"},
        }
        for start, value in points
    ]


def gb_national(points: Sequence[Point], elsewhere: bool) -> object:
    return {"data": _half_hours(points)}


def gb_regional(points: Sequence[Point], elsewhere: bool) -> object:
    return {
        "data": {
            "regionid": 7 if elsewhere else 13,
            "dnoregion": "UKPN London",
            "shortname": "London",
            "data": _half_hours(points),
        }
    }


def energy_charts(points: Sequence[Point], elsewhere: bool) -> object:
    return {
        "unix_seconds": [int(start.timestamp()) for start, _ in points],
        "co2eq": [None for _ in points],
        "co2eq_forecast": [value for _, value in points],
        "deprecated": False,
    }


def electricity_maps(points: Sequence[Point], elsewhere: bool) -> object:
    return {
        "zone": "FR" if elsewhere else "DE",
        "forecast": [
            {"carbonIntensity": value, "datetime": f"{start:%Y-%m-%dT%H:%M:%S}.000Z"}
            for start, value in points
        ],
        "updatedAt": _iso(ISSUED),
    }


def electricity_maps_fine(points: Sequence[Point], elsewhere: bool) -> object:
    payload = electricity_maps(points, elsewhere)
    assert isinstance(payload, dict)
    return {**payload, "temporalGranularity": "15_minutes"}


def watttime(points: Sequence[Point], elsewhere: bool) -> object:
    return {
        "data": [
            {"point_time": start.isoformat(), "value": _pounds(value)}
            for start, value in points
        ],
        "meta": {
            "data_point_period_seconds": 300,
            "region": "FR" if elsewhere else "CAISO_NORTH",
            "signal_type": "co2_moer",
            "units": "lbs_co2_per_mwh",
            "model": {"date": "2023-03-01"},
            "generated_at": ISSUED.isoformat(),
            "generated_at_period_seconds": 300,
            "warnings": [],
        },
    }


def scheduler(points: Sequence[Point], elsewhere: bool) -> object:
    zone = {"provider": "aws", "region": "eu-west-1" if elsewhere else "us-east-1"}
    slots = [
        {"time": _iso(start), "zone": zone, "co2_intensity": _pounds(value)}
        for start, value in points
    ]
    return {
        "ideal": slots[0] if slots else None,
        "naive_case": slots[0] if slots else None,
        "median_case": slots[len(slots) // 2] if slots else None,
        "worst_case": slots[-1] if slots else None,
        "options": slots,
        "carbon_savings": {"vs_naive_case": 0.0},
    }


def carbon_aware_sdk(points: Sequence[Point], elsewhere: bool) -> object:
    data = [
        {
            "location": "eastus",
            "timestamp": f"{start:%Y-%m-%dT%H:%M:%S}.0000000+00:00",
            "duration": 5,
            "value": value,
        }
        for start, value in points
    ]
    return [
        {
            "generatedAt": ISSUED.isoformat(),
            "requestedAt": ISSUED.isoformat(),
            "location": "westus" if elsewhere else "eastus",
            "windowSize": 5,
            "optimalDataPoints": data[:1],
            "forecastData": data,
        }
    ]


def _electricity_maps(version: str) -> Callable[[str, FetchBudget], HttpSource]:
    def make(url: str, budget: FetchBudget) -> HttpSource:
        return ElectricityMaps(
            SecretStr(KEY),
            version=version,  # type: ignore[arg-type]
            credential_origin="CARBONAWARE_TEST_KEY",
            base_url=url,
            budget=budget,
        )

    return make


def _watttime(url: str, budget: FetchBudget) -> HttpSource:
    return WattTime(
        "frida",
        SecretStr(PASSWORD),
        credential_origin="CARBONAWARE_TEST_PASSWORD",
        regions={"US-CAL-CISO": "CAISO_NORTH"},
        base_url=url,
        budget=budget,
    )


CASES = (
    Case(
        "gb_national",
        "GB",
        timedelta(minutes=30),
        lambda url, budget: GbCarbonIntensity(base_url=url, budget=budget),
        gb_national,
        names_zone=False,
    ),
    Case(
        "gb_regional",
        "GB-13",
        timedelta(minutes=30),
        lambda url, budget: GbCarbonIntensity(base_url=url, budget=budget),
        gb_regional,
    ),
    Case(
        "energy_charts",
        "DE",
        timedelta(minutes=15),
        lambda url, budget: EnergyCharts(base_url=url, budget=budget),
        energy_charts,
        names_zone=False,
    ),
    Case(
        "electricity_maps_v3",
        "DE",
        timedelta(hours=1),
        _electricity_maps("v3"),
        electricity_maps,
        secrets=(KEY,),
        credential_origin="CARBONAWARE_TEST_KEY",
    ),
    Case(
        "electricity_maps_v4",
        "DE",
        timedelta(minutes=15),
        _electricity_maps("v4"),
        electricity_maps_fine,
        secrets=(KEY,),
        credential_origin="CARBONAWARE_TEST_KEY",
    ),
    Case(
        "watttime",
        "US-CAL-CISO",
        timedelta(minutes=5),
        _watttime,
        watttime,
        secrets=(PASSWORD, TOKEN, BASIC),
        credential_origin="CARBONAWARE_TEST_PASSWORD",
    ),
    Case(
        "carbonaware_scheduler",
        "US-MIDA-PJM",
        timedelta(minutes=5),
        lambda url, budget: CarbonAwareScheduler(
            regions={"US-MIDA-PJM": ("aws", "us-east-1")}, base_url=url, budget=budget
        ),
        scheduler,
    ),
    Case(
        "carbon_aware_sdk",
        "US-MIDA-PJM",
        timedelta(minutes=5),
        lambda url, budget: CarbonAwareSdk(
            url, signal="average", locations={"US-MIDA-PJM": "eastus"}, budget=budget
        ),
        carbon_aware_sdk,
    ),
)


def case_of(name: str) -> Case:
    """The case of that name."""
    return next(case for case in CASES if case.name == name)
