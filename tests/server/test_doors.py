"""The delays in process take what the delay task takes, and mean the same by it."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from tests.prefect_server.world import World

TOKYO = ZoneInfo("Asia/Tokyo")


def test_times_of_day_are_those_of_the_schedule(world: World) -> None:
    """Seven o'clock is seven in Tokyo for a call in a scheduled flow and its sub-flow."""
    schedule = {"cron": "0 3 1 1 *", "timezone": "Asia/Tokyo"}
    deployment = world.deploy(
        "doors.py:doors_flow", schedules=[{"schedule": schedule, "active": True}]
    )
    run = world.run("doors.py:doors_flow", deployment=deployment)
    run.wait_for("Completed")

    noted = dict(event.split() for event in run.events() if " " in event)
    assert noted.keys() == {"call", "below"}
    for moment in noted.values():
        latest = datetime.fromisoformat(moment).astimezone(TOKYO)
        assert (latest.hour, latest.minute) == (6, 30)
    assert run.events()[-1] == "work"
