"""Starts a Prefect server for tests: ``python -m tests.prefect_server.start``."""

from __future__ import annotations

import gc
import inspect
import os
import runpy
import sys

from sqlalchemy.pool import QueuePool

from tests.clock.shared import VARIABLE

if __name__ == "__main__":
    # Collecting garbage, the server closes cursors of SQLite in its main thread. Where such
    # a connection waits for the one writer that there may be, so does the main thread, and
    # the writer for that: for the minute after which SQLite gives up.
    gc.disable()
    # Those who take turns for the one connection to the database wait as long as it takes.
    defaults = inspect.signature(QueuePool.__init__).parameters
    assert defaults["timeout"].default == 30.0
    QueuePool.__init__.__defaults__ = tuple(
        600.0 if name == "timeout" else parameter.default
        for name, parameter in defaults.items()
        if parameter.default is not parameter.empty
    )
    if VARIABLE in os.environ:
        from tests.clock import http_date

        http_date.follow_the_clock()
    sys.argv[1:] = ["server", "start"]
    runpy.run_module("prefect", run_name="__main__")
