"""Which forecast sources there are, which are usable, and how to name them.

``auto`` asks, of those that cover the zone, first the sources that the user has
credentials for, then the keyless ones, in the order of `LIVE`, and typical days last.
Nothing here touches the network before a forecast is fetched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial

from carbonaware_prefect.core import Forecast
from carbonaware_prefect.errors import InvalidSettingError, UnknownSourceError
from carbonaware_prefect.settings import Settings
from carbonaware_prefect.sources.base import FixedSource, Source, SourceInfo
from carbonaware_prefect.sources.services import watttime
from carbonaware_prefect.sources.typical import TypicalSource, TypicalTables, describe
from carbonaware_prefect.sources.wiring.chain import ChainSource, Link
from carbonaware_prefect.sources.wiring.files import open_file
from carbonaware_prefect.sources.wiring.live import LIVE, open_live

__all__ = ["Entry", "chain_of", "entries", "names", "open_source"]

TYPICAL, AUTO, FILE = "typical", "auto", "file"
_LONGEST_CHAIN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A source by name.

    Attributes:
        name: as in records and settings.
        info: zones, signal, attribution and the rest.
        missing: the variable that it lacks, or None when it can be used.
        keyed: whether it needs something of the user's: a key, an account, a server.
    """

    name: str
    info: SourceInfo
    missing: str | None = None
    keyed: bool = False

    def covers(self, zone: str) -> bool:
        """Whether it may have a forecast for that zone."""
        if watttime.is_own_code(zone):
            return self.name == watttime.INFO.name
        return self.info.zones is None or zone in self.info.zones


def names() -> tuple[str, ...]:
    """All that `open_source` takes as a name."""
    return (*LIVE, TYPICAL, AUTO, "file:PATH")


def entries(settings: Settings) -> tuple[Entry, ...]:
    """All sources but files, in the order that ``auto`` asks them."""
    live = (
        Entry(
            name=name,
            info=source.info(settings),
            missing=source.missing(settings),
            keyed=bool(source.needs),
        )
        for name, source in LIVE.items()
    )
    tables = TypicalTables.of(settings)
    return (*live, Entry(name=TYPICAL, info=describe(tables=tables)))


def open_source(source: object, settings: Settings, *, confined: bool = False) -> Source:
    """The source that a name, a chain of names, a source or a forecast stands for.

    Args:
        source: ``"typical"``, ``"auto"``, ``"file:PATH"``, the name of a live source,
            several with commas between them, a `Source`, a `Forecast`. None stands for
            ``auto`` where credentials are set or typical days are not allowed, else for
            ``typical``: without the user's wish nothing goes out on the network.
        settings: credentials, URLs, limits.
        confined: whether it was named by somebody who may not name every file of this
            machine, but those below ``CARBONAWARE_FORECAST_FOLDER``.

    Raises:
        UnknownSourceError: (a ValueError) nothing of that name.
        InvalidSettingError: (a ValueError) a chain of average and marginal sources, or a
            file that may not be named.
    """
    if source is None:
        return _default(settings)
    if isinstance(source, str):
        return _named(source.strip(), settings, confined=confined)
    if isinstance(source, Forecast):
        return FixedSource(source)
    if isinstance(source, Source) and not isinstance(source, type):
        return source
    msg = f"source must be a name, a Source or a Forecast, got {source!r}"
    raise UnknownSourceError(msg)


def _named(words: str, settings: Settings, *, confined: bool) -> Source:
    if words.lower() == AUTO:
        return _auto(settings)
    # A path may hold commas.
    if words.lower().startswith(f"{FILE}:"):
        return _file(words, settings, confined=confined)
    parts = [part.strip() for part in words.split(",")]
    if len(parts) > _LONGEST_CHAIN:
        msg = f"a chain of {len(parts)} sources; name {_LONGEST_CHAIN} at most"
        raise InvalidSettingError(msg)
    if len(parts) == 1 and parts[0].lower() == TYPICAL:
        return TypicalSource(TypicalTables.of(settings))
    links = [_link(part, settings, confined=confined) for part in parts]
    return _chain(links, settings)


def chain_of(name: str, settings: Settings, *, origin: str) -> ChainSource:
    """One live source alone, in its limits of time.

    Args:
        name: of a source that needs a credential or a server.
        settings: hold it.
        origin: where they got it from, for messages.

    Raises:
        InvalidSettingError: (a ValueError) the URL is none, or not safe for a key.
    """
    open_live(name, settings, origin)
    link = replace(_link(name, settings), open=partial(open_live, name, settings, origin))
    return ChainSource(
        [link], budget=settings.source_timeout, max_age=settings.forecast_max_age
    )


def _default(settings: Settings) -> Source:
    with_key = any(entry.keyed and not entry.missing for entry in entries(settings))
    if with_key or not settings.policy_fields["allow_typical"]:
        return _auto(settings)
    return TypicalSource(TypicalTables.of(settings))


def _auto(settings: Settings) -> Source:
    typical_too = settings.policy_fields["allow_typical"]
    links = [
        _entry_link(entry, settings)
        for entry in entries(settings)
        if entry.missing is None and (typical_too or entry.name != TYPICAL)
    ]
    return ChainSource(
        links,
        name=AUTO,
        budget=settings.source_timeout,
        by_zone=True,
        max_age=settings.forecast_max_age,
    )


def _chain(links: list[Link], settings: Settings) -> Source:
    signals = {link.signal for link in links} - {None}
    if len(signals) > 1:
        each = ", ".join(f"{link.name} is {link.signal}" for link in links if link.signal)
        msg = (
            f"a chain must not mix average and marginal intensity, but {each}; "
            "keep those of one signal"
        )
        raise InvalidSettingError(msg)
    return ChainSource(
        links, budget=settings.source_timeout, max_age=settings.forecast_max_age
    )


def _link(words: str, settings: Settings, *, confined: bool = False) -> Link:
    if words.lower().startswith(f"{FILE}:"):
        file = _file(words, settings, confined=confined)
        return Link(
            name=FILE,
            signal=None,
            open=lambda: file,
            covers=lambda _: True,
            live=False,
        )
    for entry in entries(settings):
        if entry.name == words.lower().replace("-", "_"):
            return _entry_link(entry, settings)
    raise _unknown(words)


def _entry_link(entry: Entry, settings: Settings) -> Link:
    return Link(
        name=entry.name,
        signal=entry.info.signal,
        open=partial(TypicalSource, TypicalTables.of(settings))
        if entry.name == TYPICAL
        else partial(open_live, entry.name, settings),
        covers=entry.covers,
        missing=entry.missing,
        live=entry.name != TYPICAL,
    )


def _file(words: str, settings: Settings, *, confined: bool) -> Source:
    path = words.partition(":")[2].strip()
    if not path:
        raise _unknown(words)
    return open_file(path, settings, confined=confined)


def _unknown(words: object) -> UnknownSourceError:
    near = get_close_matches(str(words).lower(), [*LIVE, TYPICAL, AUTO], n=3)
    nearest = f"nearest known: {' or '.join(map(repr, near))}; " if near else ""
    return UnknownSourceError(
        f"unknown forecast source {words!r}; {nearest}allowed are {', '.join(names())}, "
        "and several of them with commas between"
    )
