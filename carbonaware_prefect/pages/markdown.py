"""Markdown that says what it was given and nothing else, whatever that is.

Names, sources and errors are somebody's words. On a page they stay words: they make no
link, picture, row, heading or HTML.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["LONGEST", "clean", "escape", "picture", "table"]

LONGEST = 500
"""Of a text by somebody else, in characters."""
_SPECIAL = re.compile(r"[\\`*\[\]<|~&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
# Some renderers make links of these after they have taken the backslashes away, so that
# only a character in between helps.
_LINKS = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)|(?<=mailto)(?=:)", re.IGNORECASE)
_APART = "\N{WORD JOINER}"
# At the beginning of a line these make headings, lists, quotations and rules.
_FIRST = re.compile(r"^(?:[#>+=:-]|\d{1,9}(?=[.)]))")
# Controls; formats, which may turn the direction of a line; halves of characters.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def clean(text: object, most: int = LONGEST) -> str:
    """A text on one line, without what cannot be seen, cut to ``most`` characters."""
    # Cut twice, so that a gigabyte is not looked at.
    said = " ".join(str(text)[: 4 * most].split())
    seen = "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(letter) in _UNSEEN else letter
        for letter in said
    )
    return seen if len(seen) <= most else seen[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def escape(text: object, most: int = LONGEST) -> str:
    """A text as it may stand anywhere in a paragraph or in a cell of a table."""
    escaped = _SPECIAL.sub(r"\\\g<0>", clean(text, most))
    escaped = _LINKS.sub(_APART, escaped)
    first = _FIRST.match(escaped)
    if first is None:
        return escaped
    begun = first.group()
    if begun[0].isdigit():
        return f"{begun}\\{escaped[len(begun) :]}"
    return f"\\{escaped}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def picture(svg: str, description: str) -> str:
    """An SVG document as a picture in the text, with words for who cannot see it."""
    data = base64.b64encode(svg.encode()).decode()
    return f"![{escape(description)}](data:image/svg+xml;base64,{data})"
