"""Run benchmarks, print their tables and keep the numbers in ``results/<name>.json``."""

from __future__ import annotations

import argparse
import json
import os
import platform
from importlib import import_module
from pathlib import Path

from benchmarks import render

BENCHMARKS = {
    "import_time": "benchmarks.import_time",
    "slot_search": "benchmarks.slot_search",
}
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"of: {', '.join(BENCHMARKS)}; default all"
    )
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := sorted(set(names) - set(BENCHMARKS)):
        parser.error(
            f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}"
        )
    RESULTS.mkdir(exist_ok=True)
    for name in names:
        results: dict[str, object] = import_module(BENCHMARKS[name]).run()
        print(f"== {name}\n\n{render(results)}\n")
        kept = {"benchmark": name, "machine": machine(), "results": results}
        (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=2) + "\n")


def machine() -> dict[str, object]:
    """What the numbers depend on; neither names nor paths."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "cpus": os.cpu_count(),
        "platform": f"{platform.system()} {platform.machine()}",
    }


if __name__ == "__main__":
    main()
