"""Any JSON, and words that look like what is meant: what users may write into a field."""

from __future__ import annotations

import random
from typing import Any

from carbonaware_prefect.policies.fields import FIELDS

__all__ = ["MEANT", "Nonsense"]

TEXTS = (
    "", " ", "..", "../../etc/passwd", "/", "a/b", "%2e%2e", "None", "null", "nan", "inf",
    "-1", "0", "1e999", "9" * 400, "P9999999D", "6h", "366d", "-6h", "25:00", "Scheduled",
    "Mars/Olympus", "file:", ",", "planner", "\x1b[2J\x1b]0;x\x07", "\u202e", "\x00",
    "\ud83d", "\U0001f30d", "x" * 3000, "{{ x }}", "'; DROP", "[bold", "\u2028",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "2026-01-10", "true",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2**31, -(2**70), 2**1100, 0.5, -0.0, 1e308, float("inf"), float("nan"))
# What each variable is meant to hold; and words that it may be taken for.
MEANT = {
    "window": ("PT9H", "6h", "366d", "1s", 3600),
    "duration": ("PT30M", "1h", "P366D", "1s"),
    "region": ("eu-central-1", "europe-west3", "germanywestcentral"),
    "provider": ("aws", "gcp", "azure", "mainframe"),
    "source": (
        "file:dip.csv", "file:dip.csv", "typical", "auto", "typical,typical", "file:",
        "electricity_maps,file:dip.csv,typical", "file:/proc/self/environ",
        "file:garbage.csv", "energy_charts,file:/dev/zero,typical", "file:folder",
        "file:../dip.csv",
        "file:missing.csv,file:dip.csv", "watttime", "file:\x00", "energy_charts",
        ",".join(["typical"] * 30), "gb_carbon_intensity",
        "electricity_maps,file:over.csv,file:dip.csv",
    ),
    "zone": ("DE", "DE", "DE", "FR", "GB", "US-CAL-CISO", "ZZ", "de", "DE/../FR"),
    "minimum_wait": ("0", "2m", "366d"),
    "latest_start": ("05:00", "5h", "24:00", "0s"),
    "finish_by": ("07:00", "8h", "366d", "1s"),
    "not_between": ("08:00-18:00", "00:00-24:00", "08:00-08:00", "22:00-06:00,1:00-2:00"),
    "time_zone": ("Europe/Berlin", "UTC", "Pacific/Kiritimati", "../../etc/passwd"),
    "minimum_saving": ("2%", "0", "0.99", "100%"),
    "earlier": ("0", "3h", "366d"),
    "policy": ("nightly", "nightly", "refused", "missing", "..", "a/../../../flow_runs"),
    "replan_gain": ("0.05", "0.99"),
    "max_moves": ("4", "0", 10**20),
    "freeze": ("10m", "0", "366d"),
    "overtake": ("true", "1", "no"),
    "power": ("400W", "1.2kW", "0W", "400"),
    "allow_typical": ("true", "0"),
}  # fmt: skip
assert MEANT.keys() == FIELDS.keys()
_PLANNED: tuple[dict[str, Any], ...] = (
    {"zone": "DE", "source": "file:dip.csv", "window": "PT9H"},
    {"zone": "DE", "source": "electricity_maps,file:over.csv,file:dip.csv"},
    {"zone": "US-CAL-CISO"},
)


class Nonsense:
    """Draws it, the same from the same seed."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def chance(self, share: float) -> bool:
        """Whether something happens that does in that share of all cases."""
        return self.draw.random() < share

    def scalar(self) -> Any:
        """A word, a number, a truth or nothing."""
        kind = self.draw.randrange(8)
        if kind < 4:
            return self.draw.choice(TEXTS)
        if kind < 6:
            return self.draw.choice(NUMBERS)
        return self.draw.choice((None, True, False))

    def text(self) -> str:
        """A word, such as a server that checks types lets through."""
        return self.draw.choice(TEXTS)

    def anything(self, depth: int = 2) -> Any:
        """Any JSON."""
        kind = self.draw.randrange(6) if depth else 0
        if kind < 3:
            return self.scalar()
        inner = [self.anything(depth - 1) for _ in range(self.draw.randrange(3))]
        if kind < 4:
            return inner
        names = self.draw.sample(("env", "id", "schedule", "name", "data", "", *TEXTS), k=3)
        return dict(zip(names, inner, strict=False))

    def fields(self, least: int = 1) -> dict[str, Any]:
        """Fields of a policy: a few that are meant, some of them with anything instead."""
        names = self.draw.sample([*FIELDS], k=self.draw.randrange(least, 5))
        return {
            name: self.anything() if self.chance(0.3) else self.draw.choice(MEANT[name])
            for name in names
        }

    def env(self) -> Any:
        """Variables, in one of the shapes that workers know, or in none."""
        # Most have what it takes to be planned, so that what is wrong gets far; and share
        # their forecast with one of the healthy.
        told = self.draw.choice(_PLANNED)
        given = (told if self.chance(0.7) else {}) | self.fields(least=0)
        env = {f"CARBONAWARE_{name.upper()}": each for name, each in given.items()}
        if self.chance(0.2):
            env = {name.lower(): each for name, each in env.items()}
        if self.chance(0.2):
            return [{"name": name, "value": each} for name, each in env.items()] + (
                [self.anything()] if self.chance(0.5) else []
            )
        return env if self.chance(0.95) else self.anything()

    def job_variables(self) -> Any:
        """With an environment somewhere, mostly."""
        kind = self.draw.randrange(10)
        if kind == 0:
            return self.anything()
        env = self.env()
        if kind == 1 and isinstance(env, dict):
            return {f"env.{name}": each for name, each in env.items()}
        return {"env": env}
