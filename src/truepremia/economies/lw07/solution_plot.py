"""What the Lettau-Wachter solution looks like."""

import numpy as np
from matplotlib.figure import Figure

from truepremia.economies.lw07.conditional import State, coefficients
from truepremia.economies.lw07.solution import Solution

MONTHS_PER_YEAR = 12
LONGEST = 600
REACH = 3.0
_LINES = {-1: ":", 0: "-", 1: "--"}


def draw(solution: Solution, figure: Figure) -> None:
    """Draw the risk and the price of strips over maturity, and firms' premia over their share.

    The price of risk is at its mean and one stationary standard deviation from it.
    """
    params, every = solution.params, solution.every
    risk, prices, premia = figure.subplots(1, 3)
    years = every.maturity[:LONGEST] / MONTHS_PER_YEAR
    risk.plot(years, every.risk[0, :LONGEST], label="dividends, priced")
    risk.plot(years, every.risk[2, :LONGEST], "--", label="price of risk, not priced")
    risk.set(title="Exposure of a strip, per s.d.", xlabel="maturity, years")
    share = np.linspace(-REACH, REACH, 121) * params.share_dispersion
    percent = 100 * MONTHS_PER_YEAR
    for side, line in _LINES.items():
        x = params.mean_price + side * params.price_spread
        label = f"$x$ = {x:.2f}"
        prices.plot(years, every.log_price(x, 0.0)[:LONGEST], line, label=label)
        gross = coefficients(solution, State(0, x, 0.0, 0.0, share))[:, 0]
        premia.plot(share, percent * (gross - np.exp(params.riskless_rate)), line, label=label)
    prices.set(title="Log price of a strip", xlabel="maturity, years")
    premia.set(title="Premium of a firm, % per year", xlabel="log share: long to short duration")
    for axes in (risk, prices, premia):
        axes.grid(visible=True)
        axes.legend(fontsize="small")
