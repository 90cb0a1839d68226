"""Benchmarks: ``python -m benchmarks [name ...]`` from the repository root.

Each module has ``run() -> dict[str, object]``: sections of rows, ready for JSON. What is
printed is made from that alone.
"""

from __future__ import annotations

__all__ = ["cell", "render"]


def render(results: dict[str, object]) -> str:
    """The results as plain text: a list of rows becomes a table, the rest one line."""
    return "\n\n".join(_section(name, value) for name, value in results.items())


def _section(name: str, value: object) -> str:
    if not (isinstance(value, list) and value and isinstance(value[0], dict)):
        return f"{name}: {cell(value)}"
    columns = list(value[0])
    lines = [columns, *([cell(row[column]) for column in columns] for row in value)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return "\n".join([name, *(_line(line, widths) for line in lines)])


def _line(cells: list[str], widths: list[int]) -> str:
    """The first column to the left, numbers to the right."""
    first = cells[0].ljust(widths[0])
    rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return "  " + "  ".join([first, *rest])


def cell(value: object) -> str:
    """A value as text, with a few digits."""
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 1000 else f"{value:.1f}"  # noqa: PLR2004
    if isinstance(value, list):
        return ", ".join(map(cell, value)) or "none"
    return str(value)
