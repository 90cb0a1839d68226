"""What is done to runs that `prefect flow-run execute` supervises, at each moment.

Each story ends where its run either waits or has come to its end; those of a run at work
go on when the clock has come to its slot.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from datetime import timedelta
from functools import partial

from tests.docs.documents import blocks
from tests.prefect_server.waiting import eventually
from tests.server.evicting import Evicted, Tell
from tests.warm import python

_LABELS = rb"PATCH /api/flow_runs/[^ ]+/labels .*slot_start"
_MOVE = rb"POST /api/flow_runs/[^ ]+/set_state .*Waiting for cleaner"
_RETRY = rb"POST /api/flow_runs/[^ ]+/set_state .*AwaitingRetry"
_STARTING = {"Pending", "Submitting"}
_HOUR = timedelta(hours=1)


def deciding(told: Evicted) -> None:
    """SIGTERM while its forecast is being fetched."""
    told.start(held="deciding")
    told.run.wait_for_note("deciding")
    told.strike(signal.SIGTERM)
    told.settle(starts=2)


def left(told: Evicted, moment: str) -> None:
    """SIGTERM after the move, before its process has ended."""
    told.start(held=moment)
    told.run.wait_for_note(moment)
    said = "Engine already reported a final state"
    before = told.world.output().count(said)
    told.strike(signal.SIGTERM)
    eventually(
        lambda: told.world.output().count(said) > before, what="its supervisor agrees"
    )
    told.run.add_note("go on")
    told.settle(starts=1)


def moving(told: Evicted, pattern: bytes, moment: str, moves: int = 1) -> None:
    """SIGTERM when a request is on its way, or was answered."""
    proxy = told.proxy()
    trap = proxy.trap(pattern, moment, told.evict)
    told.start(proxy=proxy)
    eventually(trap.sprung.is_set, what="the request comes")
    told.settle(starts=2, moves=moves)


def slow_answer(told: Evicted) -> None:
    """The supervisor's answer is slow: the run starts anew while its engine decides on."""
    proxy = told.proxy()

    def act() -> bool:
        eventually(lambda: told.run.state() in _STARTING, what="it is started again")
        told.run.add_note("go on")
        # Written when it has seen that it must not move the run, or when it has moved it.
        eventually(told.run.labels, what="the old engine has decided")
        return True

    trap = proxy.trap(_RETRY, "after", act)
    told.start(proxy=proxy, held="deciding")
    told.run.wait_for_note("deciding")
    told.strike(signal.SIGTERM)
    eventually(trap.sprung.is_set, what="the supervisor reschedules")
    told.settle(starts=2)


def before_work(told: Evicted) -> None:
    """It waits for its slot, to be held at work there."""
    told.start(held="work")
    told.settle(starts=1)


def at_work(told: Evicted, *, both: bool) -> None:
    """SIGTERM when it works after its slot; ``both``: the whole machine goes down."""
    clock = told.world.server.clock
    clock.reach(told.run.slot())
    told.run.wait_for_note("work")
    told.strike(signal.SIGTERM, both=both)


def killed_deciding(told: Evicted) -> None:
    """SIGKILL to supervisor and engine before the move."""
    told.start(held="deciding")
    told.run.wait_for_note("deciding")
    told.strike(signal.SIGKILL, both=True)
    told.run.wait_for("Crashed")


def killed_moved(told: Evicted) -> None:
    """SIGKILL to supervisor and engine when the server has accepted the move."""
    proxy = told.proxy()

    def act() -> bool:
        told.strike(signal.SIGKILL, both=True)
        return False

    trap = proxy.trap(_MOVE, "after", act)
    told.start(proxy=proxy)
    eventually(trap.sprung.is_set, what="the move is accepted")
    told.run.wait_for("Crashed")


def killed_unseen(told: Evicted) -> None:
    """Supervisor and engine are killed, and nobody looks at an exit status."""
    told.without_worker(held="deciding")
    process = told.execute()
    told.run.wait_for_note("deciding")
    told.strike(signal.SIGKILL, both=True)
    process.popen.wait()
    eventually(lambda: not told.commands(), what="no process is left")


def unset(told: Evicted) -> None:
    """SIGTERM after the move to a supervisor that was not told what to do with it."""
    told.behaviour = None
    told.start(held="leaving")
    told.run.wait_for_note("leaving")
    told.strike(signal.SIGTERM)
    told.run.wait_for("Crashed")
    told.run.add_note("go on")


def relinquished(told: Evicted, *, moved: bool) -> None:
    """Evicted while deciding or right after the move, and started by the platform again."""
    told.behaviour = "relinquish"
    told.without_worker(held="" if moved else "deciding")
    if moved:
        proxy = told.proxy()
        process = told.execute(proxy=proxy)
        proxy.trap(_MOVE, "after", told.evict)
    else:
        process = told.execute()
        told.run.wait_for_note("deciding")
        os.kill(process.pid, signal.SIGTERM)
    status = process.popen.wait()
    told.seen |= {"status": status, "state": told.run.state()}
    if not moved:
        told.seen["again"] = told.execute().popen.wait()


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
    server = told.world.server
    subprocess.run(
        [python(), "-m", *shlex.split(deploy.removeprefix("$ "))],
        cwd=told.folder,
        env=server.environment(),
        check=True,
    )
    forecast, now = told.folder / "forecast.csv", server.clock.now()
    hours = {now - _HOUR: 300, now + 3 * _HOUR: 100, now + 4 * _HOUR: 300}
    lines = [f"{start.isoformat()},{grams}," for start, grams in hours.items()]
    lines[-1] += (now + 24 * _HOUR).isoformat()
    forecast.write_text("\n".join(["start,intensity,end", *lines]))
    deployment = server.call("GET", "/deployments/name/reports/on-spot")
    run = told.world.create(
        deployment["id"],
        state={"type": "SCHEDULED"},
        job_variables={"env": {"CARBONAWARE_SOURCE": f"file:{forecast}"}},
    )
    told.keep(run)
    eventually(
        lambda: any("prefect.engine" in command for command in told.commands()),
        what="its engine starts",
        every=0.05,
        steadily=True,
    )
    told.seen["commands"] = told.commands()
    run.wait_until_put_back()
    eventually(lambda: not told.commands(), what="its processes end")
    told.seen["then"] = run.state()


STORIES: dict[str, Tell] = {
    "documented": documented,
    "deciding": deciding,
    "labels": partial(moving, pattern=_LABELS, moment="before"),
    "move": partial(moving, pattern=_MOVE, moment="before"),
    "accepted": partial(moving, pattern=_MOVE, moment="after", moves=2),
    "slow answer": slow_answer,
    "leaving": partial(left, moment="leaving"),
    "ended": partial(left, moment="ended"),
    "work": before_work,
    "work, both": before_work,
    "killed deciding": killed_deciding,
    "killed accepted": killed_moved,
    "killed unseen": killed_unseen,
    "unset": unset,
    "relinquished deciding": partial(relinquished, moved=False),
    "relinquished accepted": partial(relinquished, moved=True),
}
# Those whose runs wait for nothing but their slots.
WAITING = [
    "documented", "deciding", "labels", "move", "accepted", "slow answer", "leaving",
    "ended",
]  # fmt: skip
AT_THE_SLOT: dict[str, Tell] = {
    "work": partial(at_work, both=False),
    "work, both": partial(at_work, both=True),
}
