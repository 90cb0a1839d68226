"""Run benchmarks, print their tables and keep the numbers in ``results/<name>.json``.

With ``--readme`` and no names nothing is run: the kept numbers are written to the file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from importlib import import_module
from pathlib import Path

from benchmarks import cell, render

BENCHMARKS = {
    "slot_search": "benchmarks.slot_search",
    "import_time": "benchmarks.import_time",
    "held": "benchmarks.held",
    "api_calls": "benchmarks.api_calls",
    "lateness": "benchmarks.lateness",
    "warm_decision": "benchmarks.warm_decision",
    "planning": "benchmarks.planning",
    "capacity": "benchmarks.capacity",
    "few_runs": "benchmarks.few_runs",
    "planner_pass": "benchmarks.planner_pass",
    "ledger_size": "benchmarks.ledger_size",
    "recovery": "benchmarks.recovery",
    "ledger_report": "benchmarks.ledger_report",
    "many_moves": "benchmarks.many_moves",
    "fleet_scale": "benchmarks.fleet_scale",
}
# Takes most of an hour: only where it is named.
LONG = {"fleet_scale"}
RESULTS = Path(__file__).parent / "results"
BEGIN, END = "<!-- numbers:begin -->", "<!-- numbers:end -->"


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="name",
        help=f"of: {', '.join(BENCHMARKS)}; default all but {', '.join(LONG)}",
    )
    parser.add_argument(
        "--readme",
        type=Path,
        metavar="README.md",
        help=f"write the latest headline numbers between {BEGIN} and {END} in this file",
    )
    parser.add_argument(
        "--tables",
        type=Path,
        metavar="PAGE.md",
        help="write all tables of the benchmarks that were run to this file, likewise",
    )
    options = parser.parse_args()
    default = [name for name in BENCHMARKS if name not in LONG]
    names = options.names or ([] if options.readme else default)
    if unknown := sorted(set(names) - set(BENCHMARKS)):
        parser.error(
            f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}"
        )
    RESULTS.mkdir(exist_ok=True)
    for name in names:
        load = round(os.getloadavg()[0], 2)
        results: dict[str, object] = import_module(BENCHMARKS[name]).run()
        print(f"== {name}\n\n{render(results)}\n", flush=True)
        kept = {
            "benchmark": name,
            "machine": machine() | {"load before": load},
            "results": results,
        }
        (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=2) + "\n")
    try:
        if options.readme is not None:
            write_numbers(options.readme, numbers())
        if options.tables is not None:
            write_numbers(options.tables, tables(names))
    except (OSError, ValueError) as error:
        parser.error(str(error))


def write_numbers(page: Path, numbers: str) -> None:
    """Replace what stands between the two marks by these numbers.

    Raises:
        ValueError: the file does not have each mark once, in order.
    """
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in before + after:
        msg = f"{page.name} must have {BEGIN} and then {END}, each once"
        raise ValueError(msg)
    page.write_text(f"{before}{BEGIN}\n{numbers}\n{END}{after}")


def tables(names: list[str]) -> str:
    """All tables of these benchmarks, in Markdown."""
    parts = []
    for name in names:
        kept = json.loads((RESULTS / f"{name}.json").read_text())
        for title, rows in kept["results"].items():
            if not isinstance(rows, list):
                parts.append(f"{title}: {cell(rows)}")
                continue
            lines = [list(rows[0]), ["---"] * len(rows[0])]
            lines += [[cell(value) for value in row.values()] for row in rows]
            parts.append(f"{title[0].upper()}{title[1:]}:")
            parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
        parts.append(f"By `python -m benchmarks {name}`, on {_where(kept['machine'])}.")
    return "\n\n".join(parts)


def _where(machine: dict[str, object]) -> str:
    return f"{machine['python']}, {machine['cpus']} CPUs, {machine['platform']}"


def numbers() -> str:
    """The headline numbers of the latest results, as a Markdown table."""
    rows: list[tuple[str, str]] = []
    machines: list[str] = []
    for name, module in BENCHMARKS.items():
        try:
            kept = json.loads((RESULTS / f"{name}.json").read_text())
        except FileNotFoundError:
            if name not in LONG:
                rows.append((f"`{name}`", "not measured"))
            continue
        rows += import_module(module).headlines(kept["results"]).items()
        machines.append(_where(kept["machine"]))
    lines = [
        "| measured | |",
        "|---|---|",
        *(f"| {what} | {value} |" for what, value in rows),
    ]
    if machines:
        lines += ["", f"By `make bench`, on {'; '.join(sorted(set(machines)))}."]
    return "\n".join(lines)


def machine() -> dict[str, object]:
    """What the numbers depend on; neither names nor paths."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "cpus": os.cpu_count(),
        "platform": f"{platform.system()} {platform.machine()}",
    }


if __name__ == "__main__":
    main()
