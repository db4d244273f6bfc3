"""Measure everything and write benchmarks/results.md: `make bench`.

Panels of 200 to 100,000 firms through every stage, fitted growth, ratios to straightforward
implementations measured in the same run, and the physical floor.

    python benchmarks/run.py                      about an hour on one core
    python benchmarks/run.py --firms 200 1000     minutes
"""

import argparse
import os
import platform
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import dense
import numpy as np
from stages import ROOT, heading, panel_costs, resized, run, table

from truepremia.economies.registry import ECONOMIES
from truepremia.files.formats import TableFile
from truepremia.workflow.config import RunConfig, load_config_file

FIRMS = (200, 1_000, 10_000, 100_000)
LONGEST = 600.0
"""CPU seconds a panel may take; a longer one is measured over fewer months."""

FEW_MONTHS = 48
FLOATS = 8


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--firms", nargs="+", type=int, default=list(FIRMS))
    parser.add_argument("--models", nargs="+", default=list(ECONOMIES))
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results.md")
    arguments = parser.parse_args()
    config = load_config_file(ROOT / "config" / "config.yaml")
    sections = [
        ["# Benchmarks", "", *machine()],
        ["## Every stage", "", *stage_section(config, arguments.models, arguments.firms)],
        ["## Against straightforward implementations", "", *ratio_section()],
        ["## Against the hardware", "", *floor_section(config, arguments.models)],
    ]
    arguments.output.write_text("\n\n".join("\n".join(section) for section in sections) + "\n")


def machine() -> list[str]:
    """Say what was measured where."""
    packages = ", ".join(f"{p} {version(p)}" for p in ("numpy", "scipy", "pandas", "pyarrow"))
    load = os.getloadavg()[0]
    return [
        f"Written by `make bench` on {date.today()}: Python {platform.python_version()},",
        f"{packages},",
        f"{os.cpu_count()} cores ({platform.machine()}), one BLAS thread, load average {load:.1f}",
        "at the start. A busy machine inflates seconds; ratios are measured in one run. Seconds",
        "are CPU seconds unless said otherwise, and the workflow engine is not included. Every job",
        f"includes {run(None, {}).cpu:.2f} s for starting Python with numpy and pyarrow.",
    ]


def stage_section(config: RunConfig, models: list[str], sizes: list[int]) -> list[str]:
    """Measure all stages at all sizes, and fit their growth."""
    lines = []
    growth = [
        "### Growth",
        "",
        "| economy | CPU s = a + b T at 1,000 firms | exponent of N per month, start subtracted |",
        "|---|---|---|",
    ]
    for model in models:
        by_size = {}
        for firms in sizes:
            size, costs = measured(config, model, firms)
            by_size[firms] = (size, costs)
            lines += [f"### {heading(model, size)}", "", *table(costs), ""]
            print(f"{heading(model, size)}: {sum(c.cpu for c in costs):.1f} CPU s", flush=True)
        growth.append(f"| {model} | {in_months(config, model)} | {in_firms(by_size)} |")
    return [*lines, *growth]


def measured(config: RunConfig, model: str, firms: int):
    """Return the size and costs of one panel, over fewer months where it would take too long."""
    full = resized(config, firms, config.size.months)
    if firms > 5_000:
        few = resized(config, firms, FEW_MONTHS)
        costs = panel_costs(few, model)
        months = config.size.months / FEW_MONTHS
        if months * sum(c.cpu for c in costs if "simulate" not in c.label) > LONGEST:
            return few.size, costs
    return full.size, panel_costs(full, model)


def in_months(config: RunConfig, model: str) -> str:
    """Fit a + b T to the CPU time of the stages after simulation."""
    months = (120, 240, 480, 720)
    seconds = []
    for count in months:
        costs = panel_costs(resized(config, 1_000, count), model)
        seconds.append(sum(c.cpu for c in costs if "solve" not in c.label))
    slope, intercept = np.polyfit(months, seconds, 1)
    return f"{intercept:.2f} + {slope:.5f} T"


def in_firms(by_size) -> str:
    """Fit the exponent of N between the two largest sizes, per month, start-up subtracted."""
    if len(by_size) < 2:
        return "one size"
    (n0, (size0, low)), (n1, (size1, high)) = sorted(by_size.items())[-2:]
    start = run(None, {}).cpu
    found = []
    for one, other in zip(low, high, strict=True):
        if "solve" in one.label or "bundle" in one.label:
            continue
        rate = [
            max(c.cpu - start, 1e-3) / (s.months + ("simulate" in c.label) * s.burnin)
            for c, s in ((one, size0), (other, size1))
        ]
        exponent = np.log(rate[1] / rate[0]) / np.log(n1 / n0)
        rule, _, _, *kind = one.label.split()
        found.append(f"{' '.join([rule, *kind])} {exponent:.2f}")
    return f"between {n0:,} and {n1:,}: " + ", ".join(found)


def ratio_section() -> list[str]:
    """Compare with dense and library implementations."""
    return [
        "Least CPU seconds of a few runs of the same task, results compared first "
        "(`benchmarks/dense.py`).",
        "",
        *dense.report(),
    ]


def floor_section(config: RunConfig, models: list[str]) -> list[str]:
    """Compare stages with reading and writing their bytes once and doing their flops."""
    bandwidth, flops = memory_speed(), blas_speed()
    lines = [
        f"Measured here: {bandwidth / 1e9:.1f} GB/s copying memory, {flops / 1e9:.0f} GFLOP/s in a",
        "matrix product, one core. The floor of a stage is its uncompressed input and output once",
        "through memory plus the multiplications of its matrix algebra at that speed; it leaves",
        "out compression, checksums, sorting, exponentials and Python.",
        "",
        "| job | MB through memory | GFLOP | floor, s | measured less start, s | times the floor |",
        "|---|---|---|---|---|---|",
    ]
    start = run(None, {}).cpu
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            costs = panel_costs(config, model, Path(folder))
            work = stage_work(config, model, Path(folder))
        for cost in costs:
            for stage, (size, operations) in work.items():
                if cost.label.startswith(stage):
                    floor = size / bandwidth + operations / flops
                    spent = cost.cpu - start
                    numbers = f"{size / 1e6:.0f} | {operations / 1e9:.2f} | {floor:.3f}"
                    ratio = f"{spent:.2f} | {spent / floor:.0f}"
                    lines.append(f"| {cost.label} | {numbers} | {ratio} |")
    return lines


def stage_work(config: RunConfig, model: str, folder: Path) -> dict[str, tuple[float, float]]:
    """Return bytes through memory and floating-point operations by stage of one panel."""
    size = config.size
    cells = size.firms * size.months
    panel_id = f"{model}_0"
    bytes_of = {
        name: _memory_bytes(folder / f"{name}.parquet", name, panel_id)
        for name in ("panel", "states", "moments")
    }
    characteristics = len(ECONOMIES[model].characteristics)
    moments = TableFile(folder / "moments.parquet", "moments", panel_id)
    _, first = next(moments.months())
    width = first["exposure"].shape[1]
    judged = cells * (size.months - config.window) / size.months
    portfolios = 2 * len(config.alphas) + 2
    used = FLOATS * cells * (characteristics + 3)
    return {
        "simulate_panel": (bytes_of["panel"] + bytes_of["states"], 0.0),
        "compute_moments": (
            bytes_of["panel"] + bytes_of["states"] + bytes_of["moments"],
            # Gram and triangular factor of F, two solves with refinement.
            cells * (4 * width**2 + 16 * width),
        ),
        "build_factors": (used, 2.0 * cells * (characteristics + 1) ** 2),
        "extract_model_premia": (used, 2.0 * cells * (characteristics + 1) ** 2),
        "portfolio_stats": (
            used + bytes_of["moments"],
            judged * (4 * width**2 + 6 * portfolios * (width + characteristics + 1)),
        ),
    }


def _memory_bytes(path: Path, kind: str, panel_id: str) -> float:
    months = TableFile(path, kind, panel_id).months()
    return float(sum(array.nbytes for _, columns in months for array in columns.values()))


def memory_speed() -> float:
    """Return bytes per second read and written by a large copy, the best of five."""
    source, target = np.ones(2**25), np.empty(2**25)
    best = min(_seconds(lambda: np.copyto(target, source)) for _ in range(5))
    return 2 * source.nbytes / best


def blas_speed() -> float:
    """Return floating-point operations per second of a matrix product, the best of five."""
    matrix = np.ones((1500, 1500))
    best = min(_seconds(lambda: matrix @ matrix) for _ in range(5))
    return 2 * 1500**3 / best


def _seconds(function) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
