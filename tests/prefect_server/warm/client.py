"""What a worker starts for a flow run: ``python -S -E client.py SOCKET``.

Its own process stands for that of the flow run: signals that end it end the run, and it
ends as the run's process does.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys


def main(path: str) -> None:
    """Have a process forked, and do as it does."""
    with socket.socket(socket.AF_UNIX) as host:
        host.connect(path)
        # Without pathlib: this is to start within milliseconds.
        job = json.dumps({"env": dict(os.environ), "cwd": os.getcwd()}).encode()  # noqa: PTH109
        socket.send_fds(host, [len(job).to_bytes(8, "big")], [0, 1, 2])
        host.sendall(job)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: host.sendall(bytes([number])))
        answer = host.recv(4, socket.MSG_WAITALL)
    status = int.from_bytes(answer, "big", signed=True) if answer else 1
    if status < 0:
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1])
