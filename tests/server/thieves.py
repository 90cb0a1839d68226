"""What deployers write who want to see a planner's secrets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.sources.contract.server import Asked, Reply

__all__ = ["Echo", "forecasts_of", "sources", "variables"]

_SERVICES = (
    "electricity_maps", "watttime", "carbon_aware_sdk", "energy_charts",
    "gb_carbon_intensity", "carbonaware_scheduler",
)  # fmt: skip


def forecasts_of(folder: Path, secret: Path, canary: str) -> None:
    """Files below the planner's folder: links that lead out of it, and broken ones.

    Args:
        folder: is made.
        secret: a file outside.
        canary: what stands in the broken ones.
    """
    folder.mkdir()
    (folder / "below").mkdir()
    (folder / "link.csv").symlink_to(secret)
    (folder / "below" / "link.csv").symlink_to(folder / "link.csv")
    (folder / "out").symlink_to(secret.parent)
    (folder / "environ").symlink_to("/proc/self/environ")
    title = "start,gco2_per_kwh"
    for name, text in {
        "no-forecast.csv": canary,
        "column.csv": f"start,{canary}\n2026-01-13T00:00Z,1\n",
        "time.csv": f"{title}\n{canary},1\n",
        "number.csv": f"{title}\n2026-01-13T00:00Z,{canary}\n",
        "zone.csv": f"start,zone,intensity\n2026-01-13T00:00Z,{canary},x\n",
        "tabs.csv": f"start\tintensity\n{canary}\t{canary}\n",
        "semicolon.csv": f"start;intensity\n13.01.2026 00:00;{canary}\n",
        "environment.csv": f"PATH=/bin\0SECRET={canary}\0",
        "broken.json": f'{{"{canary}": ',
        "other.json": f'{{"{canary}": "{canary}"}}',
        "answer.json": f'{{"data": [{{"from": "{canary}", "intensity": "{canary}"}}]}}',
        "list.json": f'["{canary}"]',
        "points.json": f'{{"zone": "{canary}", "forecast": [{{"datetime": "{canary}"}}]}}',
    }.items():
        (folder / name).write_text(text)
    (folder / "wide.csv").write_bytes(f"start,intensity\n{canary},1\n".encode("utf-16"))


def sources(folder: Path, secret: Path) -> Iterator[tuple[bool, str]]:
    """What they name as a source, and whether it lies outside of what is offered."""
    broken = sorted(each.name for each in folder.glob("*.[cj]s*") if not each.is_symlink())
    for name in broken:
        yield False, f"file:{name}"
    for path in (
        "/proc/self/environ", "///proc/self/environ", "//localhost/proc/self/environ",
        "/proc/self/cmdline", "/proc/self/root/proc/self/environ",
        "/proc/thread-self/environ",
        "/dev/fd/0", "/dev/stdin", "environ", str(secret), f"//{secret}", f" {secret}",
        f"/proc/self/root{secret}", f"below/../../{secret.parent.name}/{secret.name}",
        f"../{secret.parent.name}/{secret.name}", "link.csv", "below/link.csv",
        f"out/{secret.name}", "./link.csv", "below/../link.csv",
    ):  # fmt: skip
        yield True, f"file:{path}"
    for chain in (
        "electricity_maps,file:/proc/self/environ,typical",
        f"typical,FILE:{secret},file:link.csv",
        f"energy_charts, file:{secret}",
    ):
        yield True, chain
    # What went wrong before stands on the labels of those that move.
    for name in (*_SERVICES, "file:number.csv", "file:environment.csv", "file:time.csv"):
        yield False, name
        yield False, f"electricity_maps,{name},file:good.csv"
    for chain in ("auto", "file:~/secret.csv", "file:$HOME", "{{ $SECRET }}", "${SECRET}"):
        yield False, chain


def variables(thief: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Variables that are none of theirs, policies that are no names, and so on.

    Args:
        thief: URL of a server of theirs.
        folder: with the secret file.
    """
    for policy in ("..", "../../../variables/name/x", "%2e%2e", "a?b=c", "thief"):
        yield {"CARBONAWARE_POLICY": policy}
    for name in ("ELECTRICITY_MAPS", "WATTTIME", "SDK", "ENERGY_CHARTS"):
        source = "carbon_aware_sdk" if name == "SDK" else name.lower()
        yield {f"CARBONAWARE_{name}_URL": thief, "CARBONAWARE_SOURCE": source}
    yield {"CARBONAWARE_FORECAST_FOLDER": "/", "CARBONAWARE_SOURCE": f"file:{folder}/x.csv"}
    yield {
        "CARBONAWARE_FORECAST_FOLDER": str(folder),
        "CARBONAWARE_SOURCE": "file:secret.csv",
    }
    yield {"CARBONAWARE_TYPICAL_DIR": str(folder), "CARBONAWARE_SOURCE": "typical"}
    yield {"CARBONAWARE_ZONE": "${SECRET}", "CARBONAWARE_WINDOW": "{{ env.SECRET }}"}
    yield {"HTTP_PROXY": thief, "ALL_PROXY": thief, "CARBONAWARE_SOURCE": "energy_charts"}


class Echo:
    """A forecast service whose answers hold what it was sent, and a word of its own.

    Args:
        canary: that word.
    """

    def __init__(self, canary: str) -> None:
        self._canary = canary
        self._count = 0

    def __call__(self, asked: Asked) -> Reply:
        told = f"{self._canary} {asked.path} {dict(asked.headers)} {asked.body!r}"
        word = " ".join(told.split()).replace('"', "'").encode("ascii", "replace").decode()
        headers = {
            "Content-Type": "application/json",
            "X-Echo": word[:2000],
            "Retry-After": self._canary,
            "Location": f"/{self._canary}",
            "WWW-Authenticate": f"Basic realm={self._canary}",
        }
        status = (401, 403, 404, 400, 429, 500, 302, 200, 200, 200)[self._count % 10]
        self._count += 1
        body = f'{{"message": "{word}", "error": "{word}", "token": "{word}"}}'
        if self._count % 10 == 0:
            headers["Content-Type"] = f"text/plain; charset={self._canary}"
            body = word
        elif self._count % 10 == 9:
            body = f'{{"data": [{{"from": "{word}"}}], "unix_seconds": ["{word}"]}} {word}'
        return Reply(status, headers, body.encode(), reason=self._canary)
