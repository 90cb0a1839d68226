"""One private container engine for all tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.docker.engine import Engine, NoEngineError

REQUIRED = "CARBONAWARE_TEST_REQUIRE_DOCKER"


def started_engine() -> Engine:
    """A running engine; where there can be none the test is skipped, or fails in CI."""
    engine = Engine()
    try:
        return engine.__enter__()
    except NoEngineError as error:
        reason = f"no container engine: {error}"
        if os.environ.get(REQUIRED):
            pytest.fail(f"{reason}\n({REQUIRED} is set)")
        pytest.skip(reason)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The engine, with no image yet."""
    engine = started_engine()
    try:
        yield engine
    finally:
        engine.stop()
