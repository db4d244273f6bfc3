"""What the Berk-Green-Naik solution looks like."""

import numpy as np
from matplotlib.figure import Figure

from truepremia.economies.bgn.solution import Solution

MONTHS_PER_YEAR = 12
STATIONARY_DEVIATIONS = 3.5


def draw(solution: Solution, figure: Figure) -> None:
    """Draw growth options, the consol and the adoption probability over the riskless rate."""
    params = solution.params
    reach = STATIONARY_DEVIATIONS * params.stationary_sd
    rate = np.linspace(params.mean_rate - reach, params.mean_rate + reach, 400)
    consol = solution.consol(rate)
    curves = {
        "Growth options $J^*(r)$": solution.option(rate),
        "Consol $D(r)$": consol,
        "Pr(a new project is taken)": solution.adoption(consol),
    }
    percent = 100 * MONTHS_PER_YEAR
    for axes, (title, values) in zip(figure.subplots(1, 3), curves.items(), strict=True):
        axes.plot(percent * rate, values)
        axes.axvline(percent * params.mean_rate, color="black", linewidth=0.8, linestyle="--")
        axes.set_title(title)
        axes.set_ylim(bottom=0)
        axes.grid(visible=True)
    figure.supxlabel("riskless rate, log, % per year (dashed: its mean)")
