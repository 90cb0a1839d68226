"""What the host imports before it forks."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from importlib.util import find_spec

__all__ = ["import_all"]

# What they import by and by: flow runs, workers, the command line, a server, and we.
_MODULES = (
    "prefect",
    "prefect.main",
    "prefect.cli",
    "prefect.cli.block",
    "prefect.cli.deploy",
    "prefect.cli.flow_run",
    "prefect.cli.flow_runs",
    "prefect.cli.server",
    "prefect.cli.work_pool",
    "prefect.cli.worker",
    "prefect.deployments.runner",
    "prefect.engine",
    "prefect.events.clients",
    "prefect.flow_engine",
    "prefect.logging.handlers",
    "prefect.runner",
    "prefect.runner._workspace_resolver",
    "prefect.runner._workspace_supervisor",
    "prefect.runner.storage",
    "prefect.server.database",
    "prefect.server.database.orm_models",
    "prefect.server.models",
    "prefect.task_engine",
    "prefect.task_runners",
    "prefect.workers.process",
    "aiosqlite",
    "alembic",
    "asyncpg",
    "docket",
    "fastapi",
    "multiprocessing.spawn",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "sqlite3",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
    "carbonaware_prefect.cli.app",
    "carbonaware_prefect.cli.reports.plan",
    "carbonaware_prefect.planner.loop",
    "carbonaware_prefect.sources.wiring.catalogue",
    "tests.clock.http_date",
    "tests.clock.shared",
    "tests.clock.sql",
)
# They read settings when they are imported: how often a service of the server looks.
_OF_SETTINGS = "prefect.server.services."


def import_all() -> None:
    """Import all of them; another version of Prefect may lack some."""
    for name in _MODULES:
        if _exists(name):
            importlib.import_module(name)
    import carbonaware_prefect

    # They are loaded when they are asked for.
    for name in carbonaware_prefect.__all__:
        getattr(carbonaware_prefect, name)
    models = importlib.import_module("prefect.server.models")
    for module in pkgutil.iter_modules(models.__path__, "prefect.server.models."):
        importlib.import_module(module.name)
    early = [name for name in sys.modules if name.startswith(_OF_SETTINGS)]
    assert early == [], f"{early} have read the settings of nobody"


def _exists(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
