"""What is done to runs that `prefect flow-run execute` supervises, at each moment."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from datetime import timedelta
from functools import partial

from tests.docs.documents import blocks
from tests.prefect_server.runs import Run
from tests.prefect_server.waiting import eventually, now
from tests.server.evicting import Evicted, Tell

# From a run's first start: an evicted run starts again, and leaves again, before that.
_DIP_IN = 110.0
_LABELS = rb"PATCH /api/flow_runs/[^ ]+/labels .*slot_start"
_MOVE = rb"POST /api/flow_runs/[^ ]+/set_state .*Waiting for cleaner"
_RETRY = rb"POST /api/flow_runs/[^ ]+/set_state .*AwaitingRetry"
_STARTING = {"Pending", "Submitting"}


def at_note(
    told: Evicted, moment: str, number: int = signal.SIGTERM, *, both: bool = False
) -> None:
    """A signal while the flow is held at a moment."""
    told.start(dip_in=30 if moment == "work" else _DIP_IN, held=moment)
    told.run.wait_for_note(moment, within=150)
    told.strike(number, both=both)
    if moment in {"leaving", "ended"}:
        # Long enough for a supervisor that would not let it go on.
        time.sleep(3)
        told.run.add_note("go on")


def at_request(
    told: Evicted,
    pattern: bytes,
    moment: str,
    number: int = signal.SIGTERM,
    *,
    both: bool = False,
) -> None:
    """A signal when a request is on its way, or was answered."""
    proxy = told.proxy()

    def act() -> bool:
        told.strike(number, both=both)
        time.sleep(0.3)
        return number != signal.SIGKILL

    trap = proxy.trap(pattern, moment, act)
    told.start(proxy=proxy, dip_in=_DIP_IN)
    eventually(trap.sprung.is_set, within=90, what="the request comes")


def slow_answer(told: Evicted) -> None:
    """The supervisor's answer is slow: the run starts anew while its engine decides on."""
    proxy = told.proxy()

    def act() -> bool:
        eventually(
            lambda: told.run.state() in _STARTING, within=60, what="it is started again"
        )
        told.run.add_note("go on")
        # Time for the old engine to move the run, if it did.
        time.sleep(3)
        return True

    trap = proxy.trap(_RETRY, "after", act)
    told.start(proxy=proxy, dip_in=_DIP_IN, held="deciding")
    told.run.wait_for_note("deciding", within=90)
    told.strike(signal.SIGTERM)
    eventually(trap.sprung.is_set, within=90, what="the supervisor reschedules")


def relinquished(told: Evicted, *, moved: bool) -> None:
    """Evicted while deciding or right after the move, and started by the platform again."""
    told.behaviour = "relinquish"
    told.without_worker(dip_in=_DIP_IN, held="" if moved else "deciding")
    if moved:
        proxy = told.proxy()
        process = told.execute(proxy=proxy)

        def act() -> bool:
            os.kill(process.pid, signal.SIGTERM)
            time.sleep(0.3)
            return True

        proxy.trap(_MOVE, "after", act)
    else:
        process = told.execute()
        told.run.wait_for_note("deciding", within=90)
        os.kill(process.pid, signal.SIGTERM)
    status = process.popen.wait(120)
    told.seen |= {"status": status, "state": told.run.state()}
    if not moved:
        told.seen["again"] = told.execute().popen.wait(120)


def killed_unseen(told: Evicted) -> None:
    """Supervisor and engine are killed, and nobody looks at an exit status."""
    told.without_worker(dip_in=_DIP_IN, held="deciding")
    process = told.execute()
    told.run.wait_for_note("deciding", within=90)
    told.strike(signal.SIGKILL, both=True)
    process.popen.wait(30)
    eventually(lambda: not told.commands(), within=30, what="no process is left")


def documented(told: Evicted) -> None:
    """The example of docs/serve.md, deployed by its commands to this pool."""
    page = [
        block
        for block in blocks("python", "yaml", "console")
        if block.where.startswith("docs/serve.md:")
    ]
    for block in page:
        if block.file_name is not None:
            (told.folder / block.file_name).write_text(block.text, encoding="utf-8")
    typed = "\n".join(block.text for block in page if block.language == "console")
    (deploy,) = (line for line in typed.splitlines() if " deploy " in line)
    subprocess.run(
        [sys.executable, "-m", *shlex.split(deploy.removeprefix("$ "))],
        cwd=told.folder,
        env=told.world.server.environment(),
        check=True,
        timeout=120,
    )
    server, forecast = told.world.server, told.folder / "forecast.csv"
    deployment = server.call("GET", "/deployments/name/reports/on-spot")
    env = {"CARBONAWARE_SOURCE": f"file:{forecast}", "CARBONAWARE_MINIMUM_WAIT": "0s"}
    created = server.call(
        "POST",
        f"/deployments/{deployment['id']}/create_flow_run",
        json={"state": {"type": "SCHEDULED"}, "job_variables": {"env": env}},
    )
    run = Run(server, created["id"], told.folder / "none")
    told.keep(run)
    eventually(
        lambda: any("prefect.engine" in command for command in told.commands()),
        within=90,
        what="its engine starts",
    )
    told.seen["commands"] = told.commands()
    # It takes seconds before it reads this.
    dip, end = now() + timedelta(seconds=90), now() + timedelta(days=1)
    points = {now() - timedelta(hours=1): 300, dip: 100, dip + timedelta(hours=1): 300}
    lines = [f"{start.isoformat()},{grams}," for start, grams in points.items()]
    lines[-1] += end.isoformat()
    forecast.write_text("\n".join(["start,intensity,end", *lines]))
    run.wait_for("Scheduled", within=90)
    eventually(lambda: "moves" in run.labels(), within=90, what="the run is moved")
    eventually(lambda: not told.commands(), within=30, what="its processes end")
    told.seen["then"] = run.state()


STORIES: dict[str, Tell] = {
    "documented": documented,
    "deciding": partial(at_note, moment="deciding"),
    "labels": partial(at_request, pattern=_LABELS, moment="before"),
    "move": partial(at_request, pattern=_MOVE, moment="before"),
    "accepted": partial(at_request, pattern=_MOVE, moment="after"),
    "slow answer": slow_answer,
    "leaving": partial(at_note, moment="leaving"),
    "ended": partial(at_note, moment="ended"),
    "work": partial(at_note, moment="work"),
    "work, both": partial(at_note, moment="work", both=True),
    "killed deciding": partial(
        at_note, moment="deciding", number=signal.SIGKILL, both=True
    ),
    "killed accepted": partial(
        at_request, pattern=_MOVE, moment="after", number=signal.SIGKILL, both=True
    ),
    "killed unseen": killed_unseen,
    "unset": partial(at_note, moment="leaving"),
    "relinquished deciding": partial(relinquished, moved=False),
    "relinquished accepted": partial(relinquished, moved=True),
}
BEHAVIOURS: dict[str, str | None] = {"unset": None}
