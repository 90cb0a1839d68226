"""One real Prefect server for all tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.server.stories import Stories
from tests.server.world import Anew, Run, Server, World, a_world

T = TypeVar("T")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder as one that needs a server."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.server)
            # On a machine that is busy with something else, the server sometimes leaves
            # a request without answer for a minute. A second try tells that from a fault.
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server."""
    server = Server(tmp_path_factory.mktemp("server"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A pool of its own with one unlimited worker."""
    with a_world(server, tmp_path_factory.mktemp("world")) as world:
        world.start_worker()
        yield world


def _second_try(request: pytest.FixtureRequest) -> bool:
    return int(getattr(request.node, "execution_count", 1)) > 1


@pytest.fixture
def runs(
    request: pytest.FixtureRequest, start: Callable[[str], Run], fleet: dict[str, Run]
) -> dict[str, Run]:
    """The fleet of the test's module; on a second try, runs that ``start`` makes anew."""
    return Anew(start) if _second_try(request) else fleet


@pytest.fixture
def story(request: pytest.FixtureRequest, stories: Stories[T]) -> Callable[[str], T]:
    """A story of the test's module, by its name; on a second try told anew."""

    def find(name: str) -> T:
        if _second_try(request):
            stories.tell(name)
        return stories[name]

    return find
