"""A server of its own for the examples of the documents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

import pytest

from tests.prefect_server.server import Server, a_server

# After the hours at which their schedules start them.
_EVENING = datetime(2026, 1, 13, 21, 30, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server."""
    with a_server(tmp_path_factory.mktemp("docs"), start=_EVENING) as server:
        yield server
