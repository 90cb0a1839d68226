"""A delay task takes its policy block and its schedule's time zone from the server."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from carbonaware_prefect import CarbonPolicy
from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server
from tests.prefect_server.world import World

FLOW = "asked.py:asked_flow"
TOKYO = ZoneInfo("Asia/Tokyo")


def flat(now: datetime, folder: Path) -> str:
    """A forecast in which nothing is worth a wait."""
    start, end = now - timedelta(hours=1), now + timedelta(days=3)
    file = folder / "flat.csv"
    file.write_text(f"start,end,intensity\n{start.isoformat()},{end.isoformat()},300\n")
    return f"file:{file}"


@pytest.fixture(scope="module")
def runs(
    server: Server, world: World, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Run]:
    """Runs with other settings each, all at the same time."""
    folder = tmp_path_factory.mktemp("settings")
    with temporary_settings({PREFECT_API_URL: server.api}):
        policy = CarbonPolicy(zone="DE", window=timedelta(hours=3), finish_by="PT2H")
        policy.save("mornings")
    source = {"CARBONAWARE_SOURCE": flat(server.clock.now(), folder)}
    scheduled = world.deploy(
        FLOW,
        schedules=[
            {"schedule": {"cron": "0 3 1 1 *", "timezone": "Asia/Tokyo"}, "active": True}
        ],
    )
    settings: dict[str, dict[str, str]] = {
        "by policy": {"CARBONAWARE_POLICY": "mornings"},
        "over policy": {"CARBONAWARE_POLICY": "mornings", "CARBONAWARE_ZONE": "FR"},
        "no policy": {"CARBONAWARE_POLICY": "evenings", "CARBONAWARE_ZONE": "FR"},
        "local": {"CARBONAWARE_FINISH_BY": "07:00", "CARBONAWARE_WINDOW": "36h"},
    }
    return {
        name: world.run(
            FLOW, deployment=scheduled if name == "local" else None, env=source | env
        )
        for name, env in settings.items()
    }


def told(run: Run, what: str) -> str:
    """What the flow noted about its decision."""
    run.wait_for("Completed")
    (found,) = [event for event in run.events() if event.startswith(f"{what} ")]
    return found.removeprefix(f"{what} ")


def test_a_policy_block_fills_in_what_nobody_said(runs: dict[str, Run]) -> None:
    """Zone and finish-by come from the block that CARBONAWARE_POLICY names."""
    run = runs["by policy"]

    assert told(run, "zone") == "DE"
    latest = datetime.fromisoformat(told(run, "latest"))
    noted = datetime.fromtimestamp(run.note("zone DE")["time"], timezone.utc)
    # Two hours to finish, less half an hour of work.
    assert abs(latest - noted - timedelta(minutes=90)) < timedelta(minutes=2)


def test_the_environment_wins_over_the_block(runs: dict[str, Run]) -> None:
    """What a variable says the block does not change."""
    assert told(runs["over policy"], "zone") == "FR"


def test_a_policy_that_nobody_saved_starts_the_run_at_once(runs: dict[str, Run]) -> None:
    """The reason names the variable and the block."""
    assert told(runs["no policy"], "reason") == "invalid_setting"
    assert "CARBONAWARE_POLICY='evenings'" in told(runs["no policy"], "sentence")


def test_times_of_day_are_those_of_the_schedule(runs: dict[str, Run]) -> None:
    """Seven o'clock is seven in the time zone of the deployment's schedule."""
    latest = datetime.fromisoformat(told(runs["local"], "latest")).astimezone(TOKYO)

    assert (latest.hour, latest.minute) == (6, 30)
