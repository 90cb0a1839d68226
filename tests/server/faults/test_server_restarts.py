"""A server that goes away and comes back, on the same database."""

from __future__ import annotations

import threading

from tests.prefect_server.proxy import Proxy
from tests.server.faults.fleet import SECOND, Fleet

_STATES = rb"POST /api/flow_runs/bulk_set_state "


def test_restarted_in_a_pass_and_between_passes(fleet: Fleet, proxy: Proxy) -> None:
    """A pass that the server leaves alone is told; the next one moves all that is left."""
    nominal = fleet.after(2) + 2 * fleet.server.start_seconds * SECOND
    slot = nominal + 8 * SECOND
    runs = fleet.deploy(3, nominal, source=fleet.forecast(slot))
    fleet.wait_until_scheduled(runs)

    def restart() -> bool:
        fleet.server.stop()
        threads.append(threading.Thread(target=fleet.server.start))
        threads[0].start()
        return False

    threads: list[threading.Thread] = []
    proxy.trap(_STATES, "before", restart)
    cut = fleet.planner("plan", api=proxy.api)
    cut.status()
    for thread in threads:
        thread.join()
    fleet.server.stop()
    fleet.server.start()
    report = fleet.plan()

    assert report["faults"] == 0
    assert report["counts"]["move"] + report["counts"]["keep"] == len(runs)
    ran = fleet.keeps_its_promise(runs)
    assert {each.put_to for each in ran.values()} == {slot}
