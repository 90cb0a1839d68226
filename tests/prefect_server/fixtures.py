"""The fixtures that all folders of tests share: one server for each test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.prefect_server.server import Server, a_server
from tests.prefect_server.world import Engine, World, a_world

__all__ = ["server", "world"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of this test process, on a clock that starts on a day in winter."""
    with a_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="session")
def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A pool with one unlimited worker, for runs of one process; nobody ends it."""
    with a_world(server, tmp_path_factory.mktemp("world"), Engine.OWN) as world:
        world.start_worker()
        yield world
