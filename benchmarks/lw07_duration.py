"""Draw the value premium of the Lettau-Wachter economy by duration (docs/model-lw07.md).

    python benchmarks/lw07_duration.py docs/figures/lw07_duration.png

Left the shipped calibration, right the same without correlation of growth and dividend shocks,
where every firm earns the same in closed form.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import numpy as np
import yaml
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from truepremia.economies.lw07.conditional import State, coefficients  # noqa: E402
from truepremia.economies.lw07.parameters import Params  # noqa: E402
from truepremia.economies.lw07.solution import Solution, solve  # noqa: E402

PERCENT_PER_YEAR = 1200


def main() -> None:
    """Draw the figure and print the ends of its curves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    arguments = parser.parse_args()
    entries = yaml.safe_load((ROOT / "config/economies/lw07.yaml").read_text(encoding="utf-8"))
    params = Params.from_mapping({name: entry["value"] for name, entry in entries.items()})
    # Without correlation distant strips are risky: the price of risk must move less to be finite.
    alone = replace(params, growth_correlation=0.0, price_volatility=0.02)
    figure = Figure(figsize=(7, 2.8), layout="constrained")
    for axes, shown, title in zip(
        figure.subplots(1, 2, sharey=True),
        (params, alone),
        (f"correlation {params.growth_correlation:g}", "no correlation"),
        strict=True,
    ):
        solution = solve(shown)
        for side, line in ((-1, ":"), (0, "-"), (1, "--")):
            x = shown.mean_price + side * params.price_spread
            years, premium = premia(solution, x)
            axes.plot(years, premium, line, label=f"price of risk {x:.2f}")
            print(
                f"{title}, x = {x:.2f}:",
                *(f"{v:.2f}" for v in (*premium[[0, -1]], *years[[0, -1]])),
            )
        axes.set(title=title, xlabel="duration of the firm's dividends, years")
        axes.grid(visible=True)
    figure.axes[0].set_ylabel("premium, % per year")
    figure.axes[0].legend(frameon=False)
    figure.savefig(arguments.file, dpi=160)


def premia(solution: Solution, x: float) -> tuple[np.ndarray, np.ndarray]:
    """Return durations in years and premia in % a year of firms over three s.d. of the share."""
    share = np.linspace(-3, 3, 61) * solution.params.share_dispersion
    every = solution.every
    strips = (every.weight * np.exp(every.log_price(x, 0.0)))[:, None]
    value = (strips * np.exp(every.log_share(share)))[1:]
    duration = every.maturity[1:] @ value / value.sum(axis=0) / 12
    gross = coefficients(solution, State(0, x, 0.0, 0.0, share))[:, 0]
    return duration, PERCENT_PER_YEAR * (gross - np.exp(solution.params.riskless_rate))


if __name__ == "__main__":
    main()
