"""Words that must not get out, and where to look for them in each form."""

from __future__ import annotations

import base64
import json
import secrets
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

from tests.prefect_server.server import Server

__all__ = ["a_canary", "database_of", "forms", "found_in"]


def a_canary() -> str:
    """A word that is nowhere by chance, and that any header, file or URL may hold."""
    return f"canary{secrets.token_hex(8)}"


def forms(canary: str) -> Mapping[str, bytes]:
    """What it looks like where somebody has written it down otherwise."""
    raw = canary.encode()
    return {
        "as it is": raw,
        "backwards": raw[::-1],
        "in hex": raw.hex().encode(),
        "percent-encoded": "".join(f"%{byte:02x}" for byte in raw).encode(),
        "in UTF-16": canary.encode("utf-16-le"),
        **{f"in base64, {shift} on": _base64(raw, shift) for shift in range(3)},
    }


def _base64(raw: bytes, shift: int) -> bytes:
    """Those characters of it that depend on nothing before or after."""
    first, last = -(-shift * 8 // 6), (shift + len(raw)) * 8 // 6
    return base64.b64encode(b"\0" * shift + raw)[first:last]


def found_in(places: Iterable[tuple[str, bytes]], canaries: Mapping[str, str]) -> list[str]:
    """Which canaries are where, in which form."""
    sought = [
        (f"{name} {form}", told, told if form.startswith("in base64") else told.lower())
        for name, canary in canaries.items()
        for form, told in forms(canary).items()
    ]
    found = []
    for place, content in places:
        small = content.lower()
        found += [
            f"{what}: {place}"
            for what, exact, lowered in sought
            if exact in content or (exact == lowered and lowered in small)
        ]
    return found


def database_of(server: Server) -> Iterator[tuple[str, bytes]]:
    """All that a server has stored, once it has ended: the bytes, and what they say."""
    file = Path(urlsplit(server.database).path.removeprefix("/"))
    for each in sorted(file.parent.iterdir()):
        yield each.name, each.read_bytes()
    with closing(sqlite3.connect(file)) as database:
        tables = [
            name
            for (name,) in database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            )
        ]
        for table in tables:
            # A long text lies on several pages of the file.
            for number, row in enumerate(database.execute(f"SELECT * FROM '{table}'")):  # noqa: S608  its own names
                for cell in row:
                    told = cell if isinstance(cell, bytes) else str(cell).encode()
                    yield f"{table}, row {number}", told
                    yield from ((f"{table}, packed", each) for each in _unpacked(told))


def _unpacked(told: bytes) -> Iterator[bytes]:
    """What a document of the planner's memory has in it."""
    document = None
    with suppress(ValueError):
        document = json.loads(told)
        if isinstance(document, str):
            document = json.loads(document)
    if isinstance(document, dict) and "packed" in document:
        yield zlib.decompress(base64.b64decode(document["packed"]))
