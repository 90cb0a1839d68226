"""A worker that starts dozens of runs within seconds, with no process for each.

It does to the API what Prefect's process worker and engine do, and no more: poll for
what starts within the look-ahead, propose Pending, wait for the scheduled time, propose
Running, work, propose Completed. A run that the server does not let it start, it leaves.
The work is a note of the start.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx

_LOOK_AHEAD = timedelta(seconds=1)
_POLL_SECONDS = 0.7
# SQLite has one writer; more at once only wait for one another.
_AT_ONCE = 3


class QuickWorker:
    """The worker of one pool."""

    def __init__(self, api: str, pool: str) -> None:
        self._client = httpx.Client(base_url=api, timeout=90)
        self._pool = pool
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        # A request that is cut off in the server leaves its database locked for a minute.
        self._end = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: self._end.set())

    def work(self) -> None:
        """Poll and start runs until SIGTERM."""
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            while not self._end.is_set():
                for run in self._due():
                    with self._lock:
                        new = run["id"] not in self._busy
                        self._busy.add(run["id"])
                    if new:
                        threads.submit(self._start, run)
                self._end.wait(_POLL_SECONDS)

    def _due(self) -> list[dict[str, Any]]:
        before = datetime.now(timezone.utc) + _LOOK_AHEAD
        path = f"/work_pools/{self._pool}/get_scheduled_flow_runs"
        found = self._call("POST", path, {"scheduled_before": before.isoformat()})
        return [each["flow_run"] for each in found or []]

    def _start(self, run: dict[str, Any]) -> None:
        try:
            if self._propose(run, "PENDING"):
                self._execute(run)
        finally:
            with self._lock:
                self._busy.discard(run["id"])

    def _execute(self, run: dict[str, Any]) -> None:
        if self._propose(run, "RUNNING"):
            note(run["parameters"], run["id"])
            time.sleep(run["parameters"].get("seconds", 0))
            self._propose(run, "COMPLETED")

    def _propose(self, run: dict[str, Any], kind: str) -> bool:
        """Whether the server accepts; waited for as long as it says to."""
        # With one id, a proposal whose answer was lost may be made again.
        details = {"transition_id": str(uuid.uuid4())}
        body = {"state": {"type": kind, "state_details": details}}
        while True:
            answer = self._call("POST", f"/flow_runs/{run['id']}/set_state", body)
            if answer is None:
                return False
            if answer["status"] != "WAIT":
                done = (answer["state"] or {}).get("state_details") or {}
                accepted: bool = answer["status"] == "ACCEPT"
                return accepted or done.get("transition_id") == details["transition_id"]
            time.sleep(answer["details"]["delay_seconds"])

    def _call(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """The answer, of a server that may be away for a while; None for a 404."""
        while not self._end.is_set():
            try:
                response = self._client.request(method, path, json=body)
                if response.status_code == httpx.codes.NOT_FOUND:
                    return None
                if response.is_success:
                    return response.json()
            except httpx.HTTPError:
                pass
            self._end.wait(_POLL_SECONDS)
        return None


def note(parameters: dict[str, Any], run: str) -> None:
    """Write down that an occurrence has started."""
    line = {"occurrence": parameters["occurrence"], "run": run, "time": time.time()}
    # One write of one line is whole, whoever else writes.
    handle = os.open(parameters["journal"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, (json.dumps(line) + "\n").encode())
    os.close(handle)


if __name__ == "__main__":
    QuickWorker(os.environ["PREFECT_API_URL"], sys.argv[1]).work()
