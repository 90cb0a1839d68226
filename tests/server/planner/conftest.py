"""What the modules of this folder begin with: nothing that others left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.prefect_server.server import Server
from tests.prefect_server.world import World
from tests.server.planner.occurrences import a_planned_world


@pytest.fixture(scope="module")
def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A pool of the module's own, without a worker; no deployment of it is left behind."""
    with a_planned_world(server, tmp_path_factory.mktemp("world")) as world:
        yield world
