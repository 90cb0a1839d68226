"""A Prefect server on a PostgreSQL cluster of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clock.real_time import RealTime
from tests.fleet.postgres import a_database, why_no_postgres
from tests.prefect_server.server import Server

REQUIRED = "CARBONAWARE_TEST_REQUIRE_POSTGRES"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder as one that takes real infrastructure."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.infra)


def require_postgres() -> None:
    """Skip the test where there is no PostgreSQL, or fail it in CI."""
    if reason := why_no_postgres():
        if os.environ.get(REQUIRED):
            pytest.fail(f"{REQUIRED} is set, and {reason}")
        pytest.skip(reason)


@pytest.fixture(scope="module")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server; skipped with the reason where there is no PostgreSQL."""
    require_postgres()
    with a_database() as database:
        server = Server(
            tmp_path_factory.mktemp("postgres-server"),
            database,
            start=RealTime.POSTGRES,
            # The tests say which runs there are.
            settings={"PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false"},
        )
        try:
            server.start()
            yield server
        finally:
            server.close()
