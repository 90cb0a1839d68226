"""The demo's flows, written as a user would write them.

The policy comes from the deployment's environment: ``CARBONAWARE_WINDOW`` and its like.
"""

from __future__ import annotations

import time

from prefect import flow, task

from carbonaware_prefect import carbonaware_delay_task

_delay = carbonaware_delay_task(zone="DE")


@task
def train(seconds: float) -> None:
    """Stands for work that needs electricity."""
    time.sleep(seconds)


@flow
def nightly_training() -> None:
    """Waits for cleaner electricity, without a worker, and then works."""
    _delay()
    train(2)


@flow
def other_work() -> None:
    """Has nothing to wait for."""
    train(1)
