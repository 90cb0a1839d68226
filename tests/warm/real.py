"""Where tests start a real interpreter, and why: the one list."""

from __future__ import annotations

__all__ = ["REAL"]

_CONTAINERS = "in the image, or on its way there, is no process that could fork"
_FRESH = "what is imported, and when, is what these look at"
_LIGHT = "imports nothing that takes long"
_SUBJECT = "the process itself, its memory or its end, is what these look at"
_TOOLS = "another program than ours or Prefect's"

REAL = {
    "cli/test_command_line.py": _FRESH,
    "cli/test_demo.py": _SUBJECT,
    "cli/test_demo_parts.py": _LIGHT,
    "cli/test_terminal.py": _SUBJECT,
    "clock/telling.py": "a child of one kind or the other, as it was started itself",
    "clock/test_processes.py": "every kind of process tells the time",
    "clouds/test_places.py": _TOOLS,
    "clouds/test_timing.py": _SUBJECT,
    "core/test_purity.py": _FRESH,
    "delay/test_detection.py": _FRESH,
    "delay/test_in_process.py": _SUBJECT,
    "docker/engine.py": _CONTAINERS,
    "docker/images.py": _CONTAINERS,
    "docker/pool.py": _CONTAINERS,
    "docker/test_engine.py": _CONTAINERS,
    "docs/test_releasing.py": _TOOLS,
    "fleet/machines.py": "what is measured is a fleet of real processes; some are stopped",
    "harness/owner.py": _LIGHT,
    "harness/test_nothing_is_left.py": _TOOLS,
    "harness/test_warm.py": "a fork is compared with an interpreter",
    "prefect_server/server.py": "in real time it is a server as users have it",
    "scripts/test_find_pythons.py": _TOOLS,
    "scripts/test_package.py": _TOOLS,
    "server/flows/telling.py": "a child of one kind or the other, as it was started itself",
    "server/planner/forks.py": "forks by itself",
    "server/planner/occurrences.py": _LIGHT,
    "server/test_evictions.py": "the folder of the command that a page names",
    "server/test_installed_set.py": "whether the installed versions work together",
    "sources/test_cache.py": "processes that start at the same moment",
    "sources/typical/test_tables.py": _FRESH,
    "sweeper.py": _LIGHT,
    "test_blocks.py": _FRESH,
    "wheel/conftest.py": _TOOLS,
}
