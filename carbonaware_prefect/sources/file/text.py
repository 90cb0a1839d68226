"""The text of a file, in whichever of the encodings that spreadsheets save it."""

from __future__ import annotations

import codecs
import errno
import os
from contextlib import suppress
from pathlib import Path

from carbonaware_prefect.errors import ForecastFileError
from carbonaware_prefect.sources.file.faults import refusal

__all__ = ["decode", "read_bytes"]

_LARGEST = 50_000_000  # bytes; twenty years of 5-minute values are about 60 MB
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_bytes(path: Path, name: str, *, largest: int = _LARGEST) -> bytes:
    """What the file holds, if it is a regular file of at most so many bytes.

    Raises:
        ForecastFileError: (a ValueError) it is none.
    """
    try:
        path = path.expanduser()
        # Reading a pipe or a device could wait or go on for ever.
        if path.exists() and not path.is_file():
            raise refusal(name, "is no regular file but a directory or device; name a file")
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except ForecastFileError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        number = getattr(error, "errno", None) or errno.EINVAL
        raise refusal(
            name, f"cannot be read: {os.strerror(number)}; check path and permissions"
        ) from None
    if len(content) > largest:
        raise refusal(name, f"is larger than {largest // 10**6} MB; give fewer points")
    return content


def decode(content: bytes, name: str) -> str:
    """The text in UTF-8, in UTF-16 ("Unicode text"), or in Windows' western code page.

    Raises:
        ForecastFileError: (a ValueError) it is no text.
    """
    if content.startswith(_WORKBOOKS):
        raise refusal(
            name, "is a workbook (XLSX, XLS or ODS); save the sheet as CSV (UTF-8)"
        )
    for encoding in _encodings(content):
        with suppress(UnicodeDecodeError):
            return content.decode(encoding).removeprefix("\ufeff")
    raise refusal(name, "is no text in UTF-8 or UTF-16; save it as CSV (UTF-8)")


def _encodings(content: bytes) -> tuple[str, ...]:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return (encoding,)
    if b"\0" not in content:
        return ("utf-8", "cp1252")
    # Digits and separators in UTF-16 have one zero byte each, first or last.
    zero_first = content[0:200:2].count(0) > content[1:200:2].count(0)
    return ("utf-16-be",) if zero_first else ("utf-16-le",)
