"""Whatever JSON comes back, a source makes a valid forecast of it or a typed error."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, MutableMapping, MutableSequence
from datetime import timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carbonaware_prefect.core import Forecast
from carbonaware_prefect.errors import NoForecastError, SourceMalformedError
from carbonaware_prefect.sources.http.reading import GRAMS_PER_KWH_LIMIT
from tests.sources.contract.cases import CASES, Case
from tests.sources.contract.conftest import ONCE

EXAMPLES = 10_000

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.sampled_from([0, -1, 10**400, 1_763_683_200, 253_402_300_799, 5e-324, 1e308]),
    st.floats(),
    st.sampled_from(
        [
            "",
            "2026-11-21T00:00Z",
            "2026-11-21T00:00:00.1234567+00:00",
            "2026-11-21T00:00:00",
            "0001-01-01T00:00+23:59",
            "9999-12-31T23:59:59Z",
            "2026-02-30T00:00Z",
            "2026-11-21T24:00Z",
            "٢٠٢٦-11-21T00:00Z",
            "hourly",
            "DE",
            "eastus",
            "\ud800",
        ]
    ),
    st.text(max_size=5),
)
keys = st.one_of(
    st.sampled_from(["data", "meta", "zone", "forecast", "options", "from", "value"]),
    st.text(max_size=3),
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=6,
)
# Where to change a good answer (as a share of its nodes), how, and with what.
changes = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["replace", "replace", "delete", "double"]),
        anything,
    ),
    min_size=1,
    max_size=3,
)

Place = tuple[MutableMapping[str, object] | MutableSequence[object], str | int]


def places(node: object) -> Iterator[Place]:
    """Every place in a JSON value that holds another value."""
    pairs: list[tuple[str | int, object]] = []
    if isinstance(node, dict):
        pairs = list(node.items())
    elif isinstance(node, list):
        pairs = list(enumerate(node))
    for key, inner in pairs:
        assert isinstance(node, (dict, list))
        yield node, key
        yield from places(inner)


def changed(payload: object, how: list[tuple[float, str, object]]) -> object:
    """A good answer with a few places replaced, deleted or doubled."""
    root = [copy.deepcopy(payload)]
    for share, manner, value in how:
        spots = list(places(root))
        holder, key = spots[int(share * len(spots))]
        if manner == "replace" or holder is root:
            holder[key] = value  # type: ignore[index]
        elif manner == "delete":
            del holder[key]  # type: ignore[arg-type]
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))  # type: ignore[index]
    return root[0]


def check(case: Case, payload: object) -> None:
    """Parse it; fail on an untyped error and on a forecast that breaks the contract."""
    source = case.make("http://127.0.0.1:9", ONCE)
    try:
        forecast = source.parse(payload, case.zone, case.asked)
    except (NoForecastError, SourceMalformedError):
        return
    assert isinstance(forecast, Forecast)
    assert case.asked.start <= forecast.start < forecast.end <= case.asked.end
    assert (forecast.zone, forecast.source, forecast.signal) == (
        case.zone,
        source.name,
        source.signal,
    )
    assert forecast.issued_at is None or forecast.issued_at.tzinfo is timezone.utc
    previous = case.asked.start
    for span, value in forecast:
        assert previous <= span.start < span.end
        previous = span.end
        assert math.isfinite(value)
        assert abs(value) <= GRAMS_PER_KWH_LIMIT
        assert value >= 0 or forecast.signal == "marginal"


thorough = settings(
    max_examples=EXAMPLES // (2 * len(CASES)),
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_any_json_is_a_forecast_or_a_typed_error(case: Case) -> None:
    """Arbitrary JSON values, most of them nothing like an answer."""

    @thorough
    @given(anything)
    def run(payload: object) -> None:
        check(case, payload)

    run()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_damaged_answer_is_a_forecast_or_a_typed_error(case: Case) -> None:
    """Good answers with up to three places damaged, so that every branch is reached."""
    good = case.payload(case.points(3), False)

    @thorough
    @given(changes)
    def run(how: list[tuple[float, str, object]]) -> None:
        check(case, changed(good, how))

    run()
