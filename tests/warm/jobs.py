"""What a client asks the host for."""

from __future__ import annotations

import marshal
import os
import socket
from dataclasses import dataclass

__all__ = ["CLIENT", "Job", "received"]

# A variable that each fork has more than an interpreter: its own id and its client's. What
# it starts inherits that, and has another id; what it executes in its place has the same.
CLIENT = "CA_TESTS_CLIENT"
_FILES = 64


@dataclass
class Job:
    """A process to be.

    Attributes:
        client: the process that stands for it.
        environment: its environment.
        folder: where it works.
        arguments: what an interpreter was given: a module, code or a script, and more.
        files: what it is started with, by the numbers that they have there: its standard
            input, output and error, and pipes of multiprocessing.
        witness: where signals to the client's group are told.
    """

    client: int
    environment: dict[str, str]
    folder: str
    arguments: list[str]
    files: dict[int, int]
    witness: socket.socket


def received(client: socket.socket) -> Job | None:
    """What a client asks for; None where that has ended meanwhile."""
    length, files, _, _ = socket.recv_fds(client, 8, _FILES)
    count = int.from_bytes(length, "big")
    text = client.recv(count, socket.MSG_WAITALL) if count else b""
    if not text or len(text) < count:
        for file in files:
            os.close(file)
        return None
    # From our own launcher, and so of the same version of Python.
    pid, environment, folder, (_, *arguments), numbers = marshal.loads(text)  # noqa: S302
    *passed, witness = files
    return Job(
        client=pid,
        environment=environment,
        folder=folder,
        arguments=arguments,
        files=dict(zip(numbers, passed, strict=True)),
        witness=socket.socket(fileno=witness),
    )
