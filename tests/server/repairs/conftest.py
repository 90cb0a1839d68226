"""A server of this folder's own, which keeps events, and a pool without a worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.prefect_server.server import Server, a_server
from tests.prefect_server.world import World, a_world

# A pass looks at what crashed within a day.
_FORGOTTEN = timedelta(hours=25)


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server; its runs are made where a test says so, and not on the way."""
    settings = {
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "true",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    }
    with a_server(tmp_path_factory.mktemp("server"), settings=settings) as server:
        yield server


@pytest.fixture
def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A pool of the test's own; no deployment of it is left behind."""
    server.clock.advance(_FORGOTTEN)
    with a_world(server, tmp_path_factory.mktemp("world")) as world:
        try:
            yield world
        finally:
            for deployment in world.deployments.values():
                server.client.delete(f"/deployments/{deployment}")
