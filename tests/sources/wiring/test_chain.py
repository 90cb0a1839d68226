"""Chains of sources: order, falling through, one signal, one budget of time."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import pytest

from carbonaware_prefect.core import Forecast, Interval, Policy, Reason, Signal
from carbonaware_prefect.delay.choice import consult
from carbonaware_prefect.errors import (
    NoForecastError,
    SourceRefusedError,
    SourcesFailedError,
    SourceUnreachableError,
)
from carbonaware_prefect.sources.base import FixedSource, Source
from carbonaware_prefect.sources.wiring.chain import ChainSource, Link

NOON = datetime(2026, 7, 1, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
ASKED = Interval(NOON, NOON + 7 * HOUR)


def flat(name: str, *, hours: float = 48, signal: Signal = "average") -> FixedSource:
    """A source that knows one value for some hours."""
    end = NOON + hours * HOUR
    forecast = Forecast.from_points([(NOON, 200)], end=end, source=name, signal=signal)
    return FixedSource(forecast)


class Broken:
    """A source that takes its time and then fails."""

    name = "broken"
    signal: Signal = "average"

    def __init__(self, error: Exception, seconds: float = 0) -> None:
        self.error = error
        self.seconds = seconds

    def fetch(self, zone: str | None, interval: Interval) -> Forecast:
        time.sleep(self.seconds)
        raise self.error


def link(
    source: Source,
    name: str | None = None,
    *,
    signal: Signal | None = "average",
    zones: str = "DE",
    missing: str | None = None,
) -> Link:
    """A live link to a source."""
    return Link(
        name=name or source.name,
        signal=signal,
        open=lambda: source,
        covers=lambda zone: zone in zones.split(),
        missing=missing,
    )


DOWN = SourceUnreachableError("it is down")


def test_the_first_that_delivers_answers() -> None:
    """Later sources answer when earlier ones fail, and the answer says who and why."""
    chain = ChainSource([link(Broken(DOWN)), link(flat("good")), link(flat("other"))])
    answer = chain.fetch_checked("DE", ASKED)

    assert answer.source_name == "good"
    assert answer.failures == (("broken", "it is down"),)
    assert chain.fetch("DE", ASKED) == answer.forecast
    assert chain.name == "broken,good,other"


@pytest.mark.parametrize("error", [KeyError("a bug"), OSError("on fire"), DOWN])
def test_any_fault_falls_through(error: Exception) -> None:
    """Whatever a source raises, the next one is asked."""
    chain = ChainSource([link(Broken(error)), link(flat("good"))])

    assert chain.fetch_checked("DE", ASKED).source_name == "good"


def test_a_source_without_its_credential_is_a_failure() -> None:
    """A named source that lacks its key is passed over by name of the variable."""
    chain = ChainSource([link(flat("a"), missing="CARBONAWARE_A_KEY"), link(flat("b"))])
    answer = chain.fetch_checked("DE", ASKED)

    assert answer.failures == (("a", "CARBONAWARE_A_KEY is not set"),)


def test_a_single_source_fails_with_its_own_error() -> None:
    """A chain of one raises what its source raises."""
    with pytest.raises(SourceUnreachableError, match="it is down"):
        ChainSource([link(Broken(DOWN))]).fetch_checked("DE", ASKED)
    with pytest.raises(SourceRefusedError, match="A_KEY"):
        ChainSource([link(flat("a"), missing="A_KEY")]).fetch_checked("DE", ASKED)


def test_all_failing_names_them_all() -> None:
    """When nobody delivers, the error carries each source with its reason."""
    chain = ChainSource([link(Broken(DOWN), "a"), link(Broken(OSError("x")), "b")])
    with pytest.raises(SourcesFailedError) as caught:
        chain.fetch_checked("DE", ASKED)

    assert caught.value.failures == (("a", "it is down"), ("b", "x"))
    assert "a: it is down; b: x" in str(caught.value)


def test_nobody_knowing_is_no_forecast() -> None:
    """When no source covers the place there is no forecast, which is no outage."""
    nothing = NoForecastError("not here")
    chain = ChainSource([link(Broken(nothing), "a"), link(Broken(nothing), "b")])

    with pytest.raises(NoForecastError, match="a: not here; b: not here"):
        chain.fetch_checked("DE", ASKED)
    with pytest.raises(NoForecastError, match="no source covers zone 'XX'"):
        ChainSource([link(flat("a"))], by_zone=True).fetch_checked("XX", ASKED)


def test_signals_are_never_mixed() -> None:
    """Sources of another signal than the first usable one are left out, and named."""
    marginal = link(flat("m", signal="marginal"), signal="marginal")
    chain = ChainSource([link(Broken(DOWN)), marginal, link(flat("good"))])
    answer = chain.fetch_checked("DE", ASKED)

    assert answer.source_name == "good"
    assert [name for name, _ in answer.failures] == ["broken", "m"]
    assert "marginal" in answer.failures[1][1]


def test_the_first_usable_source_of_the_zone_sets_the_signal() -> None:
    """A source that lacks its key or the zone does not decide on the signal."""
    marginal = link(flat("m", signal="marginal"), signal="marginal")
    chain = ChainSource([link(flat("far"), zones="FR"), marginal], by_zone=True)

    assert chain.fetch_checked("DE", ASKED).source_name == "m"


def test_a_file_of_another_signal_is_found_out() -> None:
    """A source whose signal shows in its forecast only is checked there."""
    late = link(flat("file", signal="marginal"), signal=None)
    with pytest.raises(SourcesFailedError, match="file: its forecast is of marginal"):
        ChainSource([link(Broken(DOWN)), late]).fetch_checked("DE", ASKED)


def test_the_budget_is_shared() -> None:
    """Two dead sources take no longer than the budget, and the third still answers."""
    dead = Broken(DOWN, seconds=3)
    chain = ChainSource(
        [link(dead, "a"), link(dead, "b"), link(flat("good"))],
        budget=timedelta(seconds=0.9),
    )
    started = time.monotonic()
    answer = chain.fetch_checked("DE", ASKED)

    assert time.monotonic() - started < 1.2
    assert answer.source_name == "good"
    assert "no answer within 0.3 s" in answer.failures[0][1]


def test_a_decision_says_who_answered_and_who_failed() -> None:
    """The sentence and the record of a decision name the failures."""
    chain = ChainSource([link(Broken(DOWN)), link(flat("good"))])
    request = Policy(zone="DE").bind(NOON)
    decision = consult(chain, request, NOON)

    assert decision.source == "good"
    assert decision.failures == ("broken: it is down",)
    assert "(good answered, after broken: it is down)" in decision.sentence


def test_a_dead_chain_starts_the_run_with_all_reasons() -> None:
    """When all fail the run starts now, and the record names each failure."""
    chain = ChainSource([link(Broken(DOWN), "a"), link(Broken(DOWN), "b")])
    decision = consult(chain, Policy(zone="DE").bind(NOON), NOON)

    assert not decision.wait
    assert decision.reason is Reason.SOURCE_FAILED
    assert decision.failures == ("a: it is down", "b: it is down")


def test_a_short_forecast_decides_on_what_it_covers() -> None:
    """A forecast shorter than the window is enough for a whole slot, and it says so."""
    chain = ChainSource([link(flat("short", hours=2))])
    decision = consult(chain, Policy(zone="DE").bind(NOON), NOON)

    assert decision.reason is Reason.CLEANEST_NOW
    assert "(the forecast ends at 2026-07-01 14:00 UTC, before the window)" in (
        decision.sentence
    )


def test_too_short_a_forecast_falls_through() -> None:
    """A forecast that covers no whole slot counts as none, and the next one is asked."""
    chain = ChainSource([link(flat("short", hours=0.25)), link(flat("good"))])
    decision = consult(chain, Policy(zone="DE").bind(NOON), NOON)
    alone = consult(
        ChainSource([link(flat("short", hours=0.25))]), Policy(zone="DE").bind(NOON), NOON
    )

    assert decision.source == "good"
    assert decision.failures[0].startswith("short: ")
    assert alone.reason is Reason.NO_FORECAST
