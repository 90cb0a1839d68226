"""Local servers that speak the formats of forecast services, for the tests beside."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from tests.sources.contract.server import Asked, Reply, json_reply

HOUR = timedelta(hours=1)


def this_hour() -> datetime:
    """The full hour that has begun."""
    now = datetime.now(timezone.utc)
    return now.replace(minute=0, second=0, microsecond=0)


def energy_charts(*, hours: int = 48, dip_after: int = 3) -> Callable[[Asked], Reply]:
    """Energy-Charts: 300 g/kWh, but 100 in one hour."""

    def answer(_: Asked) -> Reply:
        starts = [this_hour() + i * HOUR for i in range(hours)]
        grams = [100.0 if i == dip_after else 300.0 for i in range(hours)]
        seconds = [int(start.timestamp()) for start in starts]
        return json_reply({"unix_seconds": seconds, "co2eq_forecast": grams})

    return answer


def electricity_maps(*, hours: int = 72) -> Callable[[Asked], Reply]:
    """Electricity Maps: 200 g/kWh for the zone that is asked for."""

    def answer(asked: Asked) -> Reply:
        zone = asked.path.partition("zone=")[2].partition("&")[0]
        points = [
            {"datetime": (this_hour() + i * HOUR).isoformat(), "carbonIntensity": 200}
            for i in range(hours)
        ]
        return json_reply(
            {"zone": zone, "temporalGranularity": "hourly", "forecast": points}
        )

    return answer


def carbonaware_scheduler(asked: Asked) -> Reply:
    """The CarbonAware Scheduler: 800 lb/MWh in every 5 minutes."""
    question = json.loads(asked.body)
    start = datetime.fromisoformat(question["windows"][0]["start"])
    slots = [
        {
            "time": (start + i * timedelta(minutes=5)).isoformat(),
            "zone": question["zones"][0],
            "co2_intensity": 800.0,
        }
        for i in range(question["num_options"])
    ]
    return json_reply({"options": slots})
