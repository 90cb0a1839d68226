"""What a worker starts for a flow run, without the seconds that a flow engine takes.

A process of its own for each start, as always: it asks the server whether it may run,
notes the start in the run's journal, and tells the server that it is done.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any


def call(path: str, body: Any = None) -> Any:
    """One call of the Prefect API."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310  a server of the tests
        f"{os.environ['PREFECT_API_URL']}{path}",
        data=data,
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=90) as answer:  # noqa: S310
        return json.load(answer)


def insist(path: str, body: Any = None) -> Any:
    """The same, again while the server's database is busy."""
    for attempt in range(20):
        with contextlib.suppress(OSError):
            return call(path, body)
        time.sleep(0.2 * attempt)
    return call(path, body)


def may_run(flow_run: str) -> bool:
    """Propose Running; waits for a start that is still ahead, as a flow engine does."""
    # With one id, a proposal whose answer was lost may be made again.
    transition = str(uuid.uuid4())
    state = {"type": "RUNNING", "state_details": {"transition_id": transition}}
    while True:
        answer = insist(f"{flow_run}/set_state", {"state": state})
        if answer["status"] != "WAIT":
            there = (answer["state"] or {}).get("state_details") or {}
            accepted: bool = answer["status"] == "ACCEPT"
            return accepted or there.get("transition_id") == transition
        time.sleep(answer["details"]["delay_seconds"])


def write_down(journal: Path, event: str) -> None:
    """Note an event in the run's journal."""
    entry = {"event": event, "time": time.time(), "pid": os.getpid()}
    with journal.open("a") as file:
        file.write(json.dumps(entry) + "\n")


def main() -> None:
    flow_run = f"/flow_runs/{os.environ['PREFECT__FLOW_RUN_ID']}"
    parameters = insist(flow_run)["parameters"]
    journal = Path(parameters["journal"])
    if parameters.get("fails_first") and not journal.exists():
        write_down(journal, "fails")
        sys.exit(1)
    if not may_run(flow_run):
        return
    for event in ("start", parameters.get("told", "work")):
        write_down(journal, event)
    insist(f"{flow_run}/set_state", {"state": {"type": "COMPLETED"}})


if __name__ == "__main__":
    main()
