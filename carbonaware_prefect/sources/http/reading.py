"""Reading a reply that nobody vouches for: each value is checked before it is used.

Every fault is a `SourceMalformedError`. Its message says where the fault lies and never
quotes the reply: a server may echo what it was sent, and that includes the key.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import NoReturn

from carbonaware_prefect.core import Signal
from carbonaware_prefect.errors import SourceMalformedError

__all__ = ["GRAMS_PER_KWH_LIMIT", "Reader"]

GRAMS_PER_KWH_LIMIT = 10_000
"""No larger intensity is believed. The dirtiest power stations emit less than 2,000 g/kWh,
so that even a strange marginal value stays below; values of 40,000 to 117,000 have been
seen in the field and were faults, and so is a thousandfold slip of the unit."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_YEAR_2200 = 7_258_118_400
# .NET writes seven digits after the second, which datetime.fromisoformat refuses, and
# Python 3.10 refuses the Z.
_ISO_8601 = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[T ](?P<minute>\d\d:\d\d)(?::(?P<second>\d\d))?"
    r"(?:\.(?P<fraction>\d{1,9}))?(?P<zone>Z|[+-]\d\d:?\d\d)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Takes a reply of the source called ``title`` apart."""

    title: str

    def reject(self, what: str) -> NoReturn:
        """Say what is wrong with the reply."""
        msg = (
            f"{self.title} gave an answer that makes no sense: {what}. "
            "If this lasts, its interface may have changed"
        )
        raise SourceMalformedError(msg)

    def table(self, value: object, what: str) -> dict[str, object]:
        """``value`` if it is a JSON object."""
        if not isinstance(value, dict):
            self.reject(f"{what} is no JSON object")
        return value

    def rows(self, value: object, what: str) -> list[object]:
        """``value`` if it is a JSON array."""
        if not isinstance(value, list):
            self.reject(f"{what} is no JSON array")
        return value

    def moment(self, value: object, what: str) -> datetime:
        """The moment in UTC that an ISO 8601 string with a time zone stands for."""
        moment: datetime | None = None
        if isinstance(value, str) and (match := _ISO_8601.fullmatch(value)):
            zone = match["zone"].replace("Z", "+00:00")
            if ":" not in zone:
                zone = f"{zone[:3]}:{zone[3:]}"
            fraction = (match["fraction"] or "0")[:6].ljust(6, "0")
            iso = f"{match['date']}T{match['minute']}:{match['second'] or '00'}.{fraction}"
            try:
                moment = datetime.fromisoformat(iso + zone).astimezone(timezone.utc)
            except (ValueError, OverflowError):
                moment = None
        if moment is None:
            self.reject(f"{what} is no time with a time zone")
        return moment

    def unix_moment(self, value: object, what: str) -> datetime:
        """The moment that a whole number of seconds since 1970 stands for."""
        if (
            isinstance(value, bool)
            or not isinstance(value, int)
            or not 0 <= value < _YEAR_2200
        ):
            self.reject(f"{what} is no time in seconds since 1970")
        return _EPOCH + timedelta(seconds=value)

    def intensity(
        self, value: object, what: str, *, signal: Signal, factor: float = 1.0
    ) -> float | None:
        """gCO2eq/kWh, or None for a value that the source does not know (null, NaN).

        ``factor`` converts the source's unit; the result is rounded to micrograms.
        """
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.reject(f"{what} is no number")
        if isinstance(value, float) and math.isnan(value):
            return None
        # Compared before conversion: an integer of 1,000 digits has no float.
        if abs(value) > GRAMS_PER_KWH_LIMIT / factor:
            self.reject(f"{what} is beyond {GRAMS_PER_KWH_LIMIT:,} gCO2/kWh")
        if value < 0 and signal == "average":
            self.reject(f"{what} is a negative average intensity")
        return float(value) if factor == 1 else round(value * factor, 6)
