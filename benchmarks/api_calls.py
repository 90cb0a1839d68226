"""Calls to the Prefect API that one delay adds, and how many of them are ours.

Each flow run reaches the API through a proxy of its own that counts. A call is *ours* when
it is made below a function of the package in the call stack: the package's calls, and what
Prefect's client asks by itself when the package opens one. The rest of what a delay adds is
Prefect's own: it starts a process twice. The workers' calls are counted beside, less those
that a worker makes without any run.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median_high

from benchmarks import render
from benchmarks.lab import DELAYED, PLAIN, SETTINGS, Lab, a_server, another_world
from tests.prefect_server.proxy import Proxy, Trap
from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import now

__all__ = ["headlines", "main", "run"]

REPEATS = 3
# Six for the delay itself, three for the page of its run.
TARGET = 9
APART = 4.0
# A worker takes up to 10 s to look, a start some 5 s, the nearest move is 15 s away.
DIP_IN = timedelta(seconds=42)
REQUEST = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.1\r\n")
OURS = b"x-made-by: carbonaware_prefect"
STARTS = 2
WEBSOCKETS = ("GET /events/in", "GET /events/out")
ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
SUMMARY = f"calls to the Prefect API, median of {REPEATS} runs"
BY_PATH = "by the flow run's processes, by path"
BY_WORKER = f"by the worker, {REPEATS} runs, without its polling"


@dataclass(frozen=True)
class Call:
    """One request: when, what, and whether it was made below the package."""

    at: datetime
    what: str
    ours: bool


@dataclass
class Counting(Trap):
    """A trap that never springs, and remembers every request."""

    calls: list[Call] = field(default_factory=list)

    def matches(self, data: bytes) -> bool:
        """Never."""
        if request := REQUEST.match(data):
            method, path = (part.decode() for part in request.groups())
            head = data.partition(b"\r\n\r\n")[0].lower()
            self.calls.append(Call(now(), f"{method} {template(path)}", OURS in head))
        return False


@dataclass(frozen=True)
class Counted:
    """A run that has ended, and its processes' calls."""

    run: Run
    calls: list[Call]


def run() -> dict[str, object]:
    """Both kinds of run at the same time, each kind on a worker of its own."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(a_server())
        labs = {flow: counted_lab(stack, server) for flow in (PLAIN, DELAYED)}
        # What a worker asks before it has any run.
        time.sleep(12)
        polling = {call.what for _, trap in labs.values() for call in trap.calls}
        runs = start(stack, {flow: lab for flow, (lab, _) in labs.items()})
        for each, _ in (pair for some in runs.values() for pair in some):
            each.wait_for("Completed", within=120)
        # The last logs and events are sent as a process ends.
        time.sleep(4)
        plain, delayed = (
            [Counted(each, trap.calls) for each, trap in runs[flow]]
            for flow in (PLAIN, DELAYED)
        )
        workers = {
            flow: Counter(call.what for call in trap.calls if call.what not in polling)
            for flow, (_, trap) in labs.items()
        }
        return results(plain, delayed, workers)


def main() -> None:
    """Measure and print."""
    print(render(run()))


def headlines(results: dict[str, list[dict[str, object]]]) -> dict[str, str]:
    """What the README says."""
    total = next(row for row in results[SUMMARY] if row["calls"] == "total")
    return {
        "Calls to the Prefect API made by the package for one delay with its page "
        f"(at most {TARGET})": str(total["ours"]),
        "Calls added by one delay, with those of Prefect's second start": (
            str(total["added"])
        ),
    }


def counted_lab(stack: contextlib.ExitStack, server: Server) -> tuple[Lab, Counting]:
    """A pool whose worker reaches the API through a proxy of its own."""
    proxy, trap = counting_proxy(stack, server)
    world = stack.enter_context(another_world(server))
    return Lab.open(world, PREFECT_API_URL=proxy.api), trap


def counting_proxy(stack: contextlib.ExitStack, server: Server) -> tuple[Proxy, Counting]:
    """A proxy that remembers what goes through it."""
    proxy = stack.enter_context(Proxy(server.port))
    trap = Counting(b"", "before", lambda: True)
    proxy.traps.append(trap)
    return proxy, trap


def start(
    stack: contextlib.ExitStack, labs: dict[str, Lab]
) -> dict[str, list[tuple[Run, Counting]]]:
    """Plain and delayed runs in turn, each with its own way to the API."""
    runs: dict[str, list[tuple[Run, Counting]]] = {flow: [] for flow in labs}
    for _ in range(REPEATS):
        for flow, lab in labs.items():
            proxy, trap = counting_proxy(stack, lab.world.server)
            env = {"PREFECT_API_URL": proxy.api, "BENCHMARK_MARKS_CALLS": "1"}
            dip = (now() + DIP_IN).isoformat()
            parameters = {} if flow == PLAIN else {"dip": dip}
            runs[flow].append((lab.start(flow, now(), env=env, **parameters), trap))
            time.sleep(APART)
    return runs


def results(
    plain: list[Counted], delayed: list[Counted], workers: dict[str, Counter[str]]
) -> dict[str, object]:
    """The counts, summed up and by path."""
    kinds = {
        "plain run": [counts(one.calls) for one in plain],
        "first process": [counts(before_second_start(one)) for one in delayed],
        "both processes": [counts(one.calls) for one in delayed],
        "ours": [counts([call for call in one.calls if call.ours]) for one in delayed],
    }
    whats = sorted({what for some in kinds.values() for one in some for what in one})
    by_path = [row(what, (what,), kinds) for what in whats]
    ours = [sum(one.values()) for one in kinds["ours"]]
    return {
        "worker": SETTINGS,
        SUMMARY: [
            row("total", None, kinds),
            row("of them WebSockets", WEBSOCKETS, kinds),
        ],
        BY_PATH: by_path,
        "ours, each run": ours,
        f"ours at most {TARGET}": max(ours) <= TARGET,
        BY_WORKER: [
            {
                "call": what,
                "plain run": workers[PLAIN][what] / REPEATS,
                "with a delay": workers[DELAYED][what] / REPEATS,
            }
            for what in sorted(workers[PLAIN] | workers[DELAYED])
        ],
    }


def row(
    name: str, whats: tuple[str, ...] | None, kinds: dict[str, list[Counter[str]]]
) -> dict[str, object]:
    """One row of counts: of one kind of call, or of all."""

    def count(kind: str) -> int:
        return median_high(
            one.total() if whats is None else sum(one[what] for what in whats)
            for one in kinds[kind]
        )

    whole, first = count("both processes"), count("first process")
    return {
        "calls": name,
        "plain run": count("plain run"),
        "with a delay": whole,
        "first process": first,
        "second process": whole - first,
        "added": whole - count("plain run"),
        "ours": count("ours"),
    }


def counts(calls: list[Call]) -> Counter[str]:
    """How often each call was made."""
    return Counter(call.what for call in calls)


def before_second_start(one: Counted) -> list[Call]:
    """The calls of a moved run's first process."""
    started = [
        datetime.fromisoformat(state["timestamp"])
        for state in one.run.states()
        if state["name"] == "Pending"
    ]
    if len(started) != STARTS:
        msg = f"flow run {one.run.id} was started {len(started)} times"
        raise RuntimeError(msg)
    return [call for call in one.calls if call.at < started[-1]]


def template(path: str) -> str:
    """The path without ids and names."""
    path = re.sub(ID, "{id}", path.removeprefix("/api").partition("?")[0])
    return re.sub(
        r"(/(?:name|work_pools|queues))/(?!filter|paginate|count)[^/]+", r"\1/{name}", path
    )


if __name__ == "__main__":
    main()
