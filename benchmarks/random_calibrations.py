"""Random calibrations: how many are solved, refused at once, refused late.

Every number of the shipped calibration is scaled by a factor between a half and two, drawn
log-uniformly; of a number between a half and one the distance to one is scaled. Numbers of grid
points and words stay. A calibration is solved if it is solved, simulated and certified with an
Euler error below 1e-8; refused at once if the check of the calibration says no; refused early if
the solver does within ten CPU seconds; refused late otherwise.

    python benchmarks/random_calibrations.py [--count 200] [--seconds 600] [economy ...]

Of 200 draws each, on 2026-11-29, solved, refused at once, early and late: bgn 154, 43, 3, 0;
kp14 54, 137, 9, 0; gs21 12, 174, 12, 2; gkx20 200, 0, 0, 0; lw07 74, 126, 0, 0. Of 600 of gs21:
55, 510, 33, 2, a third of a percent late, at most 28 CPU seconds on a busy machine. Newton's steps
of these two do not converge on the full grid.
"""

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from truepremia.economies.registry import SHIPPED
from truepremia.errors import CalibrationError, TruepremiaError
from truepremia.panel import Panel, Size
from truepremia.seeds import Streams

CONFIG = Path(__file__).resolve().parents[1] / "config" / "economies"
SIZE = Size(firms=40, months=6, burnin=13)
EARLY = 10.0
MOST_EULER_ERROR = 1e-8
OUTCOMES = ("solved", "refused at once", "refused early", "refused late")


def shipped(name: str) -> dict[str, Any]:
    """Return the shipped calibration."""
    entries = yaml.safe_load((CONFIG / f"{name}.yaml").read_text(encoding="utf-8"))
    return {key: entry["value"] for key, entry in entries.items()}


def drawn(values: dict[str, Any], generator: np.random.Generator) -> dict[str, Any]:
    """Return a calibration at random around ``values``."""
    scales = 2 ** generator.uniform(-1, 1, len(values))
    return {k: _moved(k, v, s) for (k, v), s in zip(values.items(), scales, strict=True)}


def _moved(name: str, value: Any, scale: float) -> Any:
    if isinstance(value, str) or name.endswith("_nodes"):
        return value
    return 1 - (1 - value) * scale if 0.5 < value < 1 else value * scale


def outcome(name: str, values: dict[str, Any]) -> tuple[str, str]:
    """Return one of :data:`OUTCOMES`, and the reason of a refusal."""
    economy, started = SHIPPED[name], time.process_time()
    try:
        solution = economy.solve(economy.parameters(values))
        economy.report(solution)
    except CalibrationError as error:
        return "refused at once", str(error)
    except TruepremiaError as error:
        early = time.process_time() - started < EARLY
        return "refused early" if early else "refused late", str(error)
    try:
        months = economy.simulate(solution, SIZE, Streams(1, name, 0))
        panel = Panel.collect(economy.layout, months)
        for state in economy.states(solution, panel.aggregates, panel.states, SIZE.firms):
            economy.moments(solution, state)
            error = float(np.abs(economy.euler_errors(solution, state)).max())
            if not error < MOST_EULER_ERROR:
                return "refused late", f"Euler error {error:.1e}"
    except TruepremiaError as error:
        return "refused late", str(error)
    return "solved", ""


def main() -> None:
    """Print a table with one row for each economy, and the reasons of late refusals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("economies", nargs="*", default=list(SHIPPED))
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=600, help="wall time for each economy")
    asked = parser.parse_args()
    print("| economy | drawn | " + " | ".join(OUTCOMES) + " | most CPU s |")
    print("|---|" + "--:|" * (len(OUTCOMES) + 2))
    for name in asked.economies:
        generator, values = np.random.default_rng(0), shipped(name)
        counts: Counter[str] = Counter()
        reasons, most, end = [], 0.0, time.monotonic() + asked.seconds
        while counts.total() < asked.count and time.monotonic() < end:
            started = time.process_time()
            what, why = outcome(name, drawn(values, generator))
            most = max(most, time.process_time() - started)
            counts[what] += 1
            if what.startswith("refused ") and what != "refused at once":
                reasons.append(f"{what}: {why}")
        numbers = " | ".join(str(counts[o]) for o in OUTCOMES)
        print(f"| {name} | {counts.total()} | {numbers} | {most:.1f} |", flush=True)
        for reason in sorted(set(reasons)):
            print(f"<!-- {reason[:200]} -->", flush=True)


if __name__ == "__main__":
    main()
