"""Forecasts as SVG: well-formed whatever the texts and numbers are."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from carbonaware_prefect.charts.svg import draw_svg
from carbonaware_prefect.core import Forecast

MIDNIGHT = datetime(2026, 11, 21, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
SVG = "{http://www.w3.org/2000/svg}"


def picture(
    *grams: float, title: str = "t", note: str = "n", offset: int = 0
) -> ET.Element:
    """The root of the drawing of these hours."""
    forecast = Forecast.from_intervals(
        (MIDNIGHT + i * HOUR, MIDNIGHT + (i + 1) * HOUR, value)
        for i, value in enumerate(grams)
    )
    start = MIDNIGHT + offset * HOUR
    text = draw_svg(
        forecast,
        start=start,
        end=start + 24 * HOUR,
        title=title,
        subtitle=title,
        notes=(note,),
    )
    return ET.fromstring(text)  # noqa: S314  our own


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    st.text(max_size=300),
    st.integers(-30, 40),
)
def test_well_formed(grams: list[float], text: str, offset: int) -> None:
    """Any numbers, texts and times make an XML document whose numbers are finite."""
    root = picture(*grams, title=text, note=text, offset=offset)

    points = " ".join(line.get("points", "") for line in root.iter(f"{SVG}polyline"))
    assert "nan" not in points
    assert "inf" not in points


def test_texts_are_escaped() -> None:
    """A name with markup stays a name, and a control character does no harm."""
    root = picture(100, title="<script>&\x00", note="a" * 300)

    assert root.findtext(f"{SVG}title") == "<script>&\N{REPLACEMENT CHARACTER}"
    assert root.find(f"{SVG}script") is None


def test_negative_values_lie_below_the_zero_line() -> None:
    """The scale reaches below zero where the values do."""
    root = picture(100, -50)
    labels = [element.text for element in root.iter(f"{SVG}text")]

    assert "-50" in labels
    assert "100" in labels
