"""Typical days: the embedded default source, without network or key.

For each zone the mean intensity by month, day type (weekday, weekend) and local hour,
learnt from public years; for some without history a modelled day. See docs/typical.md for
what they are worth.
"""

from __future__ import annotations

from carbonaware_prefect.sources.typical.days import Kept, TypicalDays
from carbonaware_prefect.sources.typical.source import (
    TypicalSource,
    days_of,
    describe,
    known_zones,
)
from carbonaware_prefect.sources.typical.sun import SunDays
from carbonaware_prefect.sources.typical.tables import Days, TypicalTables

__all__ = [
    "Days",
    "Kept",
    "SunDays",
    "TypicalDays",
    "TypicalSource",
    "TypicalTables",
    "days_of",
    "describe",
    "known_zones",
]
