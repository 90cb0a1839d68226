"""Which zones are known to a source, or to any."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from carbonaware_prefect.clouds.places import known_zones
from carbonaware_prefect.errors import InvalidSettingError, UnknownPlaceError
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.base import Source
from carbonaware_prefect.sources.typical import TypicalTables
from carbonaware_prefect.sources.wiring.catalogue import entries
from carbonaware_prefect.sources.wiring.chain import ChainSource

__all__ = ["check_table", "check_zone", "unknown_zone"]

_NEAR = 3


def check_zone(zone: str, settings: Settings, source: Source | None = None) -> None:
    """Refuse a zone that nothing could know.

    A source whose account, server or file decides which zones it knows lets every zone
    of the right form pass.

    Args:
        zone: grid zone key.
        settings: which sources can be used.
        source: the one that is to be used; None for any.

    Raises:
        UnknownPlaceError: (a ValueError) with the nearest known zones.
    """
    links = source.links if isinstance(source, ChainSource) else ()
    usable = [link.name for link in links if link.missing is None]
    if source is not None and not links:
        usable = [source.name]
    if (fault := _fault(zone, settings, usable)) is not None:
        raise UnknownPlaceError(fault)


def unknown_zone(zone: str, source: Source) -> str | None:
    """Why nothing is likely to know a zone, seen from where a delay is defined; or None.

    The work may run elsewhere, with other credentials: a source that lacks its key here
    counts too, where it was named.
    """
    links = source.links if isinstance(source, ChainSource) else ()
    settings = Settings.model_construct()
    names = {link.name for link in links} or {source.name}
    # Those that list their zones may be among the sources there, whatever was named.
    names |= {entry.name for entry in entries(settings) if entry.info.zones is not None}
    fault = _fault(zone, settings, names)
    return None if fault is None or zone in _tables_here().zones() else fault


def check_table(zone: str) -> None:
    """Refuse a zone that has no typical days, neither shipped nor of the user's own.

    Raises:
        UnknownPlaceError: (a ValueError) with the nearest zones that have some.
    """
    known = _tables_here().zones()
    if zone not in known:
        near = get_close_matches(zone, known, n=_NEAR, cutoff=0)
        msg = (
            f"source='typical' has no table for zone {zone!r}; nearest with one: "
            f"{', '.join(near)}; `carbonaware-prefect zones` shows which sources know a "
            "zone, and source='auto' takes those that can be used"
        )
        raise UnknownPlaceError(msg)


def _tables_here() -> TypicalTables:
    """With those of the user's own, in good order or not, and without what is left out."""
    try:
        return TypicalTables.of(Settings.read())
    except InvalidSettingError:
        return TypicalTables()


def _fault(zone: str, settings: Settings, names: Collection[str]) -> str | None:
    """What is wrong with a zone for sources of these names."""
    catalogue = {entry.name: entry for entry in entries(settings)}
    known = {*known_zones()}
    known.update(*(entry.info.zones or () for entry in catalogue.values()))
    if zone in known:
        return None
    if any(name not in catalogue or catalogue[name].covers(zone) for name in names):
        return None
    near = get_close_matches(zone, sorted(known), n=_NEAR, cutoff=0.5)
    nearest = f"nearest known: {', '.join(near)}; " if near else ""
    return (
        f"unknown zone {zone!r}; {nearest}`carbonaware-prefect zones` lists them all; "
        "another zone needs a source that knows it, e.g. file:PATH"
    )
