"""Other spellings of a time, brought to those that `dates` takes apart.

Only such as can mean one thing: with the month's name, run together as ISO 8601 allows,
in seconds or milliseconds since 1970, with the day of the week before or "Uhr" behind.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

__all__ = ["plain_time"]

# By their first letters, which tell them apart in English, German and French.
_MONTHS = {
    "jan": 1, "feb": 2, "fev": 2, "f\u00e9v": 2, "mar": 3, "m\u00e4r": 3, "mae": 3,
    "mrz": 3, "apr": 4, "avr": 4, "may": 5, "mai": 5, "jun": 6, "juin": 6, "jul": 7,
    "juil": 7,
    "aug": 8, "aou": 8, "ao\u00fb": 8, "sep": 9, "oct": 10, "okt": 10, "nov": 11, "dec": 12,
    "dez": 12, "d\u00e9c": 12,
}  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_WEEKDAY = re.compile(r"[^\W\d_]{2,10}\.?,? +(?=\d)")
_AFTER = re.compile(r"(?<=\d) ?uhr\b", re.IGNORECASE)
_SECONDS = re.compile(r"\d{10}(?:\d{3})?", re.ASCII)
_TOGETHER = re.compile(
    r"(\d{4})(\d\d)(\d\d)T?(\d\d)(\d\d)(\d\d)?(?=Z|[+-]|$)", re.ASCII | re.IGNORECASE
)
_YEAR_DOTS = re.compile(r"(\d{4})\. ?(\d\d?)\. ?(\d\d?)\. ?(?=\d)", re.ASCII)
_DAY_FIRST = re.compile(r"(\d\d?)(?:\. ?|-| )([^\W\d_]+)\.?(?:,? |-)(\d{4})(?=\D|$)")
_MONTH_FIRST = re.compile(r"([^\W\d_]+)\.? (\d\d?),? (\d{4})(?=\D|$)")


def plain_time(text: str) -> str:
    """The same time as `dates` knows it; the text itself where it is none of these."""
    text = text.replace("\u00a0", " ").replace("\u202f", " ").strip()
    if _SECONDS.fullmatch(text):
        seconds, thousandths = int(text[:10]), int(text[10:] or 0)
        moment = _EPOCH + timedelta(seconds=seconds, milliseconds=thousandths)
        return moment.isoformat(timespec="milliseconds")
    text = _AFTER.sub("", text)
    if found := _TOGETHER.match(text):
        year, month, day, hour, minute, second = found.groups()
        rest = text[found.end() :]
        return f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}{rest}"
    text = _YEAR_DOTS.sub(r"\1-\2-\3 ", text)
    if found := _MONTH_FIRST.match(text):
        return _named(found[3], found[1], found[2], text[found.end() :]) or text
    text = _WEEKDAY.sub("", text, count=1) if _WEEKDAY.match(text) else text
    if found := _DAY_FIRST.match(text):
        return _named(found[3], found[2], found[1], text[found.end() :]) or text
    return text


def _named(year: str, month: str, day: str, rest: str) -> str | None:
    name = month.lower()
    number = _MONTHS.get(name[:4]) or _MONTHS.get(name[:3])
    return None if number is None else f"{year}-{number}-{day}{rest}"
