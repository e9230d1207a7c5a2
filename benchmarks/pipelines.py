"""What a pipeline costs: 1,000 steps that do nothing, side by side with make and others, and how it grows.

Every program runs the same work with two jobs: 1,000 targets without order among them, each a shell that does nothing.
A shell costs more than any of these programs, and they differ in when they start one at all, so like is compared with
like:

    bash      `bash -euo pipefail -c :`, the default of opsctl; make with the same SHELL and .SHELLFLAGS
    sh        `sh -eu -c :`; make likewise
    make *    what make does with a recipe `:` (nothing), `true` (the program, no shell) and `:;` (sh, its default)

Wall time of whole processes, start included, interleaved, so that a busy machine hurts all of them alike; medians.
CPU is user and system time, of the children too; MiB the largest resident size. Exits with 1 when a ratio is above its
limit.

    python benchmarks/pipelines.py [--runs 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

OPSCTL = str(Path(sys.executable).with_name("opsctl"))
STEPS = 1000
MANY = 10_000
JOBS = 2
LIMIT = 2.5

BASH = "SHELL = /bin/bash\n.SHELLFLAGS = -euo pipefail -c\n"
SH = "SHELL = /bin/sh\n.SHELLFLAGS = -eu -c\n"


@dataclass(frozen=True)
class Case:
    """One program to measure.

    Args:
        name: as the table has it.
        argv: program and arguments.
        against: the case that the ratio is to, "" for none.
        limit: highest ratio, 0 for none.
    """

    name: str
    argv: Sequence[str]
    against: str = ""
    limit: float = 0.0


@dataclass
class Runs:
    """What was measured of one case.

    Args:
        wall: seconds.
        cpu: seconds, children included.
        rss: KiB, of the largest of its processes.
    """

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    rss: int = 0


def main() -> int:
    """Measure, print tables, write JSON if asked; 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="opsctl-bench-") as name:
        directory = Path(name)
        write_files(directory)
        cases = [*peers(), *own()]
        figures = summarize(cases, measure(cases, directory, options.runs))
    print_table(figures)
    print_growth(figures)
    if options.json:
        found = {"runs": options.runs, "cpus": os.cpu_count(), "figures": figures}
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return int(any(figure["limit"] and figure["ratio"] > figure["limit"] for figure in figures.values()))


def write_files(directory: Path) -> None:
    """Write the same steps in the language of each program."""
    for shell in ("bash", "sh"):
        for count in (STEPS, MANY):
            (directory / f"{shell}{count}.yaml").write_text(pipeline(shell, count))
    for name, head, recipe in (
        ("bash", BASH, ":"),
        ("sh", SH, ":"),
        ("default", "", ":;"),
        ("colon", "", ":"),
        ("true", "", "true"),
    ):
        (directory / f"{name}.mk").write_text(makefile(head, recipe))
    builds = "".join(f"build s{number}: step\n" for number in range(STEPS))
    (directory / "build.ninja").write_text(f"rule step\n  command = :\n{builds}")
    task = "{'name': n, 'actions': [':'], 'uptodate': [False]}"
    (directory / "dodo.py").write_text(f"def task_s():\n    for n in range({STEPS}):\n        yield {task}\n")


def pipeline(shell: str, count: int) -> str:
    """Return a pipeline of steps that do nothing."""
    steps = "".join(f'  s{number}: {{run: ":"}}\n' for number in range(count))
    return f"opsctl: 1\ndefaults: {{shell: {shell}}}\nsteps:\n{steps}"


def makefile(head: str, recipe: str) -> str:
    """Return a makefile of targets that do nothing."""
    names = " ".join(f"s{number}" for number in range(STEPS))
    rules = "".join(f"s{number}:\n\t@{recipe}\n" for number in range(STEPS))
    return f"{head}all: {names}\n.PHONY: all {names}\n{rules}"


def peers() -> list[Case]:
    """Return the other programs, as far as they are installed."""
    cases = [Case(f"make {name}", ["make", f"-j{JOBS}", "-f", f"{name}.mk"]) for name in ("bash", "sh")]
    cases += [
        Case(f"make {told}", ["make", f"-j{JOBS}", "-f", f"{name}.mk"])
        for name, told in (("default", "sh, its default"), ("true", "no shell"), ("colon", "nothing started"))
    ]
    if shutil.which("ninja"):
        cases.append(Case("ninja (sh)", ["ninja", f"-j{JOBS}", "--quiet"]))
    if shutil.which("doit"):
        cases.append(Case("doit (sh)", ["doit", "-n", str(JOBS), "-P", "thread", "-v0", "-r", "zero"]))
    return cases


def own() -> list[Case]:
    """Return what opsctl does."""
    run = [OPSCTL, "run", "-j", str(JOBS)]
    return [
        Case("opsctl bash", [*run, f"bash{STEPS}.yaml"], "make bash", LIMIT),
        Case("opsctl sh", [*run, f"sh{STEPS}.yaml"], "make sh", LIMIT),
        Case("opsctl validate", [OPSCTL, "pipeline", "validate", f"bash{STEPS}.yaml"]),
        Case("opsctl plan", [OPSCTL, "pipeline", "plan", f"bash{STEPS}.yaml"]),
        Case(f"opsctl sh, {MANY:,}", [*run, f"sh{MANY}.yaml"]),
    ]


def measure(cases: Sequence[Case], directory: Path, runs: int) -> dict[str, Runs]:
    """Run every case `runs` times in turn; a first round only warms the caches."""
    found = {case.name: Runs() for case in cases}
    for round_number in range(runs + 1):
        for case in cases:
            if f"{MANY:,}" in case.name and round_number != 1:
                continue  # ten times as long as the others, and its growth shows in one run
            wall, cpu, rss = run(case.argv, directory)
            if round_number:
                found[case.name].wall.append(wall)
                found[case.name].cpu.append(cpu)
                found[case.name].rss = max(found[case.name].rss, rss)
    return found


def run(argv: Sequence[str], directory: Path) -> tuple[float, float, int]:
    """Return wall and CPU seconds and the largest resident size in KiB of one run."""
    start = time.perf_counter()
    child = subprocess.Popen(argv, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(argv)} ended with {child.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def summarize(cases: Sequence[Case], found: dict[str, Runs]) -> dict[str, dict[str, float]]:
    """Return the figures of every case."""
    figures: dict[str, dict[str, float]] = {}
    for case in cases:
        runs = found[case.name]
        median = statistics.median(runs.wall)
        base = figures[case.against]["wall_s"] if case.against else 0
        figures[case.name] = {
            "wall_s": round(median, 3),
            "min_s": round(min(runs.wall), 3),
            "max_s": round(max(runs.wall), 3),
            "cpu_s": round(statistics.median(runs.cpu), 3),
            "rss_mib": round(runs.rss / 1024, 1),
            "ratio": round(median / base, 2) if base else 0,
            "limit": case.limit,
        }
    return figures


def print_table(figures: dict[str, dict[str, float]]) -> None:
    """Print the figures."""
    print(f"{'1,000 steps, 2 jobs':<24}{'median':>8}{'min':>8}{'max':>8}{'CPU':>8}{'MiB':>7}  ratio")
    for name, figure in figures.items():
        times = "".join(f"{figure[key]:>6.2f} s" for key in ("wall_s", "min_s", "max_s", "cpu_s"))
        missed = "  MISSED" if figure["limit"] and figure["ratio"] > figure["limit"] else ""
        ratio = f"  {figure['ratio']} x make (limit {figure['limit']}){missed}" if figure["limit"] else ""
        # A child starts with the size of who forks it, so what is smaller than this script cannot be told.
        size = f"{figure['rss_mib']:>7}" if name.startswith("opsctl") else " " * 7
        print(f"{name:<24}{times}{size}{ratio}")


def print_growth(figures: dict[str, dict[str, float]]) -> None:
    """Print what one step costs in a pipeline of ten times as many."""
    few, many = figures["opsctl sh"], figures[f"opsctl sh, {MANY:,}"]
    each = [few["cpu_s"] / STEPS * 1000, many["cpu_s"] / MANY * 1000]
    print(f"CPU a step: {each[0]:.2f} ms of {STEPS:,} steps, {each[1]:.2f} ms of {MANY:,}")


if __name__ == "__main__":
    sys.exit(main())
