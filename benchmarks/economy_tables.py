"""What an economy looks like, from its exact moments alone, and what it costs.

Prints the tables of docs/model-gkx20.md and docs/model-lw07.md, for any economy and calibration:

    python benchmarks/economy_tables.py gkx20
    python benchmarks/economy_tables.py gkx20 --set nonlinearity=1
    python benchmarks/economy_tables.py lw07 --index 1
    python benchmarks/economy_tables.py lw07 --firms 100000 --months 3 --burnin 13
"""

import argparse
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from truepremia.economies.registry import ECONOMIES  # noqa: E402
from truepremia.moments import Moments  # noqa: E402
from truepremia.panel import Panel, Size  # noqa: E402
from truepremia.portfolios import value_weights  # noqa: E402
from truepremia.seeds import Streams  # noqa: E402

SEED = 20260101
MONTHS_BETWEEN_SAMPLES = 24


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("economy", choices=ECONOMIES)
    parser.add_argument("--calibration", help="file, instead of the shipped one")
    parser.add_argument("--set", nargs="*", default=[], help="parameters, as name=value")
    parser.add_argument("--index", type=int, default=0)
    parser.add_argument("--firms", type=int, default=1000)
    parser.add_argument("--months", type=int, default=720)
    parser.add_argument("--burnin", type=int, default=300)
    arguments = parser.parse_args()
    economy = ECONOMIES[arguments.economy]
    path = arguments.calibration or ROOT / "config" / "economies" / f"{economy.name}.yaml"
    entries = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    values = {name: entry["value"] for name, entry in entries.items()}
    values |= {n: float(v) for n, v in (pair.split("=") for pair in arguments.set)}

    clock = Clock()
    solution = economy.solve(economy.parameters(values))
    clock.lap("solve, CPU s", 1)
    size = Size(arguments.firms, arguments.months, arguments.burnin)
    simulation = economy.simulate(solution, size, Streams(SEED, economy.name, arguments.index))
    panel = Panel.collect(economy.layout, simulation)
    clock.lap("simulate, CPU s", 1)
    states = list(economy.states(solution, panel.aggregates, panel.states, size.firms))
    clock.lap("states, CPU ms a month", size.months / 1e3)
    moments = [economy.moments(solution, state) for state in states]
    clock.lap("moments, CPU ms a month", size.months / 1e3)
    errors = [np.abs(economy.euler_errors(solution, state)).max() for state in states]
    clock.lap("certificate, CPU ms a month", size.months / 1e3)
    print_row("largest Euler error", max(errors))
    for name, value in exact(panel, moments):
        print_row(name, value)
    for name in economy.characteristics:
        print_row(f"{name}: mean, s.d., autocorrelation", *described(panel[name]))


class Clock:
    """CPU time between laps, and the most memory so far."""

    def __init__(self) -> None:
        self.last = time.process_time()

    def lap(self, name: str, units: float) -> None:
        """Print the CPU time since the last lap."""
        now = time.process_time()
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print_row(name, (now - self.last) / units, f"{most:.0f} MB so far")
        self.last = now


def exact(panel: Panel, moments: list[Moments]) -> Iterator[tuple[str, float]]:
    """Yield what the conditional moments say about firms and the market."""
    sharpe = np.array([month.max_sharpe() for month in moments])
    common = np.array([np.einsum("nk,nk->n", m.exposure, m.exposure) for m in moments])
    variance = common + np.array([m.residual for m in moments])
    deviation, mean = np.sqrt(variance), np.array([m.mean for m in moments])
    weights = np.array([value_weights(value) for value in panel["mve"]])
    market = [float(m.variance(w)) for m, w in zip(moments, weights, strict=True)]
    yield "maximal Sharpe ratio, mean", sharpe.mean()
    yield "maximal Sharpe ratio, lowest", sharpe.min()
    yield "maximal Sharpe ratio, highest", sharpe.max()
    yield "market, % a year: mean", 1200 * (weights * mean).sum(axis=1).mean()
    yield "market, % a year: realised mean", 1200 * (weights * panel["xret"]).sum(axis=1).mean()
    yield "market, % a year: s.d.", 100 * np.sqrt(12 * np.mean(market))
    yield "firm s.d. a month, mean", deviation.mean()
    yield "firm s.d. a month, 10%", float(np.quantile(deviation, 0.1))
    yield "firm s.d. a month, 90%", float(np.quantile(deviation, 0.9))
    yield "systematic share of variance", (common / variance).mean()
    yield "s.d. of means over firms, a month", mean.std(axis=1).mean()
    yield "largest firm, share of the market", weights.max(axis=1).mean()


def described(values: np.ndarray) -> tuple[float, float, float]:
    """Return mean, cross-sectional s.d. and monthly autocorrelation of a characteristic."""
    dates = range(0, len(values) - 1, MONTHS_BETWEEN_SAMPLES)
    lag = [np.corrcoef(values[t], values[t + 1])[0, 1] for t in dates]
    return float(values.mean()), float(values.std(axis=1).mean()), float(np.mean(lag))


def print_row(name: str, *values: float | str) -> None:
    """Print one line of a table."""
    shown = [value if isinstance(value, str) else f"{value:.4g}" for value in values]
    print(f"{name:42s}", *shown)


if __name__ == "__main__":
    main()
