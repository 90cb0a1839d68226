"""Nothing that is checked here goes over the network."""

from __future__ import annotations

import socket
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: socket.socket, address: Any) -> None:
        msg = f"a connection to {address} was tried"
        raise AssertionError(msg)

    monkeypatch.setattr(socket.socket, "connect", refuse)
