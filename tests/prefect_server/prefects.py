"""What Prefect does otherwise before 3.8.4, told by the names that it has."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

__all__ = ["RECEIPTS", "job_variables"]

# Whether a flow run's process can tell its worker that the attempt is concluded. Without
# that, a process that dies is reported Crashed, whatever state its run was put in.
RECEIPTS = find_spec("prefect._internal.attempt_control") is not None


def job_variables(env: dict[str, str] | None, api: str | None) -> dict[str, Any]:
    """Job variables for a process with this environment that calls ``api``.

    The API that a worker calls itself goes before the environment that it is given for a
    run; then only the command can give the process another one.
    """
    if api is None:
        return {"env": env or {}}
    from prefect.workers import process

    variables: dict[str, Any] = {"env": {**(env or {}), "PREFECT_API_URL": api}}
    if not hasattr(process, "WorkspaceResolvingEngineCommandStarter"):
        way = f"env PREFECT_API_URL={api}"
        variables["command"] = f"{way} {sys.executable} -m prefect.engine"
    return variables
