"""Starts a Prefect server for tests: ``python -m tests.prefect_server.start``."""

from __future__ import annotations

import gc
import os
import runpy
import sys

from tests.clock.shared import VARIABLE

if __name__ == "__main__":
    # Collecting garbage, the server closes cursors of SQLite in its main thread. Where such
    # a connection waits for the one writer that there may be, so does the main thread, and
    # the writer for that: for the minute after which SQLite gives up.
    gc.disable()
    if VARIABLE in os.environ:
        from tests.clock import http_date

        http_date.follow_the_clock()
    sys.argv[1:] = ["server", "start"]
    runpy.run_module("prefect", run_name="__main__")
