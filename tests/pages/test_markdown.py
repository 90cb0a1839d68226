"""Whatever somebody says, a page says it and does nothing else."""

from __future__ import annotations

import unicodedata
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from carbonaware_prefect.pages.markdown import LONGEST, clean, escape, picture, table

_RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_NAMES = st.text(st.sampled_from("\\`*_{}[]()<>#+-.!|~&$:@/=1 aw\n\t\"'"), max_size=40)


def words(markdown: str) -> tuple[set[str], str]:
    """The elements that a renderer makes of it, and the text that is in them."""
    root = ET.fromstring(f"<page>{_RENDERER.render(markdown)}</page>")  # noqa: S314  ours
    text = "".join(root.itertext()).replace("\N{WORD JOINER}", "")
    return {each.tag for each in root.iter()} - {"page"}, text.strip()


@given(_NAMES | st.text(max_size=60))
def test_a_paragraph_stays_one(name: str) -> None:
    """No text makes a link, a picture, a heading, a list or HTML; it is read as it is."""
    said = clean(name)
    tags, text = words(escape(name))

    assert text == said
    assert tags <= {"p"}


@given(_NAMES | st.text(max_size=60))
def test_a_cell_stays_one(name: str) -> None:
    """No text ends its cell or its row."""
    tags, text = words(table(("a", "b"), [(escape(name), "last")]))

    assert tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert [line.strip() for line in text.splitlines() if line.strip()] == [
        "a", "b", *([clean(name)] if clean(name) else []), "last",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "said",
    ["http://evil.example", "HTTPS://evil.example", "www.evil.example", "a@evil.example",
     "mailto:a@evil.example"],
)  # fmt: skip
def test_no_address_becomes_a_link(said: str) -> None:
    """Renderers that make links of bare addresses find none, even after unescaping."""
    plain = escape(said).replace("\\", "")

    assert said not in plain
    assert said == plain.replace("\N{WORD JOINER}", "")


@given(st.text(max_size=60))
def test_what_cannot_be_seen_is_shown_to_be_there(text: str) -> None:
    """Controls, halves of characters and marks that turn a line around are replaced."""
    kinds = {unicodedata.category(letter) for letter in clean(text)}

    assert not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_long_texts_are_cut() -> None:
    """A name of a megabyte takes no more of a page than others."""
    assert len(clean("x" * 1024 * 1024)) == LONGEST
    assert clean("x" * 11, 10) == "x" * 9 + "\N{HORIZONTAL ELLIPSIS}"


def test_a_sentence_is_left_as_it_is() -> None:
    """What the package itself says is found by a search for it."""
    sentence = "Waiting: 02:30-04:30 UTC, 212 -> 138 gCO2/kWh (-35 %), zone US-CAL-CISO"

    assert escape(sentence) == sentence


def test_a_picture_has_words() -> None:
    """The document travels in the text, with what it shows for who cannot see it."""
    renderer = MarkdownIt("commonmark")
    renderer.validateLink = lambda _: True  # type: ignore[assignment,method-assign]
    html = renderer.render(picture("<svg/>", 'a ] "chart" <'))
    source = "data:image/svg+xml;base64,PHN2Zy8+"

    assert html == f'<p><img src="{source}" alt="a ] &quot;chart&quot; &lt;" /></p>\n'
