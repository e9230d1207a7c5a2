"""How long the program takes to start, against the cost of Click alone.

Wall time of `opsctl --version` and `opsctl --help` beside `python -c "import click"`, interleaved, so that a busy
machine hurts all of them alike; medians. Exits with 1 when a ratio is above its limit.

    python benchmarks/start.py [--runs 20] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

OPSCTL = str(Path(sys.executable).with_name("opsctl"))
BASE = "import click"
CASES = {
    "python": [sys.executable, "-c", "pass"],
    BASE: [sys.executable, "-c", BASE],
    "opsctl --version": [OPSCTL, "--version"],
    "opsctl --help": [OPSCTL, "--help"],
    "opsctl TAB": [OPSCTL],
}
LIMITS = {"opsctl --version": 2.0, "opsctl --help": 2.5}
TAB = {"_OPSCTL_COMPLETE": "bash_complete", "COMP_WORDS": "opsctl ", "COMP_CWORD": "1"}


def main() -> int:
    """Measure, print a table, write JSON if asked; 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    times = measure(options.runs)
    figures = summarize(times)
    print_table(figures)
    if options.json:
        options.json.write_text(json.dumps({"runs": options.runs, "figures": figures}, indent=2) + "\n")
    return int(any(figure["limit"] and figure["ratio"] > figure["limit"] for figure in figures.values()))


def measure(runs: int) -> dict[str, list[float]]:
    """Return the wall times of every case, in seconds; the first round only warms the caches."""
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for round_number in range(runs + 1):
        for name, argv in CASES.items():
            seconds = run(argv, TAB if name == "opsctl TAB" else {})
            if round_number:
                times[name].append(seconds)
    return times


def run(argv: list[str], extra: dict[str, str]) -> float:
    """Return how long one run takes, in seconds."""
    env = {**os.environ, **extra}
    start = time.perf_counter()
    subprocess.run(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def summarize(times: dict[str, list[float]]) -> dict[str, dict[str, float | None]]:
    """Return median, spread and ratio of every case."""
    base = statistics.median(times[BASE])
    return {
        name: {
            "median_ms": round(statistics.median(seconds) * 1000, 1),
            "min_ms": round(min(seconds) * 1000, 1),
            "max_ms": round(max(seconds) * 1000, 1),
            "ratio": round(statistics.median(seconds) / base, 2),
            "limit": LIMITS.get(name),
        }
        for name, seconds in times.items()
    }


def print_table(figures: dict[str, dict[str, float | None]]) -> None:
    """Print the figures."""
    print(f"{'':<18}{'median':>9}{'min':>9}{'max':>9}  {'x click':>7}  limit")
    for name, figure in figures.items():
        row = "".join(f"{figure[key]:>6} ms" for key in ("median_ms", "min_ms", "max_ms"))
        verdict = "" if figure["limit"] is None else f"{figure['limit']}"
        missed = "  MISSED" if figure["limit"] and figure["ratio"] and figure["ratio"] > figure["limit"] else ""
        print(f"{name:<18}{row}  {figure['ratio']:>7}  {verdict}{missed}")


if __name__ == "__main__":
    sys.exit(main())
