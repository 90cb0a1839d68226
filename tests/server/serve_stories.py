"""What is done to processes that serve flows without a work pool."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests.docs.documents import blocks
from tests.prefect_server.proxy import Proxy
from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually, now
from tests.server.planner.occurrences import (
    Timeline,
    in_time,
    plan,
    sleep_until,
    write_forecast,
)
from tests.server.serving import Served, closing

_HELD = "held.py:held_flow"
# As long as that flow stays where it is held.
HELD_SECONDS = 180.0
# From a run's first start. A serving process looks 10 s ahead, and many start at once.
_DIP_IN = 75.0
_LOOK_AHEAD = timedelta(seconds=10)
_MOVE = rb"POST /api/flow_runs/[^ ]+/set_state .*Waiting for cleaner"
_SECOND = timedelta(seconds=1)


@dataclass
class Story:
    """Runs of one serving process or two, and what was seen of them at the time."""

    server: Server
    folder: Path
    stack: ExitStack
    runs: dict[str, Run] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)

    def keep(self, served: Served, **env: str) -> Served:
        """Start serving, until the stack is closed."""
        self.stack.enter_context(closing(served)).start(**env)
        return served

    def serve(self, flow: str, *options: str, **env: str) -> Served:
        """Serve a flow of the tests."""
        return self.keep(Served.of_tests(self.server, self.folder, flow, *options), **env)


def _waits(run: Run) -> bool:
    """Whether the run was moved, and has not started since."""
    return run.state() in {"Scheduled", "Late"} and "moves" in run.labels()


def _wait(run: Run) -> None:
    run.wait_for("Scheduled", within=60)
    eventually(partial(_waits, run), within=60, every=0.5, what=f"{run.id} waits")


def documented(story: Story) -> None:
    """The example of docs/serve.md, with a forecast from a file."""
    (block,) = (block for block in blocks("python") if block.file_name == "reports.py")
    script, forecast = story.folder / "reports.py", story.folder / "forecast.csv"
    script.write_text(block.text, encoding="utf-8")
    served = story.keep(
        Served(story.server, story.folder, [str(script)], "reports", "nightly"),
        CARBONAWARE_SOURCE=f"file:{forecast}",
        CARBONAWARE_MINIMUM_WAIT="0s",
    )
    created = story.server.call(
        "POST",
        f"/deployments/{served.deployment()['id']}/create_flow_run",
        json={"state": {"type": "SCHEDULED"}},
    )
    eventually(served.flow_processes, within=60, what="a process starts")
    # It takes seconds before it reads this.
    dip, end = now() + timedelta(seconds=60), now() + timedelta(days=1)
    points = {now() - timedelta(hours=1): 300, dip: 100, dip + timedelta(hours=1): 300}
    lines = [f"{start.isoformat()},{grams}," for start, grams in points.items()]
    lines[-1] += end.isoformat()
    forecast.write_text("\n".join(["start,intensity,end", *lines]))
    run = story.runs["run"] = Run(story.server, created["id"], story.folder / "none")
    _wait(run)
    eventually(lambda: not served.flow_processes(), within=20, what="its process ends")
    story.seen |= {"alive": served.process.alive(), "then": run.state()}


def limited(story: Story) -> None:
    """A second run comes while the first one waits, with serve(limit=1)."""
    served = story.serve(_HELD, "--limit", "1")
    first = story.runs["first"] = served.run(dip_in=_DIP_IN)
    _wait(first)
    second = story.runs["second"] = served.run(dip_in=-5)
    second.wait_for("Completed", within=60)
    story.seen["first, then"] = first.state()


def ended(story: Story, number: int) -> None:
    """The serving process is ended while one run waits and another one decides."""
    served = story.serve(_HELD)
    waiting = story.runs["waiting"] = served.run(dip_in=_DIP_IN)
    deciding = story.runs["deciding"] = served.run(dip_in=_DIP_IN, held="deciding")
    deciding.wait_for_note("deciding")
    _wait(waiting)
    served.stop(number)
    deciding.add_note("go on")
    served.restart()


def paused(story: Story) -> None:
    """Ctrl-C, which pauses the schedule, while a run by hand and one by schedule wait."""
    journal = story.folder / "by-schedule.jsonl"
    parameters = json.dumps({"dip_in": _DIP_IN, "journal": str(journal)})
    served = story.serve(_HELD, "--parameters", parameters)
    served.deployment()
    served.schedule(now() + timedelta(seconds=5))
    by_hand = story.runs["by hand"] = served.run(dip_in=_DIP_IN)

    def started() -> dict[str, Any] | None:
        rows = (row for row in served.rows() if row["auto_scheduled"] and row["run_count"])
        return next(rows, None)

    row = eventually(started, within=60, every=0.5, what="the scheduled run starts")
    by_schedule = story.runs["by schedule"] = Run(story.server, row["id"], journal)
    _wait(by_hand)
    _wait(by_schedule)
    served.stop(signal.SIGINT)
    served.wait_for_end()
    story.seen |= {"paused": served.deployment()["paused"], "rows": served.rows()}
    served.restart()


def all_ended(story: Story, number: int) -> None:
    """A signal to all processes when one run's move was accepted and another decides."""
    proxy = story.stack.enter_context(Proxy(story.server.port))
    served = story.serve(_HELD, PREFECT_API_URL=proxy.api)
    deciding = story.runs["deciding"] = served.run(dip_in=_DIP_IN, held="deciding")
    deciding.wait_for_note("deciding")

    def strike() -> bool:
        served.stop(number, all_processes=True)
        time.sleep(0.3)
        return number != signal.SIGKILL

    trap = proxy.trap(_MOVE, "after", strike)
    story.runs["moving"] = served.run(dip_in=_DIP_IN)
    eventually(trap.sprung.is_set, within=60, what="the move is accepted")
    served.restart()


def lingering(story: Story) -> None:
    """User code does not let the processes of moved runs end; Ctrl-C comes to one."""
    served = story.serve(_HELD)
    for name in ("held", "interrupted"):
        story.runs[name] = served.run(dip_in=_DIP_IN, held="leaving")
    story.runs["interrupted"].wait_for_note("leaving")
    os.kill(int(story.runs["interrupted"].note("start")["pid"]), signal.SIGINT)


def planned(story: Story) -> None:
    """The planner moves the runs of two schedules; one is served anew meanwhile."""
    served = {name: _to_be_planned(story, name) for name in ("kept", "anew")}
    for each in served.values():
        each.deployment()
    line = Timeline()
    nominal, slot = line.at(25), line.at(85)
    forecast = story.folder / "plan.csv"
    write_forecast(forecast, {slot: 100.0})
    # A served deployment has no job variables; the planner has its settings.
    one_pass = partial(
        plan,
        story.server,
        zone="DE",
        source=f"file:{forecast}",
        window=timedelta(minutes=10),
        duration=_SECOND,
        freeze=timedelta(0),
    )
    for each in served.values():
        each.schedule(nominal)
    in_time(nominal - _LOOK_AHEAD)
    one_pass()
    moved = {name: each.first_row() for name, each in served.items()}
    sleep_until(nominal + _SECOND)
    served["anew"].stop(signal.SIGTERM)
    served["anew"].restart()
    gone = f"/flow_runs/{moved['anew']['id']}"
    eventually(
        lambda: story.server.client.get(gone).status_code == 404,
        within=30,
        what="Prefect deletes the run that waits",
    )
    one_pass()
    in_time(slot - _LOOK_AHEAD)
    for name, each in served.items():
        journal = story.folder / f"{name}.jsonl"
        story.runs[name] = Run(story.server, each.first_row()["id"], journal)
    story.seen |= {"moved": moved, "slot": slot}


def _to_be_planned(story: Story, name: str) -> Served:
    parameters = json.dumps({"journal": str(story.folder / f"{name}.jsonl")})
    options = ("--tag", "carbon-aware", "--never-pause", "--parameters", parameters)
    return story.serve("nightly.py:nightly", *options)


STORIES: dict[str, Callable[[Story], None]] = {
    "planned": planned,
    "documented": documented,
    "stopped": partial(ended, number=signal.SIGTERM),
    "killed": partial(ended, number=signal.SIGKILL),
    "paused": paused,
    "all stopped": partial(all_ended, number=signal.SIGTERM),
    "all interrupted": partial(all_ended, number=signal.SIGINT),
    "all killed": partial(all_ended, number=signal.SIGKILL),
    "limited": limited,
    "lingering": lingering,
}
