"""Deployments with a worker, and a planner's way to the API on which things go wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.prefect_server.proxy import Proxy
from tests.prefect_server.server import Server
from tests.prefect_server.world import World
from tests.server.planner.forks import Forks, forks
from tests.server.planner.occurrences import a_planned_world, start_worker


@pytest.fixture(scope="module")
def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A pool of the module's own with a worker; no deployment of it is left behind."""
    with a_planned_world(server, tmp_path_factory.mktemp("world")) as world:
        start_worker(world)
        yield world


@pytest.fixture(scope="module")
def proxy(server: Server) -> Iterator[Proxy]:
    """The planner's way to the API; the worker goes straight."""
    with Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def mortal(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Passes that can be killed."""
    with forks(server, tmp_path_factory.mktemp("forks")) as mortal:
        yield mortal
