"""Several forecast sources asked in turn, within one budget of time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from carbonaware_prefect.clock import utc_now
from carbonaware_prefect.core import Forecast, Interval, Signal
from carbonaware_prefect.errors import (
    NoForecastError,
    SourceRefusedError,
    SourcesFailedError,
    SourceUnreachableError,
)
from carbonaware_prefect.sources.age import why_too_old
from carbonaware_prefect.sources.base import Source
from carbonaware_prefect.sources.file import FileSource

__all__ = ["Answer", "ChainSource", "Check", "Link", "fits"]

Failures = tuple[tuple[str, str], ...]
Check = Callable[[Forecast], str | None]
"""Says what is wrong with a forecast for the purpose at hand, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One source of a chain, opened when its turn comes.

    Attributes:
        name: as in records and settings.
        signal: what its numbers measure; None when only its forecast tells.
        open: gives the source; may raise what its settings are at fault for.
        covers: whether it may know a zone.
        missing: the setting that it lacks, or None.
        live: whether it asks the network, so that its time has to be bounded.
    """

    name: str
    signal: Signal | None
    open: Callable[[], Source]
    covers: Callable[[str], bool]
    missing: str | None = None
    live: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A forecast, who gave it, who did not before and why, and what was assumed."""

    forecast: Forecast
    source_name: str
    failures: Failures = ()
    notes: tuple[str, ...] = ()


def fits(_: Forecast) -> str | None:
    """The check that every forecast stands."""
    return None


class ChainSource:
    """Asks its sources in order until one delivers.

    Sources that measure another signal than the first one that comes into question are
    never asked. The sources that ask the network share one budget of time: each gets an
    equal part of what is left, and what one leaves over goes to the next.

    Args:
        links: the sources, in order.
        name: of the chain; by default that of its only source, or all of them.
        budget: for all live sources together.
        by_zone: whether sources that don't cover a zone are passed over in silence.
        max_age: how long ago a forecast may have been issued.
    """

    needs_zone = True

    def __init__(
        self,
        links: Sequence[Link],
        *,
        name: str | None = None,
        budget: timedelta = timedelta(seconds=10),
        by_zone: bool = False,
        max_age: timedelta = timedelta(hours=48),
    ) -> None:
        self.links: tuple[Link, ...] = tuple(links)
        self._name = name or ",".join(link.name for link in links)
        self._budget = budget
        self._by_zone = by_zone
        self._max_age = max_age

    @property
    def name(self) -> str:
        """The chain's name."""
        return self._name

    @property
    def signal(self) -> Signal:
        """That of the first source that says one."""
        known = (link.signal for link in self.links if link.signal is not None)
        return next(known, "average")

    def fetch(self, zone: str | None, interval: Interval) -> Forecast:
        """The first forecast that a source delivers; see `fetch_checked`."""
        return self.fetch_checked(zone, interval).forecast

    def candidates(self, zone: str | None) -> tuple[tuple[Link, ...], tuple[Link, ...]]:
        """The sources to ask for a zone, and those left out for their signal."""
        fitting = [
            link
            for link in self.links
            if not self._by_zone or zone is None or link.covers(zone)
        ]
        usable = [link for link in fitting if link.missing is None] or fitting
        signals = (link.signal for link in usable if link.signal is not None)
        chosen = {next(signals, None), None}
        return (
            tuple(link for link in fitting if link.signal in chosen),
            tuple(link for link in fitting if link.signal not in chosen),
        )

    def fetch_checked(
        self, zone: str | None, interval: Interval, *, check: Check = fits
    ) -> Answer:
        """The first forecast that a source delivers and ``check`` finds no fault with.

        Raises:
            NoForecastError: no source knows about that zone and time.
            SourcesFailedError: several failed, at least one of them otherwise.
            SourceError: the only source failed.
        """
        links, left_out = self.candidates(zone)
        deadline = time.monotonic() + self._budget.total_seconds()
        errors: list[tuple[str, Exception]] = []
        for i, link in enumerate(links):
            live = sum(other.live for other in links[i:])
            seconds = (deadline - time.monotonic()) / max(1, live)
            try:
                answer = _fetch_one(link, zone, interval, seconds)
            except Exception as error:  # noqa: BLE001  the next source may still deliver
                errors.append((link.name, error))
                continue
            forecast = answer.forecast
            fault = (
                _other_signal(forecast, links)
                or self._too_old(forecast, interval)
                or check(forecast)
            )
            if fault is None:
                failures = _failures(errors, left_out) if errors else ()
                return replace(answer, failures=failures)
            errors.append((link.name, NoForecastError(fault)))
        raise self._nobody(zone, errors, left_out)

    def _too_old(self, forecast: Forecast, interval: Interval) -> str | None:
        return why_too_old(forecast, interval, now=utc_now(), max_age=self._max_age)

    def _nobody(
        self,
        zone: str | None,
        errors: list[tuple[str, Exception]],
        left_out: tuple[Link, ...],
    ) -> Exception:
        if not errors:
            allowed = ", ".join(link.name for link in self.links) or "none"
            return NoForecastError(
                f"no source covers zone {zone!r} (in question: {allowed}); "
                "name another source, e.g. source='file:PATH'"
            )
        if len(errors) == 1 and not left_out:
            return errors[0][1]
        failures = _failures(errors, left_out)
        each = "; ".join(f"{name}: {reason}" for name, reason in failures)
        if all(isinstance(error, NoForecastError) for _, error in errors):
            return NoForecastError(f"no source has a forecast: {each}")
        return SourcesFailedError(f"no source delivered: {each}", failures)


def _other_signal(forecast: Forecast, links: tuple[Link, ...]) -> str | None:
    wanted = {link.signal for link in links} - {None}
    if not wanted or forecast.signal in wanted:
        return None
    return f"its forecast is of {forecast.signal} intensity, unlike the others of the chain"


def _failures(errors: list[tuple[str, Exception]], left_out: tuple[Link, ...]) -> Failures:
    found = [(name, _words(error)) for name, error in errors]
    for link in left_out:
        why = f"left out, because it measures {link.signal} intensity"
        found.append((link.name, why))
    return tuple(found)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _fetch_one(link: Link, zone: str | None, interval: Interval, seconds: float) -> Answer:
    if link.missing is not None:
        msg = f"{link.missing} is not set"
        raise SourceRefusedError(msg)
    if not link.live:
        source = link.open()
        return Answer(
            forecast=source.fetch(zone, interval),
            source_name=link.name,
            notes=source.notes if isinstance(source, FileSource) else (),
        )
    if seconds <= 0:
        msg = f"no time was left to ask {link.name}"
        raise SourceUnreachableError(msg)
    answers: queue.SimpleQueue[Forecast | Exception] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put(link.open().fetch(zone, interval))
        except Exception as error:  # noqa: BLE001  handed to the thread that waits
            answers.put(error)

    # Left behind when the time is up; what it brings then is in the cache.
    threading.Thread(target=work, name=f"carbon-{link.name}", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        msg = f"{link.name} gave no answer within {seconds:.3g} s"
        raise SourceUnreachableError(msg) from None
    if isinstance(answer, Exception):
        raise answer
    return Answer(forecast=answer, source_name=link.name)
