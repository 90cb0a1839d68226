"""Every error this package raises on purpose.

    CarbonAwareError
    ├── InvalidInputError            (ValueError) what was given cannot be used
    │   ├── InvalidForecastError                    points unsorted, duplicated, NaN, ...
    │   │   └── ForecastFileError                   ... and they came from a file
    │   ├── InvalidSettingError                     a CARBONAWARE_* variable or argument
    │   ├── UnknownArgumentError     (TypeError)    no argument of that name
    │   ├── UnknownPlaceError                       provider, region or zone
    │   └── UnknownSourceError                      no source of that name
    ├── NoForecastError              (LookupError)  nobody knows the intensity there
    │   └── NoSlotError                             a forecast, but no whole slot inside it
    ├── SourceError                                 a forecast source did not deliver
    │   ├── SourceRefusedError                      credentials missing, wrong or short
    │   ├── SourceRateLimitedError                  asked too often; carries ``retry_after``
    │   ├── SourceUnreachableError                  no answer in time
    │   ├── SourceMalformedError                    an answer that makes no sense
    │   └── SourcesFailedError                      all of a chain; carries ``failures``
    ├── RescheduleError              (RuntimeError) the run cannot be put back to Scheduled
    │   └── MoveRefusedError                        the server would not; carries ``state``
    └── DemoFailedError                             the demo did not show what it promises

A class exists for each thing a caller can *do* differently. Messages say what was
asked, what was found and what to try; none ever holds a secret.
"""

from __future__ import annotations

__all__ = [
    "CarbonAwareError",
    "DemoFailedError",
    "ForecastFileError",
    "InvalidForecastError",
    "InvalidInputError",
    "InvalidSettingError",
    "MoveRefusedError",
    "NoForecastError",
    "NoSlotError",
    "RescheduleError",
    "SourceError",
    "SourceMalformedError",
    "SourceRateLimitedError",
    "SourceRefusedError",
    "SourceUnreachableError",
    "SourcesFailedError",
    "UnknownArgumentError",
    "UnknownPlaceError",
    "UnknownSourceError",
]


class CarbonAwareError(Exception):
    """Root of the tree: catch this to catch everything below."""


class InvalidInputError(CarbonAwareError, ValueError):
    """What was given cannot be used; correct it and call again."""


class InvalidForecastError(InvalidInputError):
    """Intensity points that make no forecast."""


class ForecastFileError(InvalidForecastError):
    """A forecast file that is missing or cannot be read as a forecast."""


class InvalidSettingError(InvalidInputError):
    """An argument or ``CARBONAWARE_*`` variable with a value that is not allowed."""


class UnknownArgumentError(InvalidInputError, TypeError):
    """An argument of that name does not exist."""


class UnknownPlaceError(InvalidInputError):
    """A provider, region or zone that is not in the region map."""


class UnknownSourceError(InvalidInputError):
    """A forecast source of that name does not exist."""


class NoForecastError(CarbonAwareError, LookupError):
    """Nobody knows the intensity at that place and time."""


class NoSlotError(NoForecastError):
    """There is a forecast, but it covers no whole slot inside the window."""


class SourceError(CarbonAwareError):
    """A forecast source did not deliver."""


class SourceRefusedError(SourceError):
    """The source refused: credentials are missing, wrong, or do not reach that far."""


class SourceRateLimitedError(SourceError):
    """The source was asked too often.

    ``retry_after`` is the number of seconds it asked us to wait, or None.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SourceUnreachableError(SourceError):
    """No answer from the source in the time allowed."""


class SourceMalformedError(SourceError):
    """The source answered with something that is no forecast."""


class SourcesFailedError(SourceError):
    """No source of a chain delivered.

    ``failures`` holds the name of each source and why it did not.
    """

    def __init__(self, message: str, failures: tuple[tuple[str, str], ...]) -> None:
        super().__init__(message)
        self.failures = failures


class RescheduleError(CarbonAwareError, RuntimeError):
    """``wait="reschedule"`` was asked for where the run cannot be put back."""


class MoveRefusedError(RescheduleError):
    """The server answered, and the run is not where we wanted to put it.

    ``state`` is the one that the run is in instead; None when the answer holds none.
    """

    def __init__(self, message: str, state: object = None) -> None:
        super().__init__(message)
        self.state = state


class DemoFailedError(CarbonAwareError):
    """Something that the demo shows did not hold; ``detail`` is the end of a log."""

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail
