"""A forecast service that dies in the middle of a fleet of runs costs no run."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.prefect_server.waiting import eventually, now
from tests.prefect_server.world import World
from tests.sources.contract.server import Asked, Reply, json_reply, serve

STEP = timedelta(minutes=5)


@pytest.mark.slow
def test_killing_the_forecast_service_fails_no_run(world: World) -> None:
    """Six runs, the service killed after three have moved: all six complete."""
    dip = int((now() + timedelta(seconds=60)).timestamp())

    def answer(_: Asked) -> Reply:
        seconds = [dip + i * 300 for i in range(-2, 12)]
        grams = [100.0 if second == dip else 300.0 for second in seconds]
        return json_reply({"unix_seconds": seconds, "co2eq_forecast": grams})

    with serve() as api:
        api.answer = answer
        environment = {
            "CARBONAWARE_SOURCE": "energy_charts",
            "CARBONAWARE_ENERGY_CHARTS_URL": api.url,
            "CARBONAWARE_SOURCE_TIMEOUT": "3s",
            "CARBONAWARE_ZONE": "DE",
            # Without files each process asks by itself, and meets the dead service.
            "CARBONAWARE_CACHE_DIR": "",
            "NO_PROXY": "*",
        }
        first = [world.run("live.py:live_flow", env=environment) for _ in range(3)]
        for run in first:
            eventually(
                lambda run=run: run.labels().get("slot_start"),  # type: ignore[misc]
                within=75,
                what="the run has its slot",
            )
        # Silent at first, so that a request is under way when it dies.
        api.answer = lambda _: Reply(manner="silence")
        asked = len(api.asked)
        second = [world.run("live.py:live_flow", env=environment) for _ in range(3)]
        eventually(lambda: len(api.asked) > asked, within=75, what="a run asks")

    for run in [*first, *second]:
        run.wait_for("Completed", within=90)
    for run in first:
        assert run.labels()["reason"] == "cleaner_slot"
        assert run.events().count("end") == 1
    for run in second:
        labels = run.labels()
        assert labels["reason"] == "source_failed"
        assert labels["source"] == "energy_charts"
        assert run.events() == ["start", "end"]
