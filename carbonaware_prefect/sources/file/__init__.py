"""Forecasts from a file that somebody else keeps up to date.

A table of text has a header that names a start, an intensity and, if wanted, an end::

    start,gco2_per_kwh
    2026-11-21T00:00Z,212.5
    2026-11-21T01:00Z,198

It may be what a spreadsheet exports: semicolons or tabs, decimal commas, UTF-16, dates
with the day first. JSON may say more about itself; a point is an object or a pair::

    {"zone": "DE", "signal": "average", "issued_at": "2026-11-20T18:00Z",
     "end": "2026-11-21T02:00Z",
     "points": [{"start": "2026-11-21T00:00Z", "gco2_per_kwh": 212.5},
                ["2026-11-21T01:00Z", 198]]}

Or it is the answer of a forecast service, saved as it came. A point without ``end`` holds
until the next starts, the last one as long as the one before it. An empty intensity is a
gap. What may mean two things is refused.
"""

from carbonaware_prefect.sources.file.folder import path_below
from carbonaware_prefect.sources.file.parsing import SavedAnswer, parse_forecast
from carbonaware_prefect.sources.file.source import FileSource

__all__ = ["FileSource", "SavedAnswer", "parse_forecast", "path_below"]
