"""The hourly traces that the typical days are learnt from, and what is wrong with them.

A folder holds one file for each zone and supplier, with the columns ``start`` (UTC) and
``carbon_intensity_gco2_per_kwh``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import groupby
from pathlib import Path
from statistics import median

from carbonaware_prefect.sources.typical.learning import Piece

__all__ = ["ODBL_ZONES", "OPEN_ZONES", "Supplier", "Zone", "read_trace"]

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)

# Five hours of PJM (1 and 2 October 2022) lie at 43-47 g/kWh, between neighbours near 300:
# 0.13 of the median. Only where the median is this high is a low value known to be wrong:
# hydro grids go down to a tenth of theirs.
_IMPLAUSIBLE = 0.2

# California reported the start of the hour to EIA-930 until 16 June 2022, the end of it
# from then on (singularity-energy/open-grid-emissions, pull request 300). The trace is
# shifted as if all were ends. Seen in it too: until that day the morning's fall comes
# 0.4 h after sunrise, from then on 1.2 h, and in the CarbonCast trace 1.6 h all along.
_CISO_REPORTS_ENDS = datetime(2022, 6, 16, 7, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Supplier:
    """Who made a group of traces, under which licence, with which factors."""

    file_name: str
    publisher: str
    via: str
    licence: str

    @property
    def source(self) -> str:
        """Who published the data, and where this copy is from."""
        return f"{self.publisher}, {self.via}"


# The factors were recomputed from the published mix: gas 490, hydro 24, nuclear 12,
# wind 11 and other 230 g/kWh, the lifecycle medians of IPCC AR5.
EIA = Supplier(
    "eia_{}_2022.csv",
    "US Energy Information Administration",
    "Form EIA-930, generation mix with IPCC AR5 factors, "
    "via HewlettPackard/dc-rl @ a92b475",
    "MIT; underlying data US public domain",
)
CARBONCAST = Supplier(
    "cc_{}_lifecycle_2020_2021.csv",
    "CarbonCast",
    "aamyli/CarbonCast @ fb8fe4f, from EIA and ENTSO-E generation mix",
    "Apache-2.0",
)
EM_YEARS = Supplier(
    "em_{}_lifecycle_2021_2023.csv",
    "Electricity Maps",
    "open hourly data 2021-2023, via HewlettPackard/sustain-cluster @ 293fbd1",
    "ODbL 1.0",
)
# The repository says Apache-2.0. Where both have a zone and year, the values agree to
# 0.01-5 g/kWh: it is the same supplier's open data, which is published under the ODbL.
EM_2022 = Supplier(
    "em_{}_lifecycle_2022.csv",
    "Electricity Maps",
    "open hourly data 2022, via umassos/decarbonization-potential @ 3493a63",
    "ODbL 1.0 (inferred)",
)


@dataclass(frozen=True)
class Zone:
    """Where the table of a zone comes from.

    The grams are on the scale of the first supplier; any other adds only its shape.
    """

    key: str
    time_zone: str
    suppliers: tuple[Supplier, ...]
    since: int = 0


# Two suppliers use other factors, so their grams never mix. EIA 2022 sets the scale where
# there are both: it is the newer year, and makes grams comparable among the US zones.
# Left out: CarbonCast's NL, which knows no solar power and so takes noon for the dirtiest
# hour, and its AU-QLD, whose data (OpenNEM) is not free for all uses.
OPEN_ZONES: Mapping[str, Zone] = {
    "DE": Zone("DE", "Europe/Berlin", (CARBONCAST,)),
    "ES": Zone("ES", "Europe/Madrid", (CARBONCAST,)),
    "PL": Zone("PL", "Europe/Warsaw", (CARBONCAST,)),
    "SE": Zone("SE", "Europe/Stockholm", (CARBONCAST,)),
    "US-CAL-CISO": Zone("CISO", "America/Los_Angeles", (EIA, CARBONCAST)),
    "US-MIDA-PJM": Zone("PJM", "America/New_York", (EIA,)),
    "US-MIDW-MISO": Zone("MISO", "America/Chicago", (EIA,)),
    "US-NW-BPAT": Zone("BPAT", "America/Los_Angeles", (EIA,)),
    "US-SE-SOCO": Zone("SOCO", "America/New_York", (EIA,)),
    "US-SW-AZPS": Zone("AZPS", "America/Phoenix", (EIA,)),
    "US-TEX-ERCO": Zone("ERCO", "America/Chicago", (EIA, CARBONCAST)),
}

_YEARS = {
    "AU-NSW": "Australia/Sydney",
    "AU-VIC": "Australia/Melbourne",
    "BR-CS": "America/Sao_Paulo",
    "CA-ON": "America/Toronto",
    "CL-SEN": "America/Santiago",
    "DE": "Europe/Berlin",
    "GB": "Europe/London",
    "JP-TK": "Asia/Tokyo",
    "KR": "Asia/Seoul",
    "SG": "Asia/Singapore",
    "US-CAL-CISO": "America/Los_Angeles",
    "US-MIDA-PJM": "America/New_York",
    "US-NY-NYIS": "America/New_York",
    "US-TEX-ERCO": "America/Chicago",
    "ZA": "Africa/Johannesburg",
}
_ONE_YEAR = {
    "AT": "Europe/Vienna",
    "BE": "Europe/Brussels",
    "CA-QC": "America/Toronto",
    "CH": "Europe/Zurich",
    "DK-DK2": "Europe/Copenhagen",
    "ES": "Europe/Madrid",
    "FI": "Europe/Helsinki",
    "FR": "Europe/Paris",
    "IE": "Europe/Dublin",
    "IL": "Asia/Jerusalem",
    "IT-NO": "Europe/Rome",
    "JP-KN": "Asia/Tokyo",
    "NL": "Europe/Amsterdam",
    "NO-NO1": "Europe/Oslo",
    "NO-NO2": "Europe/Oslo",
    "NZ": "Pacific/Auckland",
    "PL": "Europe/Warsaw",
    "SE-SE3": "Europe/Stockholm",
    "TW": "Asia/Taipei",
    "US-CAR-SC": "America/New_York",
    "US-CENT-SWPP": "America/Chicago",
    "US-MIDW-MISO": "America/Chicago",
    "US-NW-BPAT": "America/Los_Angeles",
    "US-NW-GCPD": "America/Los_Angeles",
    "US-NW-NEVP": "America/Los_Angeles",
    "US-NW-PACE": "America/Denver",
    "US-NW-WACM": "America/Denver",
    "US-SE-SOCO": "America/New_York",
    "US-SW-AZPS": "America/Phoenix",
}
# Two copies of KR contradict each other in 2022.
_SINCE = {"KR": 2023}

# Those whose licence is inferred stand last, so that they can be taken out as one.
ODBL_ZONES: Mapping[str, Zone] = {
    key: Zone(key, time_zone, (supplier,), _SINCE.get(key, 0))
    for supplier, zones in ((EM_YEARS, _YEARS), (EM_2022, _ONE_YEAR))
    for key, time_zone in zones.items()
}


def read_trace(folder: Path, zone: Zone, supplier: Supplier) -> list[Piece]:
    """The hours of a trace, in order, without what is known to be wrong.

    Holes stay holes. Left out are implausible lows, and values that stay the same for
    more than a day: somebody filled them in. Faults in the labels are put right.
    """
    path = folder / supplier.file_name.format(zone.key)
    with path.open(encoding="utf-8", newline="") as file:
        found = {
            _true_start(row["start"], zone.key, supplier): float(
                row["carbon_intensity_gco2_per_kwh"]
            )
            for row in csv.DictReader(file)
        }
    floor = _IMPLAUSIBLE * median(found.values()) if supplier is EIA else 0.0
    return [
        (start, start + _HOUR, grams)
        for start, grams in _measured(found)
        if grams >= floor and start.year >= zone.since
    ]


def _measured(found: Mapping[datetime, float]) -> Iterator[tuple[datetime, float]]:
    for _, same in groupby(sorted(found.items()), key=lambda hour: hour[1]):
        hours = list(same)
        if hours[-1][0] - hours[0][0] < _DAY:
            yield from hours


def _true_start(label: str, key: str, supplier: Supplier) -> datetime:
    start = datetime.fromisoformat(label.replace("Z", "+00:00")).astimezone(timezone.utc)
    if key == "CISO" and supplier is EIA and start + _HOUR < _CISO_REPORTS_ENDS:
        return start + _HOUR
    # CarbonCast took EIA-930's labels, which say the hour's end, for its start. That is
    # right for California (see above) and an hour late for Texas, whose evening rise comes
    # an hour after the EIA trace's in all months, when the sun has already set.
    if key == "ERCO" and supplier is CARBONCAST:
        return start - _HOUR
    return start
