"""Print the tables of docs/model-gs21.md: moments of both calibrations, and accuracy by grid.

python benchmarks/gs21_table.py            moments, means of four simulated economies
python benchmarks/gs21_table.py --errors   off-node Euler errors by number of grid points
python benchmarks/gs21_table.py --cost     CPU time of a panel with all its moments
"""

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from truepremia.economies.gs21 import certificate, conditional  # noqa: E402
from truepremia.economies.gs21.parameters import Params  # noqa: E402
from truepremia.economies.gs21.portrait import portrait  # noqa: E402
from truepremia.economies.gs21.simulation import simulate  # noqa: E402
from truepremia.economies.gs21.solution import Solution  # noqa: E402
from truepremia.economies.gs21.solver import solve_fixed_point  # noqa: E402
from truepremia.panel import Size  # noqa: E402
from truepremia.seeds import Streams  # noqa: E402

CALIBRATIONS = ("gs21", "gs21_risky_debt")
SEEDS = range(4)
MOMENT_SIZE = Size(firms=1000, months=1200, burnin=300)
ERROR_SIZE = Size(firms=1000, months=240, burnin=300)
PANEL_SIZE = Size(firms=1000, months=720, burnin=300)
GRIDS = ((20, 13, 49), (24, 15, 51), (32, 19, 71), (48, 27, 101), (64, 37, 141))


def main() -> None:
    """Print the chosen tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", action="store_true", help="off-node Euler errors by grid")
    parser.add_argument("--cost", action="store_true", help="CPU time of a panel")
    arguments = parser.parse_args()
    for name in CALIBRATIONS:
        params = calibration(name)
        if arguments.errors:
            print_errors(name, params)
        elif arguments.cost:
            print_cost(name, params)
        else:
            print_moments(name, params)


def calibration(name: str) -> Params:
    """Read a calibration of config/economies."""
    values = yaml.safe_load((ROOT / "config" / "economies" / f"{name}.yaml").read_text())
    return Params.from_mapping({key: entry["value"] for key, entry in values.items()})


def solved(params: Params) -> tuple[Solution, float]:
    """Solve without the table of moments; return CPU seconds too."""
    start = time.process_time()
    solution = Solution(params, solve_fixed_point(params), {})
    return solution, time.process_time() - start


def print_moments(name: str, params: Params) -> None:
    """Print means and ranges over independent economies."""
    solution, _ = solved(params)
    found = [portrait(solution.tables, MOMENT_SIZE, Streams(s, "gs21", 0)) for s in SEEDS]
    print(f"\n{name}: {len(found)} economies, {MOMENT_SIZE}")
    for moment in found[0]:
        values = np.array([economy[moment] for economy in found])
        print(f"| {moment} | {values.mean():.5g} | [{values.min():.4g}, {values.max():.4g}] |")


def print_errors(name: str, params: Params) -> None:
    """Print off-node Euler errors at simulated firms of every fifth year."""
    print(f"\n{name}: |off-node Euler error|, mean / 99% / largest, and CPU seconds")
    for z, x, b in GRIDS:
        changed = replace(params, z_nodes=z, x_nodes=x, b_nodes=b * params.b_nodes // 101)
        solution, seconds = solved(changed)
        simulation = simulate(solution, ERROR_SIZE, Streams(1, "gs21", 0))
        rows = [(m.month, m.states) for m in simulation.months]
        states = conditional.states(solution, simulation.aggregates, rows, ERROR_SIZE.firms)
        sample = list(states)[::60]
        errors = [certificate.off_node_errors(solution, state) for state in sample]
        cells = [summary(np.concatenate([getattr(e, k) for e in errors])) for k in CLAIMS]
        print(f"| {z} x {x} x {changed.b_nodes} | {' | '.join(cells)} | {seconds:.1f} |")


CLAIMS = ("equity", "debt")


def summary(errors: np.ndarray) -> str:
    """Return mean, 99% quantile and largest absolute value."""
    size = np.abs(errors[~np.isnan(errors)])
    return f"{size.mean():.1e} / {np.quantile(size, 0.99):.1e} / {size.max():.1e}"


def print_cost(name: str, params: Params) -> None:
    """Print CPU seconds of solving, simulating and all moments, and per firm-month."""
    solution, seconds = solved(params)
    _ = solution.tables
    print(f"\n{name}: solve {seconds:.1f} CPU s")
    per_size = {}
    for firms in (PANEL_SIZE.firms, 5 * PANEL_SIZE.firms):
        size = replace(PANEL_SIZE, firms=firms, months=PANEL_SIZE.months * 1000 // firms)
        start = time.process_time()
        simulation = simulate(solution, size, Streams(1, "gs21", 0))
        rows = [(m.month, m.states) for m in simulation.months]
        simulated = time.process_time()
        for state in conditional.states(solution, simulation.aggregates, rows, firms):
            conditional.moments(solution, state).max_sharpe()
        moments = time.process_time()
        for state in conditional.states(solution, simulation.aggregates, rows, firms):
            certificate.euler_errors(solution, state)
        done = time.process_time()
        spent = np.array([simulated - start, moments - simulated, done - moments])
        per_size[firms] = spent / [size.burnin + size.months, size.months, size.months]
        print(f"{firms} firms, {size.months} months: simulate, moments, certify {spent.round(2)}")
    low, high = per_size.values()
    micro = 1e6 * (high - low) / (4 * PANEL_SIZE.firms)
    print(f"microseconds per additional firm-month: {micro.round(2)}, {micro.sum():.2f} in all")


if __name__ == "__main__":
    main()
