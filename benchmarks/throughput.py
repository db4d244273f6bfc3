"""Measure miniature panels per CPU minute, with a Python for every job and with warm Pythons.

    python benchmarks/throughput.py                 100 panels on 2 cores, both executors
    python benchmarks/throughput.py --panels 10
    python benchmarks/throughput.py --plan 1000     how long the engine plans, nothing is run
    python benchmarks/throughput.py --default       the run of config/config.yaml, both tracks

CPU time is that of the whole run: engine, starts and work. Work is the CPU time of warm jobs,
which begin when Python and its libraries are there; everything else is start-up. Modules that are
not compiled are compiled again at every start, so an environment without its .pyc files, or with
PYTHONDONTWRITEBYTECODE before it has any, shows far more of it.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from truepremia.economies.registry import ECONOMIES  # noqa: E402


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panels", type=int, default=100)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--plan", type=int, metavar="PANELS", help="only plan this many")
    parser.add_argument("--executors", nargs="+", default=["warm", "local"])
    parser.add_argument("--default", action="store_true", help="the run of config/config.yaml")
    arguments = parser.parse_args()
    if arguments.default:
        default_run(arguments.executors, arguments.cores)
        return
    if arguments.plan:
        with tempfile.TemporaryDirectory() as folder:
            cpu = run("local", arguments.plan, arguments.cores, Path(folder), "--dry-run")
        print(f"{arguments.plan} panels of bgn planned in {cpu:.1f} CPU s")
        return
    print(f"{arguments.panels} miniature panels of bgn on {arguments.cores} cores")
    print(f"{'executor':>9s} {'CPU s/panel':>12s} {'panels/CPU min':>15s} {'start-up':>9s}")
    work = None
    for executor in arguments.executors:
        with tempfile.TemporaryDirectory() as folder:
            cpu = run(executor, arguments.panels, arguments.cores, Path(folder))
            if executor == "warm":
                work = sum(seconds_of_rules(Path(folder)).values())
        share = f"{1 - work / cpu:9.0%}" if work else "        ?"
        each = cpu / arguments.panels
        print(f"{executor:>9s} {each:12.2f} {60 / each:15.1f} {share}", flush=True)


def default_run(executors: list[str], cores: int) -> None:
    """Print CPU and wall seconds of the default run with each executor, and what its jobs took."""
    print(f"the run of config/config.yaml on {cores} cores")
    print(f"{'executor':>9s} {'CPU s':>7s} {'wall s':>7s} {'start-up':>9s}")
    work, jobs = None, {}
    for executor in executors:
        with tempfile.TemporaryDirectory() as name:
            folder, started = Path(name), time.monotonic()
            cpu = snakemake(executor, cores, folder, "--config", "results_dir=out")
            wall = time.monotonic() - started
            if executor == "warm":
                jobs = seconds_of_rules(folder)
                work = sum(jobs.values())
        share = f"{1 - work / cpu:9.0%}" if work else "        ?"
        print(f"{executor:>9s} {cpu:7.1f} {wall:7.1f} {share}", flush=True)
    for rule, seconds in sorted(jobs.items(), key=lambda item: -item[1]):
        print(f"{seconds:9.1f}  {rule}")


def run(executor: str, panels: int, cores: int, folder: Path, *options: str) -> float:
    """Build ``panels`` panels in ``folder`` and return the CPU seconds of all processes."""
    overlay = folder / "overlay.yaml"
    settings = {
        "panels": dict.fromkeys(ECONOMIES, 0) | {"bgn": panels},
        "tidy": {"stores": {"demo": False}, "published_data": False},
        "results_dir": "out",
    }
    overlay.write_text(json.dumps(settings))
    files = ("--configfile", str(ROOT / "config" / "test.yaml"), str(overlay))
    return snakemake(executor, cores, folder, *files, *options)


def snakemake(executor: str, cores: int, folder: Path, *options: str) -> float:
    """Run the workflow in ``folder`` and return the CPU seconds of all processes."""
    command = [sys.executable, "-m", "snakemake", "all", "--executor", executor]
    command += ["--cores", str(cores), "--snakefile", str(ROOT / "Snakefile")]
    # Executors are looked for before a Snakefile is read.
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with (folder / "log").open("w") as log:
        subprocess.run(
            [*command, "--directory", ".", *options],
            cwd=folder,
            stdout=log,
            stderr=log,
            check=True,
            env=environment,
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def seconds_of_rules(folder: Path) -> dict[str, float]:
    """Return the CPU seconds that the jobs of a warm run measured, by rule."""
    seconds: dict[str, float] = {}
    for file in (folder / "out" / "benchmarks").rglob("*.tsv"):
        row = next(csv.DictReader(file.open(), delimiter="\t"))
        rule = file.parent.name
        seconds[rule] = seconds.get(rule, 0.0) + float(row["cpu_time"])
    return seconds


if __name__ == "__main__":
    main()
