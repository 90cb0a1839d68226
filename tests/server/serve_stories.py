"""What is done to processes that serve flows without a work pool.

Each story ends where its runs either wait or have come to their ends, and are served; the
one of the planner goes on when the clock has come to the nominal starts.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests.docs.documents import blocks
from tests.prefect_server.proxy import Proxy
from tests.prefect_server.runs import Run
from tests.prefect_server.server import Server
from tests.prefect_server.waiting import eventually
from tests.prefect_server.world import DIP_IN
from tests.server.serving import Served, closing
from tests.warm import python

_HELD = "held.py:held_flow"
_MOVE = rb"POST /api/flow_runs/[^ ]+/set_state .*Waiting for cleaner"
_HOUR = timedelta(hours=1)


@dataclass
class Story:
    """Runs of one serving process or two, and what was seen of them at the time."""

    server: Server
    folder: Path
    stack: ExitStack
    runs: dict[str, Run] = field(default_factory=dict)
    served: dict[str, Served] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)

    def keep(self, served: Served, **env: str) -> Served:
        """Start serving, until the stack is closed."""
        self.stack.enter_context(closing(served)).start(**env)
        return served

    def serve(self, flow: str, *options: str, **env: str) -> Served:
        """Serve a flow of the tests."""
        return self.keep(Served.of_tests(self.server, self.folder, flow, *options), **env)


def documented(story: Story) -> None:
    """The example of docs/serve.md, with a forecast from a file."""
    (block,) = (block for block in blocks("python") if block.file_name == "reports.py")
    script, forecast = story.folder / "reports.py", story.folder / "forecast.csv"
    script.write_text(block.text, encoding="utf-8")
    write_forecast(forecast, story.server.clock.now(), timedelta(seconds=DIP_IN))
    served = story.keep(
        Served(story.server, story.folder, [str(script)], "reports", "nightly"),
        CARBONAWARE_SOURCE=f"file:{forecast}",
    )
    created = story.server.call(
        "POST",
        f"/deployments/{served.deployment()['id']}/create_flow_run",
        json={"state": {"type": "SCHEDULED"}},
    )
    run = story.runs["run"] = Run(story.server, created["id"], story.folder / "none")
    run.wait_until_put_back()
    eventually(lambda: not served.flow_processes(), what="its process ends")
    story.seen |= {"alive": served.process.alive(), "then": run.state()}


def write_forecast(file: Path, now: datetime, ahead: timedelta) -> None:
    """300 g/kWh, but 100 for an hour ``ahead`` of now."""
    hours = {now - _HOUR: 300, now + ahead: 100, now + ahead + _HOUR: 300}
    lines = [f"{start.isoformat()},{grams}," for start, grams in hours.items()]
    lines[-1] += (now + 72 * _HOUR).isoformat()
    file.write_text("\n".join(["start,intensity,end", *lines]) + "\n")


def limited(story: Story) -> None:
    """A second run comes while the first one waits, with serve(limit=1)."""
    served = story.serve(_HELD, "--limit", "1")
    first = story.runs["first"] = served.run()
    first.wait_until_put_back()
    second = story.runs["second"] = served.run(dip_in=-3600)
    second.wait_for("Completed")
    story.seen["first, then"] = first.state()


def ended(story: Story, number: int) -> None:
    """The serving process is ended while one run waits and another one decides."""
    served = story.serve(_HELD)
    waiting = story.runs["waiting"] = served.run()
    deciding = story.runs["deciding"] = served.run(held="deciding")
    deciding.wait_for_note("deciding")
    waiting.wait_until_put_back()
    served.stop(number)
    if number == signal.SIGTERM:
        deciding.wait_for("Cancelled")
        served.restart()
    else:
        deciding.add_note("go on")
        served.restart()
        deciding.wait_until_put_back()


def paused(story: Story) -> None:
    """Ctrl-C, which pauses the schedule, while a run by hand and one by schedule wait."""
    journal = story.folder / "by-schedule.jsonl"
    parameters = json.dumps({"dip_in": DIP_IN, "journal": str(journal)})
    served = story.serve(_HELD, "--parameters", parameters)
    start = story.server.clock.now() + timedelta(minutes=30)
    served.schedule(start)
    story.server.clock.reach(start)
    by_hand = story.runs["by hand"] = served.run()
    row = eventually(partial(_started, served), what="the scheduled run starts")
    by_schedule = story.runs["by schedule"] = Run(story.server, row["id"], journal)
    by_hand.wait_until_put_back()
    by_schedule.wait_until_put_back()
    served.stop(signal.SIGINT)
    served.wait_for_end()
    story.seen |= {"paused": served.deployment()["paused"], "rows": served.rows()}
    served.restart()


def _started(served: Served) -> dict[str, Any] | None:
    rows = (row for row in served.rows() if row["auto_scheduled"] and row["run_count"])
    return next(rows, None)


def all_ended(story: Story, number: int) -> None:
    """A signal to all processes when one run's move was accepted and another decides."""
    proxy = story.stack.enter_context(Proxy(story.server.port))
    served = story.serve(_HELD, PREFECT_API_URL=proxy.api)
    deciding = story.runs["deciding"] = served.run(held="deciding")
    deciding.wait_for_note("deciding")

    def strike() -> bool:
        served.stop(number, all_processes=True)
        # Time for Python to come to it; when it comes later, that is as good.
        time.sleep(0.3)
        return number != signal.SIGKILL

    trap = proxy.trap(_MOVE, "after", strike)
    moving = story.runs["moving"] = served.run()
    eventually(trap.sprung.is_set, what="the move is accepted")
    served.restart()
    # By then all has been reported.
    if moving.state() != "Cancelled":
        moving.wait_until_put_back()


def lingering(story: Story) -> None:
    """User code does not let the processes of moved runs end; Ctrl-C comes to one."""
    # So early that a busy machine, too, is in time to end them before they are looked for.
    served = story.serve(_HELD, PREFECT_WORKER_PREFETCH_SECONDS="60")
    for name in ("held", "interrupted"):
        # After the nominal starts of the planner's runs.
        run = story.runs[name] = served.run(dip_in=0.9 * DIP_IN, held="leaving")
        run.wait_for_note("leaving")
    os.kill(int(story.runs["interrupted"].note("start")["pid"]), signal.SIGINT)


def planned(story: Story) -> None:
    """The planner moves the runs of two schedules before they start."""
    now = story.server.clock.now().replace(microsecond=0)
    write_forecast(story.folder / "plan.csv", now, timedelta(seconds=DIP_IN))
    for name in ("kept", "anew"):
        story.served[name] = _to_be_planned(story, name)
        story.served[name].schedule(now + 2 * _HOUR)
    _plan(story)
    first = {name: served.first_row() for name, served in story.served.items()}
    story.seen |= {
        "moved": first,
        "nominal": now + 2 * _HOUR,
        "slot": now + timedelta(seconds=DIP_IN),
    }


def served_anew(story: Story) -> None:
    """One of them is served anew after its nominal start, and the planner looks again."""
    served = story.served["anew"]
    served.stop(signal.SIGTERM)
    served.restart()
    gone = f"/flow_runs/{story.seen['moved']['anew']['id']}"
    eventually(
        lambda: story.server.client.get(gone).status_code == 404,
        what="Prefect deletes the run that waits",
    )
    _plan(story)
    for name, each in story.served.items():
        journal = story.folder / f"{name}.jsonl"
        story.runs[name] = Run(story.server, each.first_row()["id"], journal)


def _plan(story: Story) -> None:
    # A served deployment has no job variables; the planner has its settings.
    settings = {
        "CARBONAWARE_ZONE": "DE",
        "CARBONAWARE_SOURCE": f"file:{story.folder / 'plan.csv'}",
        "CARBONAWARE_DURATION": "1h",
    }
    subprocess.run(
        [python(), "-m", "carbonaware_prefect", "plan"],
        env=story.server.environment(**settings),
        check=True,
        capture_output=True,
    )


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
