"""A real server for the planner's faults, and a fleet of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.prefect_server.proxy import Proxy
from tests.server.faults.fleet import Fleet, QuickServer, a_fleet


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder as one that needs a server and minutes."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.server)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickServer]:
    """The server."""
    server = QuickServer(tmp_path_factory.mktemp("planner-server"))
    try:
        server.measure()
        yield server
    finally:
        server.close()


@pytest.fixture
def fleet(server: QuickServer, tmp_path: Path) -> Iterator[Fleet]:
    """Deployments and a worker of this test alone."""
    with a_fleet(server, tmp_path) as fleet:
        yield fleet


@pytest.fixture
def proxy(server: QuickServer) -> Iterator[Proxy]:
    """The planner's way to the API; the worker goes straight."""
    with Proxy(server.port) as proxy:
        yield proxy
