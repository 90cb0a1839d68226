"""What Prefect does otherwise before 3.8.4, told by the names that it has."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from tests.warm import python

__all__ = ["RECEIPTS", "job_variables", "own_engine"]

# Whether a flow run's process can tell its worker that the attempt is concluded. Without
# that, a process that dies is reported Crashed, whatever state its run was put in.
RECEIPTS = find_spec("prefect._internal.attempt_control") is not None


def own_engine() -> str:
    """A flow run's process, without another one before it that looks for the flow."""
    return f"{python()} -m prefect.engine"


def job_variables(
    env: dict[str, str] | None, api: str | None, command: str | None = None
) -> dict[str, Any]:
    """Job variables for a process with this environment that calls ``api``.

    The API that a worker calls itself goes before the environment that it is given for a
    run, where there is a command; then only that can give the process another one.
    """
    variables: dict[str, Any] = {"env": env or {}}
    if api is not None:
        from prefect.workers import process

        variables["env"] = {**variables["env"], "PREFECT_API_URL": api}
        if not hasattr(process, "WorkspaceResolvingEngineCommandStarter"):
            command = command or own_engine()
        if command:
            command = f"env PREFECT_API_URL={api} {command}"
    return variables | ({"command": command} if command else {})
