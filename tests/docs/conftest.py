"""One real Prefect server for the examples of the documents."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.prefect_server.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server."""
    server = Server(tmp_path_factory.mktemp("docs-server"))
    try:
        server.start()
        yield server
    finally:
        server.close()
