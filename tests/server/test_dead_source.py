"""A forecast service that dies in the middle of a fleet of runs costs no run."""

from __future__ import annotations

from datetime import timedelta

from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import World
from tests.sources.contract.server import Asked, Reply, json_reply, serve

_HOUR = timedelta(hours=1)
_STEP_SECONDS = 3600


def test_killing_the_forecast_service_fails_no_run(server: Server, world: World) -> None:
    """Four runs, the service killed after two have moved: all four complete."""
    dip = int((server.clock.now() + 3 * _HOUR).timestamp())

    def answer(_: Asked) -> Reply:
        seconds = [dip + i * _STEP_SECONDS for i in range(-4, 24)]
        grams = [100.0 if second == dip else 300.0 for second in seconds]
        return json_reply({"unix_seconds": seconds, "co2eq_forecast": grams})

    with serve() as api:
        api.answer = answer
        environment = {
            "CARBONAWARE_SOURCE": "energy_charts",
            "CARBONAWARE_ENERGY_CHARTS_URL": api.url,
            "CARBONAWARE_SOURCE_TIMEOUT": "60s",
            "CARBONAWARE_ZONE": "DE",
            # Without files each process asks by itself, and meets the dead service.
            "CARBONAWARE_CACHE_DIR": "",
            "NO_PROXY": "*",
        }
        first = [world.run("live.py:live_flow", env=environment) for _ in range(2)]
        slots = [run.wait_until_put_back() for run in first]
        # Silent at first, so that a request is under way when it dies.
        api.answer = lambda _: Reply(manner="silence")
        asked = len(api.asked)
        second = [world.run("live.py:live_flow", env=environment) for _ in range(2)]
        eventually(lambda: len(api.asked) > asked, what="a run asks")

    for run in second:
        run.wait_for("Completed")
        labels = run.labels()
        assert labels["reason"] == "source_failed"
        assert labels["source"] == "energy_charts"
        assert run.events() == ["start", "end"]
    server.clock.reach(max(slots))
    for run in first:
        run.wait_for("Completed")
        assert run.labels()["reason"] == "cleaner_slot"
        assert run.events() == ["start", "start", "end"]
