"""Answers of forecast services that somebody saved to a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings

from carbonaware_prefect.core import Forecast
from carbonaware_prefect.errors import ForecastFileError
from carbonaware_prefect.sources.file.parsing import Parsed, parse
from carbonaware_prefect.sources.wiring.saved import answer_reader
from tests.sources.contract.cases import CASES, ISSUED, Case, case_of, electricity_maps
from tests.sources.contract.conftest import ONCE
from tests.sources.contract.test_any_json import changed, changes, places

READ = answer_reader(signal="average", locations=None)
CANARY = "CANARY7351"
EM = cast("dict[str, Any]", electricity_maps([(ISSUED, 1)], False))


def read(payload: object, zone: str | None = None, **more: Any) -> Parsed:
    """What a file with that JSON says."""
    text = json.dumps(payload)
    given_by_default = {"time_zone": None, "read_answer": READ}
    return parse(text, name="f.json", zone=zone, **(given_by_default | more))


def values(forecast: Forecast) -> list[tuple[str, float]]:
    """Start and grams per kWh."""
    return [(span.start.isoformat(), grams) for span, grams in forecast]


def sdk_entry() -> dict[str, Any]:
    """The one forecast in an answer of the Carbon Aware SDK."""
    (entry,) = cast("list[dict[str, Any]]", case_of("carbon_aware_sdk").good())
    return entry


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_saved_answer_says_what_the_source_would(case: Case) -> None:
    """Values, signal, issue time and zone are those that the live source reads from it."""
    source = case.make("http://127.0.0.1:9", ONCE)
    live = source.parse(case.good(), case.zone, case.asked)
    parsed = read(case.good(), case.zone)
    saved = parsed.forecast

    assert values(saved) == values(live)
    assert (saved.zone, saved.source, saved.signal, saved.issued_at) == (
        case.zone,
        "file",
        live.signal,
        live.issued_at,
    )
    assert source.info.attribution in parsed.notes[0]


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("gb_national", "GB"),
        ("gb_regional", "GB-13"),
        ("energy_charts", None),
        ("electricity_maps_v4", "DE"),
        ("watttime", "US-CAL-CISO"),
        ("carbonaware_scheduler", "US-MIDA-PJM"),
        ("carbon_aware_sdk", "US-MIDA-PJM"),
    ],
)
def test_a_saved_answer_knows_its_zone(name: str, zone: str | None) -> None:
    """Without a zone asked for it is the one that the answer names, if it names one."""
    assert read(case_of(name).good()).forecast.zone == zone


def test_the_location_of_an_sdk_may_be_a_zone_or_configured() -> None:
    """Location names are taken as the live source's settings say, as regions, or zones."""
    entry = sdk_entry()
    here = answer_reader(signal="marginal", locations={"FR": "Our-Cellar"})
    for location, expected in (("our-cellar", "FR"), ("westeurope", "NL"), ("DE", "DE")):
        parsed = read([entry | {"location": location}], read_answer=here)
        assert (parsed.forecast.zone, parsed.forecast.signal) == (expected, "marginal")
    assert read([entry | {"location": "somewhere"}], "DE").forecast.zone == "DE"


def as_points(zone: str | None = None) -> list[dict[str, Any]]:
    """The points of the answer of Electricity Maps, as other calls of it list them."""
    named = {} if zone is None else {"zone": zone, "isEstimated": False}
    return [{**named, **point} for point in EM["forecast"]]


GB = cast("dict[str, Any]", case_of("gb_national").good())
REGIONS = [
    {
        **{key: period[key] for key in ("from", "to")},
        "regions": [
            {"regionid": region, "intensity": {"forecast": region}} for region in (1, 13)
        ],
    }
    for period in GB["data"]
]


@pytest.mark.parametrize(
    ("payload", "zone"),
    [
        (EM, "DE"),
        ([EM], "DE"),
        ([{**EM, "zone": "FR"}, EM], "DE"),
        ({"status": 200, "data": EM}, "DE"),
        ({"result": {"body": [EM]}}, "DE"),
        ({"forecast": EM["forecast"]}, "DE"),
        ({"zone": "DE", "data": as_points("DE")}, "DE"),
        ({"zone": "DE", "history": as_points("DE")}, "DE"),
        (as_points("DE"), "DE"),
        (as_points("DE"), None),
        (as_points(), "DE"),
        (as_points("FR") + as_points("DE"), "DE"),
    ],
)
def test_wrapped_answers_of_electricity_maps(payload: object, zone: str | None) -> None:
    """In envelopes and lists, and the lists that its other calls give."""
    parsed = read(payload, zone)

    assert values(parsed.forecast) == values(read(EM, "DE").forecast)
    assert parsed.forecast.zone == "DE"


@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        ("gb_national", lambda answer: answer["data"]),
        ("gb_national", lambda answer: {"response": answer}),
        ("gb_regional", lambda answer: [answer]),
        ("energy_charts", lambda answer: [answer]),
        ("energy_charts", lambda answer: {"data": answer}),
        ("watttime", lambda answer: {"content": answer}),
        ("carbon_aware_sdk", lambda answer: answer[0]),
        ("carbon_aware_sdk", lambda answer: {"forecasts": answer}),
        ("carbonaware_scheduler", lambda answer: {"payload": answer}),
    ],
)
def test_wrapped_answers_of_the_others(name: str, wrap: Callable[[Any], object]) -> None:
    """They say what they say unwrapped."""
    case = case_of(name)

    wrapped = read(wrap(case.good()), case.zone).forecast

    assert values(wrapped) == values(read(case.good(), case.zone).forecast)
    assert wrapped.zone == case.zone


def test_all_regions_of_great_britain_at_once() -> None:
    """The one that is asked for counts."""
    found = read({"data": REGIONS}, "GB-13").forecast

    assert {grams for _, grams in found} == {13}
    assert found.zone == "GB-13"


def in_capitals(value: object) -> object:
    """As the SDK's command writes it."""
    if isinstance(value, list):
        return [in_capitals(each) for each in value]
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: in_capitals(each) for key, each in value.items()}
    return value


def test_what_the_command_of_the_sdk_writes() -> None:
    """It is what the WebAPI answers, in capitals."""
    entry = sdk_entry()

    for payload in ([in_capitals(entry)], in_capitals(entry)):
        assert values(read(payload, "US-MIDA-PJM").forecast) == values(
            read([entry], "US-MIDA-PJM").forecast
        )


def test_emissions_of_the_sdk() -> None:
    """Points by location, as a list of emissions or of a forecast, each with its length."""
    rows = [
        {"location": place, "time": f"2026-11-27T{hour}:00:00+00:00", "rating": grams,
         "duration": "01:00:00"}
        for place, grams in (("westeurope", 200.5), ("eastus", 300.5))
        for hour in (12, 13)
    ]  # fmt: skip

    forecast = [
        {{"time": "timestamp", "rating": "value"}.get(key, key): row[key] for key in row}
        for row in rows
    ]
    for payload in (rows, in_capitals(rows), forecast):
        assert values(read(payload, "NL").forecast) == [
            ("2026-11-27T12:00:00+00:00", 200.5),
            ("2026-11-27T13:00:00+00:00", 200.5),
        ]


def test_an_sdk_answer_of_several_locations() -> None:
    """The location in the zone that is asked for counts; without a zone none does."""
    entry = sdk_entry()
    both = [entry, entry | {"location": "westeurope"}]
    assert read(both, "NL").forecast.zone == "NL"
    for zone, words in ((None, "several locations"), ("FR", "CARBONAWARE_SDK_LOCATIONS")):
        with pytest.raises(ForecastFileError, match=words):
            read(both, zone)


def test_great_britain_names_no_zone() -> None:
    """Its national answer is taken for what was asked for, and that is said."""
    parsed = read(GB, "DE")

    assert parsed.forecast.zone == "DE"
    assert values(parsed.forecast) == values(read(GB, "GB").forecast)
    assert "taken for one of DE" in parsed.notes[1]
    assert read(GB, "GB").notes[1:] == ()
    assert read([GB, {**EM, "zone": "DE"}], "DE").notes[0].count("Electricity Maps")


def test_one_period_for_each_hour_holds_for_it() -> None:
    """Where every other half hour was kept an hour is found, and that is said."""
    periods = [
        {
            "from": f"2026-11-27T{hour}:00Z",
            "to": f"2026-11-27T{hour}:30Z",
            "intensity": {"forecast": grams},
        }
        for hour, grams in ((12, 300), (13, 120), (14, 200))
    ]
    parsed = read({"data": periods})

    assert [span.duration.total_seconds() for span, _ in parsed.forecast] == [3600] * 3
    assert "until the next one begins" in parsed.notes[1]


@pytest.mark.parametrize(
    ("payload", "zone", "words"),
    [
        (case_of("energy_charts").good(), "US-CAL-CISO", "does not cover"),
        ({"data": []}, None, "no list 'points'"),
        ({"data": {"regionid": True, "data": []}}, None, "no list 'points'"),
        ({"zone": "DE", "forecast": [{}]}, "DE", "no time with a time zone"),
        ({"zone": "DE", "forecast": []}, "DE", "cannot be used"),
        ({**EM, "zone": "x!"}, None, "no key of a zone"),
        ({"options": [{"zone": {"region": "mars-1"}}]}, None, "not in the map"),
        ([{"location": "eastus"}], None, "needs one of the keys"),
        ({"data": REGIONS}, "GB", "ask for one of GB-1 to GB-17"),
        ([EM, {**EM, "zone": "FR"}], None, "several answers"),
        ([EM, {**EM, "zone": "FR"}], "ES", "several answers"),
        ([EM, {"a": 1}], "DE", "needs one of the keys"),
        (as_points("FR") + as_points("DE"), "ES", "of several zones"),
        ({"points": [], "data": EM}, "DE", "no points"),
        ({"data": {"data": {"data": {"data": {"data": EM}}}}}, "DE", "no list 'points'"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_used(payload: object, zone: str, words: str) -> None:
    """It is refused as a file, with what is wrong in it."""
    with pytest.raises(ForecastFileError, match=words):
        read(payload, zone)


WRAPS: dict[str, Callable[[Any], object]] = {
    "as it came": lambda answer: answer,
    "in an envelope": lambda answer: {"data": answer},
    "its list": lambda answer: (
        next((each for each in answer.values() if isinstance(each, list)), answer)
        if isinstance(answer, dict)
        else answer
    ),
}


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("wrap", WRAPS)
def test_any_saved_json_is_read_or_refused(case: Case, wrap: str) -> None:
    """However it is damaged, an answer makes a forecast or a typed error."""

    @settings(
        max_examples=100,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(changes)
    def run(how: list[tuple[float, str, object]]) -> None:
        try:
            payload = WRAPS[wrap](changed(case.good(), how))
            forecast = read(payload, case.zone).forecast
        except ForecastFileError:
            return
        assert forecast.source == "file"

    run()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_saved_answer_is_never_quoted(case: Case) -> None:
    """No error about an answer holds what stands in it, wherever it stands."""
    payload = case.good()
    told = []
    for number in range(len(list(places(payload)))):
        copy = json.loads(json.dumps(payload))
        holder, key = list(places(copy))[number]
        holder[key] = CANARY  # type: ignore[index]
        told += [_refusal(copy, zone) for zone in (None, case.zone, "FR")]
    assert any(told)
    assert [words for words in told if CANARY in words] == []


def _refusal(payload: object, zone: str | None) -> str:
    try:
        read(payload, zone)
    except ForecastFileError as error:
        return str(error)
    return ""


def test_issued_at_is_kept() -> None:
    """What the service said of its age counts for the file."""
    assert read(case_of("electricity_maps_v4").good()).forecast.issued_at == ISSUED
