"""Compare discrete with continuous pricing of the Kogan-Papanikolaou economy, and measure cost.

Prints the tables of docs/model-kp14.md:

    python benchmarks/kp14_pricing.py            pricing errors and Sharpe ratios
    python benchmarks/kp14_pricing.py --cost     CPU time by number of firms
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from truepremia.economies.kp14.certificate import euler_errors  # noqa: E402
from truepremia.economies.kp14.conditional import moments, sharpe_limit, states  # noqa: E402
from truepremia.economies.kp14.parameters import PRICINGS, Params  # noqa: E402
from truepremia.economies.kp14.simulation import simulate  # noqa: E402
from truepremia.economies.kp14.solution import solve  # noqa: E402
from truepremia.moments import Moments  # noqa: E402
from truepremia.panel import Size  # noqa: E402
from truepremia.seeds import Streams  # noqa: E402

SEED, BURNIN = 20240501, 300
COUNTS = (100, 1000, 10_000)


def main() -> None:
    """Print the chosen tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cost", action="store_true", help="CPU time by number of firms")
    parser.add_argument("--months", type=int, default=60, help="months of the comparison")
    arguments = parser.parse_args()
    print_cost() if arguments.cost else print_pricing(arguments.months)


def calibration(pricing: str) -> Params:
    """Return the shipped calibration with another kind of pricing."""
    path = ROOT / "config" / "economies" / "kp14.yaml"
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    values = {name: entry["value"] for name, entry in entries.items()}
    return Params(**{**values, "pricing": pricing})


def simulated_states(solution: Any, firms: int, months: int) -> Iterator[Any]:
    """Yield the states of panel 0."""
    simulation = simulate(solution, Size(firms, months, BURNIN), Streams(SEED, "kp14", 0))
    rows = ((produced.month, produced.states) for produced in simulation.months)
    return states(solution, simulation.aggregates, rows, firms)


def print_pricing(months: int) -> None:
    """Print Euler errors and Sharpe ratios of one panel under both kinds of pricing."""
    firms = max(COUNTS)
    print(f"{firms} firms, {months} months; Sharpe ratios of the first N firms, mean over months\n")
    header = ["pricing", "Euler error: mean", "mean abs", "max abs"]
    header += [f"max SR, N={n:,}" for n in COUNTS] + ["mean premium", "mean s.d."]
    print("| " + " | ".join(header) + " |")
    print("|---" * len(header) + "|")
    for pricing in PRICINGS:
        solution = solve(calibration(pricing))
        errors, ratios, premia, spreads = [], [], [], []
        for state in simulated_states(solution, firms, months):
            known = moments(solution, state)
            errors.append(euler_errors(solution, state))
            ratios.append([first(known, n).max_sharpe() for n in COUNTS])
            premia.append(known.mean.mean())
            variance = np.sum(known.exposure**2, axis=1) + known.residual
            spreads.append(np.sqrt(variance).mean())
        error = np.array(errors)
        cells = [f"{error.mean():.1e}", f"{np.abs(error).mean():.1e}", f"{np.abs(error).max():.1e}"]
        cells += [f"{ratio:.4f}" for ratio in np.mean(ratios, axis=0)]
        cells += [f"{np.mean(premia):.5f}", f"{np.mean(spreads):.4f}"]
        print(f"| {pricing} | " + " | ".join(cells) + " |")
    params = calibration("discrete")
    bound = solve(params).diagnostics["sharpe_bound"]
    print(f"\nlimit of the two claims {sharpe_limit(params):.7f}, Hansen-Jagannathan {bound:.7f}")
    one, other = (solve(calibration(p)).diagnostics for p in PRICINGS)
    for name in ("project_value", "option_value_high", "option_value_low"):
        print(f"{name}: discrete over continuous {one[name] / other[name] - 1:+.2%}")


def first(known: Moments, firms: int) -> Moments:
    """Return the moments of the first ``firms`` firms."""
    return replace(
        known,
        mean=known.mean[:firms],
        exposure=known.exposure[:firms],
        residual=known.residual[:firms],
        firm=known.firm[:firms],
    )


def print_cost() -> None:
    """Print CPU milliseconds of each step by number of firms."""
    params = calibration("discrete")
    print(f"solve: {1e3 * cpu(lambda: solve(params), 20):.1f} ms\n")
    print("| N | simulate, ms a month | moments | maximal Sharpe ratio | Euler errors |")
    print("|---|---|---|---|---|")
    solution = solve(params)
    for firms in (1000, 10_000, 100_000):
        months = max(5, 200_000 // firms)
        size = Size(firms, months, 200)
        begin = time.process_time()
        simulation = simulate(solution, size, Streams(SEED, "kp14", 0))
        rows = []
        for produced in simulation.months:
            rows.append((produced.month, produced.states))
            if len(rows) == 1:
                begin = time.process_time()
        step = (time.process_time() - begin) / (months - 1)
        state = next(states(solution, simulation.aggregates, iter(rows), firms))
        euler_errors(solution, state)
        known = moments(solution, state)
        repeats = max(3, 100_000 // firms)
        cells = [
            step,
            cpu(lambda state=state: moments(solution, state), repeats),
            cpu(lambda known=known: replace(known).max_sharpe(), repeats),
            cpu(lambda state=state: euler_errors(solution, state), repeats),
        ]
        print(f"| {firms:,} | " + " | ".join(f"{1e3 * cell:.2f}" for cell in cells) + " |")


def cpu(function: Callable[[], Any], repeats: int) -> float:
    """Return the CPU seconds of one call."""
    function()
    begin = time.process_time()
    for _ in range(repeats):
        function()
    return (time.process_time() - begin) / repeats


if __name__ == "__main__":
    main()
