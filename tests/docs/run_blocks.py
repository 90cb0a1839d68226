"""Runs Python files one after the other, each as a script, and tells how each ended.

    python run_blocks.py FILE ...

Prints one JSON object: by file, the traceback, or null.
"""

from __future__ import annotations

import contextlib
import json
import runpy
import sys
import traceback


def main() -> None:
    """Run the files named on the command line."""
    ended: dict[str, str | None] = {}
    for path in sys.argv[1:]:
        ended[path] = None
        try:
            with contextlib.redirect_stdout(sys.stderr):
                runpy.run_path(path, run_name="__main__")
        except BaseException:  # noqa: BLE001  a block may do anything
            ended[path] = traceback.format_exc()
    print(json.dumps(ended))


if __name__ == "__main__":
    main()
