"""Times, values and series as replies write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from carbonaware_prefect.errors import SourceMalformedError
from carbonaware_prefect.sources.http.reading import Reader
from carbonaware_prefect.sources.http.series import end_after, step_between
from carbonaware_prefect.sources.services.gb_carbon_intensity import GbCarbonIntensity
from tests.sources.contract.cases import MIDNIGHT, case_of

READER = Reader("Test")
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T00:00Z",
        "2026-11-21T00:00:00Z",
        "2026-11-21 00:00:00+00:00",
        "2026-11-21T01:00:00.000+01:00",
        "2026-11-20T19:00:00.0000000-0500",
    ],
)
def test_a_time_with_a_zone_is_read_in_utc(text: str) -> None:
    """In each of the spellings that the APIs use."""
    moment = READER.moment(text, "a time")
    assert moment == MIDNIGHT
    assert moment.tzinfo is timezone.utc


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-21T00:00",
        "2026-11-21",
        "2026-02-30T00:00Z",
        "2026-11-21T24:00Z",
        "0001-01-01T00:00+23:59",
        "٢٠٢٦-11-21T00:00Z",
        "2026-11-21T00:00Z\n",
        1_763_683_200,
        None,
    ],
)
def test_what_is_no_moment_is_malformed(value: object) -> None:
    """A time without a zone least of all: a guess shifts the forecast by hours."""
    with pytest.raises(SourceMalformedError, match="a time is no time"):
        READER.moment(value, "a time")


@pytest.mark.parametrize("value", [-1, 1.5, True, "0", None, 10**12, 10**400])
def test_what_are_no_seconds_are_malformed(value: object) -> None:
    """Milliseconds among them."""
    with pytest.raises(SourceMalformedError, match="seconds since 1970"):
        READER.unix_moment(value, "a time")


@pytest.mark.parametrize(
    "minutes", [(0, 1), (0, 7), (0, 45), (0, 15, 35), (0, 90), (0, 60, 61)]
)
def test_times_without_a_regular_step_are_malformed(minutes: tuple[int, ...]) -> None:
    """No grid publishes each 7 minutes."""
    starts = [MIDNIGHT + minute * MINUTE for minute in minutes]
    with pytest.raises(SourceMalformedError, match="no regular step"):
        step_between(starts, reader=READER, alone=MINUTE)


def test_the_end_of_the_calendar_is_malformed() -> None:
    """No OverflowError leaves a source."""
    last = datetime(9999, 12, 31, 23, 59, tzinfo=timezone.utc)
    with pytest.raises(SourceMalformedError, match="calendar"):
        end_after(last, timedelta(hours=1), reader=READER)


def test_a_fault_does_not_quote_the_reply() -> None:
    """A server may echo a key where a zone should be."""
    with pytest.raises(SourceMalformedError) as caught:
        READER.moment("s3cret", "a time")
    assert "s3cret" not in str(caught.value)


def test_intervals_that_overlap_are_malformed() -> None:
    """Half hours that start each quarter are two series."""
    case = case_of("gb_national")
    points = [(MIDNIGHT + i * 15 * MINUTE, 100 + i) for i in range(4)]
    with pytest.raises(SourceMalformedError, match="overlap"):
        GbCarbonIntensity().parse(case.payload(points, False), "GB", case.asked)


def test_an_error_reported_under_status_200_is_malformed() -> None:
    """It is neither data nor the empty answer of an outage."""
    case = case_of("gb_national")
    with pytest.raises(SourceMalformedError, match="error"):
        GbCarbonIntensity().parse({"error": {"code": "500"}}, "GB", case.asked)
