"""Paths that somebody else names: only below one folder."""

from __future__ import annotations

import os
from pathlib import Path

from carbonaware_prefect.errors import InvalidSettingError

__all__ = ["path_below"]


def path_below(said: str, folder: str | None) -> Path:
    """The file that ``said`` names below ``folder``, with all links followed.

    No message tells what lies elsewhere: not the folder, and not whether a path exists.

    Args:
        said: relative to the folder, or absolute.
        folder: what may be read; None where nothing may.

    Raises:
        InvalidSettingError: (a ValueError) it is elsewhere, or there is no such folder.
    """
    if folder is None:
        msg = (
            "a file may be named by a deployment, a pool or a block only where the planner "
            "has a folder for such files, and it has none; whoever runs it can name one in "
            "CARBONAWARE_FORECAST_FOLDER"
        )
        raise InvalidSettingError(msg)
    msg = (
        "the file does not lie below the planner's folder of forecasts "
        "(CARBONAWARE_FORECAST_FOLDER); name it relative to that folder, e.g. file:de.csv"
    )
    try:
        base = Path(folder).expanduser().resolve()
        # Looked at as a text first: following a path elsewhere may mount what it names.
        plain = Path(os.path.normpath(base / said))
        if plain.is_relative_to(base):
            path = plain.resolve()
            if path.is_relative_to(base):
                return path
    except (OSError, RuntimeError, ValueError):
        # A loop of links, a NUL in the path.
        raise InvalidSettingError(msg) from None
    raise InvalidSettingError(msg)
