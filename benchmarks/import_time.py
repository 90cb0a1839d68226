"""What ``import carbonaware_prefect`` adds to the start of a bare interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys
from time import perf_counter

from benchmarks import render

__all__ = ["headlines", "main", "run"]

HEAVY = (
    "asyncio",
    "httpx",
    "prefect",
    "psutil",
    "pydantic",
    "pydantic_settings",
    "rich",
    "typer",
)
PROGRAMS = {
    "bare interpreter": "pass",
    "import carbonaware_prefect": "import carbonaware_prefect",
    "import carbonaware_prefect.core": "import carbonaware_prefect.core",
    # What the core needs from the standard library; the rest of its time is ours.
    "import dataclasses, datetime, decimal": "import dataclasses, datetime, decimal",
}
REPEATS = 15
OURS = "import carbonaware_prefect"
TITLE = f"start of the interpreter, {REPEATS} alternating runs"


def run() -> dict[str, object]:
    """Start each program in turn, round after round; sections of rows."""
    spent: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(REPEATS + 1):
        for name, program in PROGRAMS.items():
            started = perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True)
            spent[name].append(1000 * (perf_counter() - started))
    # The first round writes byte code and warms the disk cache.
    spent = {name: times[1:] for name, times in spent.items()}
    bare = spent["bare interpreter"]
    loaded = {name: modules(program) for name, program in PROGRAMS.items()}
    return {
        TITLE: [
            {
                "program": name,
                "ms best": min(times),
                "ms median": statistics.median(times),
                "ms added (best)": min(times) - min(bare),
                "ms added (median)": statistics.median(times) - statistics.median(bare),
                "modules added": len(loaded[name] - loaded["bare interpreter"]),
            }
            for name, times in spent.items()
        ],
        "heavy modules loaded by carbonaware_prefect": sorted(
            loaded["import carbonaware_prefect"] & set(HEAVY)
        ),
        "heavy modules loaded by carbonaware_prefect.core": sorted(
            loaded["import carbonaware_prefect.core"] & set(HEAVY)
        ),
    }


def main() -> None:
    """Measure and print."""
    print(render(run()))


def headlines(results: dict[str, list[dict[str, object]]]) -> dict[str, str]:
    """What the README says."""
    ours = next(row for row in results[TITLE] if row["program"] == OURS)
    return {
        "`import carbonaware_prefect` adds (median)": f"{ours['ms added (median)']:.1f} ms"
    }


def modules(program: str) -> set[str]:
    """The modules loaded when the program ends."""
    answer = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(answer.stdout.split())


if __name__ == "__main__":
    main()
