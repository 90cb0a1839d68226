"""The tables of docs/typical.md, in Markdown: what typical days are worth, and where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from carbonaware_prefect.clouds.places import regions
from carbonaware_prefect.sources.typical import Kept, TypicalDays
from carbonaware_prefect.sources.typical.learning import YEAR, History, learn_grams
from carbonaware_prefect.sources.typical.sun import SunDays
from carbonaware_prefect.sources.typical.tables import country_mixes
from carbonaware_prefect.sources.typical.trial import WINDOWS, jobs_of, kept_by
from scripts.traces import ODBL_ZONES, OPEN_ZONES, Zone, read_trace

__all__ = ["coverage_table", "report", "zones_table"]

_DAY = WINDOWS[-1]
_HOUR = timedelta(hours=1)
_OLDER = (1.0, 0.5, 0.25, 0.1, 0.05, 0.0)
# Where two tables could answer for a part of a country: the part, and the other's zone.
_NEIGHBOURS = (("SE-SE3", "SE"), ("NO-NO1", "NO-NO2"), ("NO-NO2", "NO-NO1"),
               ("JP-KN", "JP-TK"), ("JP-TK", "JP-KN"))  # fmt: skip

Tables = Mapping[str, Mapping[str, TypicalDays]]


def report(folder: Path, tables: Tables) -> str:
    """All tables of the document.

    Args:
        folder: of the traces.
        tables: as built, by file and zone.
    """
    parts = [
        *zones_table("Under the ODbL: `typical_odbl.json`", tables["typical_odbl.json"]),
        *zones_table("Without conditions: `typical.json`", tables["typical.json"]),
        *coverage_table(tables),
        *_sun(folder),
        *_years(folder),
        *_parts(folder, tables),
    ]
    return "\n".join(parts) + "\n"


def zones_table(title: str, tables: Mapping[str, TypicalDays]) -> Iterator[str]:
    """What each table kept on hours that it had not seen."""
    yield f"### {title}\n"
    yield (
        "| zone | years | tried on | least saving | possible | kept 6 h | kept 12 h "
        "| kept 24 h | worse 24 h |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for zone, table in sorted(tables.items()):
        day = table.trial[_DAY]
        shares = " | ".join(f"{table.trial[hours].kept:.2f}" for hours in WINDOWS)
        yield (
            f"| {zone} | {_span(table.years)} | {_tried(table)} "
            f"| {table.minimum_saving:.0%} | {day.possible:.1%} | {shares} "
            f"| {day.worse:.0%} |"
        )
    kept = [table.trial[_DAY] for table in tables.values()]
    yield f"| **mean of {len(kept)}** | | | | {_means(kept)} |\n"


def _span(years: Sequence[int]) -> str:
    return " to ".join(map(str, sorted({min(years), max(years)})))


def _tried(table: TypicalDays) -> str:
    return "weeks" if "week" in table.held_out else str(max(table.years))


def _means(kept: Sequence[Kept]) -> str:
    possible, share, worse = (
        sum(values) / len(kept)
        for values in zip(*((k.possible, k.kept, k.worse) for k in kept), strict=True)
    )
    return f"{possible:.1%} | | | **{share:.3f}** | **{worse:.1%}**"


def coverage_table(tables: Tables) -> Iterator[str]:
    """How many cloud regions decide without network."""
    opened, odbl = set(tables["typical.json"]), set(tables["typical_odbl.json"])
    suns = {zone for zone, mix in country_mixes().items() if not mix.fault}
    parts = {f"SE-SE{i}" for i in range(1, 5)} if "SE" in opened else set()
    yield "### Cloud regions that decide without network\n"
    yield f"| of {len(regions())} | by tables | with the sun |"
    yield "|---|---|---|"
    for name, known in (("both files", opened | odbl), ("without the ODbL", opened)):
        yield f"| {name} | {_count(known | parts)} | {_count(known | parts | suns)} |"
    yield ""


def _count(zones: Iterable[str]) -> int:
    known = set(zones)
    return sum(row.zone in known for row in regions())


def _sun(folder: Path) -> Iterator[str]:
    """The sun's rule on zones with history, by the mix of their countries."""
    found = []
    for zone, made in ODBL_ZONES.items():
        # A part of a country goes by the country's mix only where we let it.
        mix = country_mixes().get(zone)
        if mix is not None:
            newest = _newest(read_trace(folder, made, made.suppliers[0]))
            jobs = jobs_of([(newest, mix.forecast)], _DAY)
            found.append((mix, kept_by(jobs, SunDays.minimum_saving)))
    yield "### The sun on zones with history\n"
    yield "| zone | solar | wind and hydro | gate | possible | kept 24 h | worse 24 h |"
    yield "|---|---|---|---|---|---|---|"
    for mix, kept in sorted(found, key=lambda pair: (bool(pair[0].fault), pair[0].zone)):
        gate = "out" if mix.fault else "in"
        yield (
            f"| {mix.zone} | {mix.solar:.1%} | {mix.wind + mix.hydro:.1%} | {gate} "
            f"| {kept.possible:.1%} | {kept.kept:.2f} | {kept.worse:.0%} |"
        )
    for name, inside in (("in", True), ("out", False)):
        some = [kept for mix, kept in found if (not mix.fault) == inside]
        kept_share = sum(k.kept for k in some) / len(some)
        worse = sum(k.worse for k in some) / len(some)
        yield (
            f"| **mean of {len(some)}** | | | **{name}** | | **{kept_share:.2f}** "
            f"| **{worse:.1%}** |"
        )
    yield ""


def _newest(history: History) -> History:
    return [piece for piece in history if piece[1] > history[-1][1] - YEAR]


def _years(folder: Path) -> Iterator[str]:
    """How much an older year should count: by the years before, on the newest."""
    zones = {zone: made for zone, made in ODBL_ZONES.items() if not made.since}
    traces = {
        zone: (made, read_trace(folder, made, made.suppliers[0]))
        for zone, made in zones.items()
    }
    several = {
        zone: (made, history)
        for zone, (made, history) in traces.items()
        if history[-1][1] - history[0][0] > 2 * YEAR
    }
    shown = "US-TEX-ERCO"
    yield "### What a year counts against the year after it\n"
    yield f"| weight | kept 24 h, mean of {len(several)} | worse | kept in {shown} |"
    yield "|---|---|---|---|"
    for older in _OLDER:
        kept = {
            zone: _kept_by_older(made, history, older)
            for zone, (made, history) in several.items()
        }
        n = len(kept)
        yield (
            f"| {older:g} | {sum(k.kept for k in kept.values()) / n:.3f} "
            f"| {sum(k.worse for k in kept.values()) / n:.1%} | {kept[shown].kept:.2f} |"
        )
    yield ""


def _kept_by_older(made: Zone, history: History, older: float) -> Kept:
    newest = _newest(history)
    before = [piece for piece in history if piece[1] <= newest[0][0]]
    table = _table(made, before, older)
    return kept_by(jobs_of([(newest, table.forecast)], _DAY), 0.02)


def _table(made: Zone, history: History, older: float) -> TypicalDays:
    return TypicalDays(
        zone=made.key,
        time_zone=made.time_zone,
        source="",
        licence="",
        years=(history[-1][0].year,),
        boundary="",
        hours=len(history),
        grams=learn_grams([history], made.time_zone, fewest=_HOUR, older=older),
    )


def _parts(folder: Path, tables: Tables) -> Iterator[str]:
    """What it costs to go by a neighbour's table, or by the sun, where both exist."""
    everything = {**tables["typical.json"], **tables["typical_odbl.json"]}
    yield "### Parts of countries: what another table would cost\n"
    yield "| zone | own table kept, worse | by | kept | worse |"
    yield "|---|---|---|---|---|"
    for zone, other in _NEIGHBOURS:
        yield _part(folder, everything, zone, other, everything[other])
    for zone in ("JP-KN", "JP-TK"):
        yield _part(folder, everything, zone, "the sun", country_mixes()[zone])
    yield ""


def _part(
    folder: Path,
    tables: Mapping[str, TypicalDays],
    zone: str,
    name: str,
    days: TypicalDays | SunDays,
) -> str:
    made = ODBL_ZONES.get(zone) or OPEN_ZONES[zone]
    newest = _newest(read_trace(folder, made, made.suppliers[0]))
    kept = kept_by(jobs_of([(newest, days.forecast)], _DAY), days.minimum_saving or 0.0)
    own = tables[zone].trial[_DAY]
    return (
        f"| {zone} | {own.kept:.2f}, {own.worse:.0%} | {name} | {kept.kept:.2f} "
        f"| {kept.worse:.0%} |"
    )
