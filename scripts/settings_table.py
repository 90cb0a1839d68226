"""Write the table of policy fields into docs/settings.md.

Run ``python -m scripts.settings_table`` after each change of the table.
"""

from __future__ import annotations

import re
from pathlib import Path

from carbonaware_prefect.policies.fields import FIELDS, Giver

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
BEGIN, END = "<!-- fields:begin -->", "<!-- fields:end -->"


def table() -> str:
    """The rows of docs/settings.md, from the one table of fields."""
    rows = ["| variable | meaning | default | given by |", "|---|---|---|---|"]
    rows += [
        f"| `CARBONAWARE_{name.upper()}` | {field.doc} | {field.absent} "
        f"| {_givers(field.givers)} |"
        for name, field in FIELDS.items()
    ]
    return "\n".join(rows)


def _givers(givers: Giver) -> str:
    words = {
        Giver.CALL: "call",
        Giver.ENVIRONMENT: "environment",
        Giver.DEPLOYMENT: "deployment",
        Giver.POOL: "pool",
        Giver.BLOCK: "block",
    }
    return ", ".join(word for giver, word in words.items() if giver in givers)


def filled(page: str) -> str:
    """The page with the present table."""
    pattern = re.compile(f"{BEGIN}\n.*?{END}", re.DOTALL)
    return pattern.sub(lambda _: f"{BEGIN}\n{table()}\n{END}", page)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
