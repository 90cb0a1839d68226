"""Log lines on runs that have not started, for ``POST /logs/``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from carbonaware_prefect.pages.markdown import clean
from carbonaware_prefect.pages.runs import RunOnPage, utc

__all__ = ["log_line"]

_NAME = "carbonaware_prefect.planner"
_INFO = 20
_LONGEST = 2000


def log_line(run: RunOnPage, page: str, written: datetime) -> dict[str, Any]:
    """One line that says where a run was put and why.

    Args:
        run: it.
        page: the key of the page where more is said.
        written: now (UTC).
    """
    message = (
        f"{run.sentence} (due {utc(run.nominal_start)}, starts {utc(run.start)}; placed by "
        f"the planner, see the artifact {page})"
    )
    return {
        "name": _NAME,
        "level": _INFO,
        "message": clean(message, _LONGEST),
        "timestamp": written.isoformat(),
        "flow_run_id": run.id,
    }
