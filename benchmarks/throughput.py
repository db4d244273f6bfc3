"""Measure miniature panels per CPU minute, with a Python for every job and with warm Pythons.

    python benchmarks/throughput.py                 100 panels on 2 cores, both executors
    python benchmarks/throughput.py --panels 10
    python benchmarks/throughput.py --plan 1000     how long the engine plans, nothing is run

CPU time is that of the whole run: engine, starts and work. Work is the CPU time of warm jobs,
which begin when Python and its libraries are there; everything else is start-up.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
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
    arguments = parser.parse_args()
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
                work = work_seconds(Path(folder))
        share = f"{1 - work / cpu:9.0%}" if work else "        ?"
        each = cpu / arguments.panels
        print(f"{executor:>9s} {each:12.2f} {60 / each:15.1f} {share}", flush=True)


def run(executor: str, panels: int, cores: int, folder: Path, *options: str) -> float:
    """Build ``panels`` panels in ``folder`` and return the CPU seconds of all processes."""
    overlay = folder / "overlay.yaml"
    settings = {
        "panels": dict.fromkeys(ECONOMIES, 0) | {"bgn": panels},
        "tidy": {"stores": {"demo": False}, "published_data": False},
        "results_dir": "out",
    }
    overlay.write_text(json.dumps(settings))
    command = [sys.executable, "-m", "snakemake", "all", "--executor", executor]
    command += ["--cores", str(cores), "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", ".", "--configfile", str(ROOT / "config" / "test.yaml")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with (folder / "log").open("w") as log:
        subprocess.run(
            [*command, str(overlay), *options],
            cwd=folder,
            stdout=log,
            stderr=log,
            check=True,
            env=os.environ,
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def work_seconds(folder: Path) -> float:
    """Return the CPU seconds that the jobs of a warm run measured."""
    files = (folder / "out" / "benchmarks").rglob("*.tsv")
    rows = [next(csv.DictReader(file.open(), delimiter="\t")) for file in files]
    return sum(float(row["cpu_time"]) for row in rows)


if __name__ == "__main__":
    main()
