"""The command line: ``carbonaware-prefect``. Parse, call, print."""

from __future__ import annotations

__all__ = ["main"]

_INTERRUPTED = 130


def main() -> int:
    """Run the command line; the exit status.

    0 done, 1 a check or run failed, 2 usage, 130 interrupted.
    """
    try:
        from carbonaware_prefect.cli.app import app

        app(prog_name="carbonaware-prefect")
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0
