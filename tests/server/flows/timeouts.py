"""Tells, for tasks and flows that enclose one another, which time-out is the tightest."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from prefect import flow, task

from carbonaware_prefect.prefect_edge.timeouts import tightest_timeout

found: dict[str, Any] = {}


def tell(name: str, begun: float) -> None:
    """Note the budget, and between which two moments it must have begun."""
    budget = tightest_timeout()
    found[name] = budget and {
        "name": budget.name,
        "end": budget.end.timestamp(),
        "begun": begun,
        "told": time.time(),
    }


@task
def telling(name: str, begun: float) -> None:
    tell(name, begun)


@task(timeout_seconds=50)
def in_fifty(name: str, begun: float, *, deeper: bool = False) -> None:
    telling(name, begun) if deeper else tell(name, begun)


@task(timeout_seconds=500)
def in_five_hundred(name: str, begun: float) -> None:
    tell(name, begun)


@flow
def free_flow() -> None:
    tell("no timeout", time.time())
    telling("a task without", time.time())
    in_fifty("a task", time.time())
    in_fifty("a task in a task", time.time(), deeper=True)
    in_fifty.submit("a submitted task", time.time()).wait()


@flow(timeout_seconds=100)
def hundred_flow(begun: float) -> None:
    tell("a flow", begun)
    telling("a task in a flow", begun)
    in_fifty("a shorter task", time.time())
    in_five_hundred("a longer task", begun)
    child_flow(begun)


@flow
def child_flow(begun: float) -> None:
    tell("a sub-flow", begun)


@flow(timeout_seconds=100)
async def async_flow(begun: float) -> None:
    tell("an async flow", begun)
    await asyncio.to_thread(tell, "a thread of an async flow", begun)


@flow(timeout_seconds=100, retries=1)
def twice_flow() -> None:
    """Its second attempt begins after its first has ended."""
    if "first" not in found:
        found["first"] = time.time()
        message = "once"
        raise RuntimeError(message)
    tell("a second attempt", found["first"])


if __name__ == "__main__":
    tell("outside", time.time())
    free_flow()
    hundred_flow(time.time())
    asyncio.run(async_flow(time.time()))
    twice_flow()
    del found["first"]
    print(json.dumps(found))
