"""The chart of a decision shows forecast, allowed starts, nominal start and slot."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from carbonaware_prefect.charts.decision import draw_decision
from carbonaware_prefect.core import Forecast, Slot

MIDNIGHT = datetime(2026, 11, 21, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
SVG = "{http://www.w3.org/2000/svg}"


def draw(
    *grams: float,
    nominal: timedelta = HOUR,
    window: timedelta = 6 * HOUR,
    slot: timedelta = 3 * HOUR,
    gap: int | None = None,
    description: str = "d",
) -> ET.Element:
    """The root of the picture of a forecast of these hours from midnight on."""
    forecast = Forecast.from_intervals(
        (MIDNIGHT + i * HOUR, MIDNIGHT + (i + 1) * HOUR, value)
        for i, value in enumerate(grams)
        if i != gap
    )
    start = MIDNIGHT + nominal
    text = draw_decision(
        forecast,
        starts=[(start, start + window)],
        nominal_start=start,
        slot=Slot(MIDNIGHT + slot, MIDNIGHT + slot + HOUR, 100.0),
        description=description,
    )
    return ET.fromstring(text)  # noqa: S314  our own


def marks(root: ET.Element, kind: str) -> list[dict[str, str]]:
    """The elements of the plot of that class, without those of the legend."""
    found = [each.attrib for each in root.iter() if each.get("class") == kind]
    return found[:-1] if kind in {"window", "slot", "due"} else found


def test_what_is_marked_lies_where_it_belongs() -> None:
    """From 01:00 to 08:00 in 420 dots: each hour has 60."""
    root = draw(300, 300, 200, 100, 200, 300, 300, 300)
    (window,), (slot,), (due,) = (marks(root, each) for each in ("window", "slot", "due"))
    (line,) = marks(root, "line")

    assert (window["x"], window["width"]) == ("46.0", "315.0")
    assert (slot["x"], slot["width"]) == ("151.0", "52.5")
    assert due["d"].startswith("M46.0 ")
    # 400 at the top, 0 at the foot: a quarter of the height for each 100.
    assert line["points"].split()[0] == "46.0,82.5"
    assert float(slot["height"]) == 48.5
    assert "151.0,179.5 203.5,179.5" in line["points"]


def test_a_gap_is_a_gap() -> None:
    """Nothing is drawn where nobody knows."""
    assert len(marks(draw(*[100] * 9, gap=4), "line")) == 2


def test_it_is_small() -> None:
    """A year's window, in minutes, makes a page that a browser opens at once."""
    root = draw(*range(400), window=timedelta(days=365))

    assert len(ET.tostring(root)) < 15_000


def test_words_for_who_cannot_see_it() -> None:
    """Title and description, escaped."""
    root = draw(100, description="<script>&\x00")

    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}desc") == "<script>&\N{REPLACEMENT CHARACTER}"


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    st.timedeltas(timedelta(0), timedelta(days=3)),
    st.timedeltas(timedelta(0), timedelta(days=366)),
)
def test_all_lies_inside(grams: list[float], slot: timedelta, window: timedelta) -> None:
    """Whatever the numbers, all points are finite and within the picture."""
    root = draw(*grams, slot=slot, window=window)
    points = [
        float(number)
        for line in marks(root, "line")
        for pair in line["points"].split()
        for number in pair.split(",")
    ]

    assert all(0 <= number <= 480 for number in points)
