"""How a forecast file is refused.

Whoever names a file need not be allowed to read it, and messages reach logs, labels and
pages. So none of them quotes what the file holds: a line number and what was expected
are enough to mend it.
"""

from __future__ import annotations

from carbonaware_prefect.errors import ForecastFileError

__all__ = ["refusal"]


def refusal(where: str, fault: str) -> ForecastFileError:
    """The error that says what is wrong, and where: a file's name, or that and a line.

    Raise it ``from None``: what a decoder or a parser raises may hold the text itself.
    """
    return ForecastFileError(f"forecast file {where} {fault}")
