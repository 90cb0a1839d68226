"""Derive ``country_mixes.csv`` of the typical days from yearly mixes of countries.

    python -m scripts.build_mixes FILE [--output FILE]

FILE is ``global_energy_mix.json`` as the package codecarbon ships it
(``codecarbon/data/private_infra/``): TWh a year by country and kind, which Our World in
Data publishes from Ember and the Energy Institute under CC BY 4.0. Only the shares that
decide whether and how far the sun sets a grid's rhythm are kept, with their year.

Time zones and coordinates are those of a country's first entry in ``zone.tab`` of the
time-zone database (public domain, from the package tzdata), its most populous one.
A second run on the same file writes the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

__all__ = ["PARTS", "rows"]

_TARGET = (
    Path(__file__).parents[1] / "carbonaware_prefect/sources/typical/country_mixes.csv"
)
_COLUMNS = (
    "zone", "time_zone", "latitude", "longitude", "solar", "wind", "hydro", "year",
    "mix_of",
)  # fmt: skip

# Countries whose parts Electricity Maps keeps apart although they share little: the
# country's mix is that of none of them.
_DIVIDED = {"AU", "BR", "CA", "CL", "DK", "ES", "ID", "IT", "MY", "NO", "RU", "SE", "US"}
# The same, but in all these parts noon is clean by the country's mix: time zone, and
# where most of the demand is. Own tables come before it.
PARTS: Mapping[str, tuple[str, str, float, float]] = {
    "AU-QLD": ("AU", "Australia/Brisbane", -27.5, 153.0),
    "IN-NO": ("IN", "Asia/Kolkata", 28.6, 77.2),
    "IN-SO": ("IN", "Asia/Kolkata", 13.1, 80.3),
    "IN-WE": ("IN", "Asia/Kolkata", 19.1, 72.9),
    "JP-CB": ("JP", "Asia/Tokyo", 35.2, 136.9),
    "JP-CG": ("JP", "Asia/Tokyo", 34.4, 132.5),
    "JP-HKD": ("JP", "Asia/Tokyo", 43.1, 141.4),
    "JP-HR": ("JP", "Asia/Tokyo", 36.7, 137.2),
    "JP-KN": ("JP", "Asia/Tokyo", 34.7, 135.5),
    "JP-KY": ("JP", "Asia/Tokyo", 33.6, 130.4),
    "JP-ON": ("JP", "Asia/Tokyo", 26.2, 127.7),
    "JP-SK": ("JP", "Asia/Tokyo", 34.3, 134.0),
    "JP-TH": ("JP", "Asia/Tokyo", 38.3, 140.9),
    "JP-TK": ("JP", "Asia/Tokyo", 35.7, 139.7),
}
# How the two lists name a country, where they differ.
_NAMES = {
    "Bosnia and Herzegovina": "BA", "Brunei": "BN", "Cape Verde": "CV", "Congo": "CG",
    "Cote d'Ivoire": "CI", "Czechia": "CZ", "Democratic Republic of Congo": "CD",
    "Eswatini": "SZ", "Iran": "IR", "Kosovo": "XK", "Laos": "LA", "Macao": "MO",
    "Micronesia": "FM", "Moldova": "MD", "Myanmar": "MM", "North Korea": "KP",
    "North Macedonia": "MK", "Palestine": "PS", "Reunion": "RE", "Russia": "RU",
    "Sao Tome and Principe": "ST", "South Korea": "KR", "Syria": "SY", "Taiwan": "TW",
    "Tanzania": "TZ", "Turkey": "TR", "United Kingdom": "GB", "Vietnam": "VN",
    "United States Virgin Islands": "VI",
}  # fmt: skip
_PLACE = re.compile(r"([+-])(\d{2,3})(\d\d)(?:\d\d)?([+-])(\d{3})(\d\d)(?:\d\d)?")


def rows(mixes: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, object]]:
    """A row for each country that is one zone, and for the parts that go by one."""
    keys, places = _keys(), _places()
    for mix in sorted(mixes.values(), key=lambda mix: str(mix["country_name"])):
        name = str(mix["country_name"])
        key = _NAMES.get(name) or keys.get(name.lower())
        if key is None or not mix.get("total_TWh"):
            continue
        shares = {
            "solar": _share(mix, "solar_TWh"),
            "wind": _share(mix, "wind_TWh"),
            "hydro": _share(mix, "hydroelectricity_TWh"),
            "year": mix["year"],
        }
        if key in places and key not in _DIVIDED:
            zone, latitude, longitude = places[key]
            yield _row(key, zone, latitude, longitude, shares, name)
        for part, (whole, zone, latitude, longitude) in PARTS.items():
            if whole == key:
                yield _row(part, zone, latitude, longitude, shares, f"{name} (country)")


def _row(
    zone: str,
    time_zone: str,
    latitude: float,
    longitude: float,
    shares: Mapping[str, object],
    mix_of: str,
) -> dict[str, object]:
    return {
        "zone": zone,
        "time_zone": time_zone,
        "latitude": latitude,
        "longitude": longitude,
        **shares,
        "mix_of": mix_of,
    }


def _share(mix: Mapping[str, Any], kind: str) -> float:
    return round(float(mix.get(kind) or 0.0) / float(mix["total_TWh"]), 4)


def _lines(name: str) -> Iterator[list[str]]:
    text = resources.files("tzdata.zoneinfo").joinpath(name).read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")


def _keys() -> dict[str, str]:
    """Country codes by name, as the time-zone database spells them."""
    return {name.lower(): key for key, name in _lines("iso3166.tab")}


def _places() -> dict[str, tuple[str, float, float]]:
    """Time zone, latitude and longitude of each country's most populous entry."""
    found: dict[str, tuple[str, float, float]] = {}
    for key, place, zone, *_ in _lines("zone.tab"):
        match = _PLACE.fullmatch(place)
        if match and key not in found:
            north, degrees, minutes, east, far, further = match.groups()
            latitude = float(f"{north}{int(degrees) + int(minutes) / 60:.1f}")
            longitude = float(f"{east}{int(far) + int(further) / 60:.1f}")
            found[key] = zone, latitude, longitude
    return found


def main() -> None:
    """Write the table of all countries."""
    parser = argparse.ArgumentParser(description="Derive the mixes of countries.")
    parser.add_argument("file", type=Path, help="global_energy_mix.json of codecarbon")
    parser.add_argument("--output", type=Path, default=_TARGET, help="file to write")
    given = parser.parse_args()
    mixes = json.loads(given.file.read_text(encoding="utf-8"))
    with given.output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows(mixes), key=lambda row: str(row["zone"])))


if __name__ == "__main__":
    main()
