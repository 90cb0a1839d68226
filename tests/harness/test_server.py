"""A server that does not start leaves nothing behind, and one may start in its place."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from carbonaware_prefect.demo.processes import living
from tests import sweeper
from tests.prefect_server.server import Server, a_server
from tests.warm import python


def _processes() -> set[int]:
    return {process.pid for process in living(sweeper.VARIABLE, sweeper.watch())}


def _folders() -> set[Path]:
    places = {Path("/dev/shm"), Path(tempfile.gettempdir())}  # noqa: S108
    return {path for place in places for path in place.glob(f"{sweeper.watch()}-*")}


@pytest.mark.server
def test_a_server_that_does_not_start(tmp_path: Path) -> None:
    """Its processes and data are gone, its log is quoted, and the set-up can run again."""
    # From now on the one that forks is there.
    python()
    before = _processes(), _folders()
    broken = {"PREFECT_SERVER_API_PORT": "nowhere"}
    for _ in range(2):
        with (
            pytest.raises(AssertionError, match=r"(?s)the Prefect server ended.*nowhere"),
            a_server(tmp_path, settings=broken),
        ):
            pass
        assert (_processes(), _folders()) == before
    with a_server(tmp_path) as server:
        assert server.healthy()

    assert (_processes(), _folders()) == before


@pytest.mark.server
def test_a_set_up_that_fails_after_the_start(tmp_path: Path) -> None:
    """A server whose user fails is ended, with what was started for its runs."""

    def use(server: Server) -> None:
        assert server.healthy()
        message = "as a set-up that fails"
        raise RuntimeError(message)

    # From now on the one that forks is there.
    python()
    before = _processes(), _folders()
    with pytest.raises(RuntimeError, match="as a set-up"), a_server(tmp_path) as server:
        use(server)

    assert (_processes(), _folders()) == before
