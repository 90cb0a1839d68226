"""Histograms as SVG."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from carbonaware_prefect.charts.histograms import Histogram, draw_histograms

SVG = "{http://www.w3.org/2000/svg}"
SAVINGS = Histogram([(-5, 0, 1), (0, 5, 0), (5, 10, 3)], "%")
WAITS = Histogram([(0, 1, 4)], "h")


def drawn(*rows: tuple[str, Histogram, Histogram]) -> ET.Element:
    """The document of these rows."""
    text = draw_histograms(
        rows,
        titles=("Left", "Right"),
        title="A & B",
        subtitle="of <both>",
        notes=("Ends.",),
    )
    return ET.fromstring(text)  # noqa: S314  our own


def test_bars_are_shares() -> None:
    """Heights are in proportion, losses have a colour of their own, and each bar tells."""
    bars = list(drawn(("one", SAVINGS, WAITS)).iter(f"{SVG}rect"))[1:]

    assert [bar.get("class") for bar in bars] == ["bad", "bar", "bar", "bar"]
    assert [float(bar.get("height", "")) for bar in bars] == [32, 0, 96, 96]
    assert [bar.findtext(f"{SVG}title") for bar in bars] == [
        "-5 to 0 %: 25.0 %", "0 to 5 %: 0.0 %", "5 to 10 %: 75.0 %", "0 to 1 h: 100.0 %",
    ]  # fmt: skip


def test_words_are_there_for_readers_without_eyes() -> None:
    """Title and description hold the headings; signs of XML are escaped."""
    document = drawn(("typical: saving 4 %", SAVINGS, WAITS))

    assert document.findtext(f"{SVG}title") == "A & B"
    assert document.findtext(f"{SVG}desc") == "of <both>. typical: saving 4 %"
    assert "Ends." in [each.text for each in document.iter(f"{SVG}text")]


def test_nothing_to_draw() -> None:
    """No runs at all make axes without bars."""
    empty = Histogram([], "%")

    assert len(list(drawn(("one", empty, empty)).iter(f"{SVG}rect"))) == 1
