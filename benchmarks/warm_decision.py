"""What a live source adds to a decision when its forecast is in the cache already.

A local server speaks Electricity Maps, with 72 hours of 5 minutes. Warm in memory is any
later decision of a process, warm on disk the first one of a process where another has
asked.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import perf_counter

from pydantic import SecretStr

from benchmarks import render
from carbonaware_prefect.core import Forecast, Interval, Policy, decide
from carbonaware_prefect.delay.choice import consult
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.cache import cache_in
from carbonaware_prefect.sources.wiring.catalogue import open_source
from carbonaware_prefect.sources.wiring.live import forget_live, open_live

__all__ = ["headlines", "main", "run"]

STEP = timedelta(minutes=5)
POINTS = 864
ROUNDS = 200


class _Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        now = datetime.now(timezone.utc)
        start = now.replace(minute=0, second=0, microsecond=0)
        points = [
            {"datetime": (start + i * STEP).isoformat(), "carbonIntensity": 100 + i % 97}
            for i in range(POINTS)
        ]
        answer = {"zone": "DE", "temporalGranularity": "5_minutes", "forecast": points}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def _served() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _milliseconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    times = []
    for _ in range(rounds):
        started = perf_counter()
        work()
        times.append(perf_counter() - started)
    return 1000 * statistics.median(times)


def headlines(results: dict[str, list[dict[str, float]]]) -> dict[str, str]:
    """The numbers for the README."""
    ((_, _, disk),) = results.values()
    return {"a live forecast from the cache adds": f"{disk['median ms']:.1f} ms"}


def run() -> dict[str, object]:
    """Median milliseconds of a decision: search alone, and with a warm cache."""
    with _served() as url, tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            electricity_maps_key=SecretStr("none"),
            electricity_maps_url=url,
            cache_dir=folder,
        )
        now = datetime.now(timezone.utc)
        request = Policy(zone="DE", window=timedelta(hours=24)).bind(now)
        asked = Interval(now, request.latest_start + request.duration)
        forecast: Forecast = open_live("electricity_maps", settings).fetch("DE", asked)

        def warm() -> object:
            return consult(open_source("auto", settings), request, now)

        def first_of_a_process() -> object:
            cache_in.cache_clear()
            forget_live()
            return warm()

        search = _milliseconds(lambda: decide(request, forecast, now))
        rows = {
            "slot search alone": search,
            "added by a source that is warm in memory": _milliseconds(warm) - search,
            "added by one that is warm on disk": _milliseconds(first_of_a_process, 30)
            - search,
        }
    return {
        "864 points of 5 min, window 24 h": [
            {"what": what, "median ms": spent} for what, spent in rows.items()
        ]
    }


def main() -> None:
    """Measure and print."""
    print(render(run()))


if __name__ == "__main__":
    main()
