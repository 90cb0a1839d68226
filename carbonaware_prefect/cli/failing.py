"""From errors to messages and exit statuses: 1 a check or run failed, 2 usage."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import typer

from carbonaware_prefect.errors import (
    CarbonAwareError,
    ForecastFileError,
    InvalidInputError,
    InvalidSettingError,
)

__all__ = ["duration_of", "moment_of", "reading_prefect", "reported"]

_FAILED, _USAGE = 1, 2


@contextmanager
def reported() -> Iterator[None]:
    """Turn this package's errors into a message on standard error and an exit status."""
    try:
        yield
    except CarbonAwareError as error:
        from carbonaware_prefect.cli.output import printable

        print(f"Error: {printable(str(error))}", file=sys.stderr)
        # The file's content is at fault, not the command.
        usage = isinstance(error, InvalidInputError)
        failed = isinstance(error, ForecastFileError) or not usage
        raise typer.Exit(_FAILED if failed else _USAGE) from None


@contextmanager
def reading_prefect() -> Iterator[None]:
    """An exit with 1 and a message when the Prefect server cannot be read."""
    import httpx

    try:
        yield
    except (httpx.HTTPError, RuntimeError) as error:
        from carbonaware_prefect.cli.output import printable

        told = printable(f"{type(error).__name__}: {error}".rstrip(": "))
        print(
            f"Error: the Prefect server could not be read ({told}); "
            "see that it runs and that PREFECT_API_URL names it",
            file=sys.stderr,
        )
        raise typer.Exit(_FAILED) from None


def duration_of(text: str | None, option: str, default: timedelta) -> timedelta:
    """The duration that an option says.

    Raises:
        InvalidSettingError: (a ValueError) it says none, or none above zero.
    """
    from carbonaware_prefect.settings import parse_duration

    if text is None:
        return default
    try:
        duration = parse_duration(text)
    except ValueError as error:
        msg = f"{option}: {error}"
        raise InvalidSettingError(msg) from None
    if duration <= timedelta(0):
        msg = f"{option}: must be longer than zero, got {text!r}; write e.g. PT6H or 6h"
        raise InvalidSettingError(msg)
    return duration


def moment_of(text: str | None, option: str, default: datetime) -> datetime:
    """The time that an option says.

    Raises:
        InvalidSettingError: (a ValueError) it says none, or names no time zone.
    """
    if text is None:
        return default
    stripped = text.strip()
    # Python 3.10 does not read "Z".
    plain = f"{stripped[:-1]}+00:00" if stripped[-1:] in {"Z", "z"} else stripped
    try:
        moment = datetime.fromisoformat(plain)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        fault = "is no time" if moment is None else "names no time zone"
        msg = f"{option}: {text!r} {fault}; write e.g. 2026-11-21T18:00Z"
        raise InvalidSettingError(msg)
    return moment
