"""A flow that notes the time, and lets a process of its own note it."""

from __future__ import annotations

import subprocess
import sys

from journal import note
from prefect import flow

_CHILD = "import sys; from journal import note; note(sys.argv[1], 'child')"


@flow
def telling_flow(dip_in: float, journal: str) -> None:
    del dip_in
    note(journal, "start")
    subprocess.run([sys.executable, "-c", _CHILD, journal], check=True)
    note(journal, "end")
