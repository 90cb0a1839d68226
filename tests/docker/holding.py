"""Starts an engine with one container, names the engine's folder, and is then ended.

    python -m tests.docker.holding HOW

HOW is ``ends``, ``raises`` (in the middle) or ``waits`` (for a signal).
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.docker.engine import Engine
from tests.docker.images import import_image


def _hold(how: str) -> None:
    with Engine() as engine, tempfile.TemporaryDirectory() as folder:
        sleep = Path("/bin/sleep")
        import_image(engine.client, "sleep:1", Path(folder), {sleep: sleep})
        engine.client.containers.run(
            "sleep:1", ["sleep", "600"], detach=True, network_mode="host"
        )
        print(engine.folder, flush=True)
        sys.stdin.read(1)
        if how == "raises":
            message = "as a failing test does"
            raise RuntimeError(message)
        if how == "waits":
            time.sleep(600)


if __name__ == "__main__":
    _hold(sys.argv[1])
