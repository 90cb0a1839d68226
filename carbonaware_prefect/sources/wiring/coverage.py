"""Which zones are known to a source, or to any."""

from __future__ import annotations

from difflib import get_close_matches

from carbonaware_prefect.clouds.places import known_zones
from carbonaware_prefect.errors import UnknownPlaceError
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.base import Source
from carbonaware_prefect.sources.wiring.catalogue import entries
from carbonaware_prefect.sources.wiring.chain import ChainSource

__all__ = ["check_zone"]

_NEAR = 3


def check_zone(zone: str, settings: Settings, source: Source | None = None) -> None:
    """Refuse a zone that nothing could know.

    A source whose account, server or file decides which zones it knows lets every zone
    of the right form pass.

    Raises:
        UnknownPlaceError: (a ValueError) with the nearest known zones.
    """
    catalogue = {entry.name: entry for entry in entries(settings)}
    known = {*known_zones()}
    known.update(*(entry.info.zones or () for entry in catalogue.values()))
    if zone in known:
        return
    names = _names(source)
    if any(name not in catalogue or catalogue[name].covers(zone) for name in names):
        return
    near = get_close_matches(zone, sorted(known), n=_NEAR, cutoff=0.5)
    nearest = f"nearest known: {', '.join(near)}; " if near else ""
    msg = (
        f"unknown zone {zone!r}; {nearest}`carbonaware-prefect zones` lists them all; "
        "another zone needs a source that knows it, e.g. --source file:PATH"
    )
    raise UnknownPlaceError(msg)


def _names(source: Source | None) -> tuple[str, ...]:
    if isinstance(source, ChainSource):
        return tuple(link.name for link in source.links if link.missing is None)
    return () if source is None else (source.name,)
