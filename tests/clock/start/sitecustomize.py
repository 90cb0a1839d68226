"""Python imports this as it starts: puts the process on the clock of its environment."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

_ROOT = str(Path(__file__).parents[3])


def _start(file: str) -> None:
    sys.path.insert(0, _ROOT)
    try:
        from tests.clock import shared, sql, travel

        travel.travel(shared.reader(Path(file)))
        sql.follow_the_clock()
    finally:
        sys.path.remove(_ROOT)


if "CA_TEST_CLOCK" in os.environ:
    try:
        _start(os.environ["CA_TEST_CLOCK"])
    except Exception:  # noqa: BLE001  site would go on, in another time than the rest
        traceback.print_exc()
        raise SystemExit(1) from None
