"""What the Gu-Kelly-Xiu economy looks like."""

import numpy as np
from matplotlib.figure import Figure

from truepremia.economies.gkx20.parameters import (
    FACTORS,
    linear_or_product,
    linear_or_sign,
    linear_or_square,
)
from truepremia.economies.gkx20.solution import Solution

REACH = 3.0
_LINES = ("-", "--", "-.", ":")


def draw(solution: Solution, figure: Figure) -> None:
    """Draw the prices of risk over the state, the loadings over ranks, and the own shock."""
    params = solution.params
    prices, loadings, own = figure.subplots(1, 3)
    x = np.linspace(-REACH, REACH, 201)
    for name, price, line in zip(FACTORS, params.price_of_risk(x).T, _LINES, strict=True):
        prices.plot(x, price, line, label=name)
    prices.set(title="Prices of risk, per s.d. and month", xlabel="state $x$, s.d.")
    z, omega = np.linspace(-1, 1, 401), params.nonlinearity
    for label, values, line in (
        ("value: $g_1(z)$", linear_or_square(omega, z), _LINES[1]),
        ("profitability: $g_2(1, z)$", linear_or_product(omega, np.ones_like(z), z), _LINES[2]),
        ("momentum: $g_3(z)$", linear_or_sign(omega, z), _LINES[3]),
    ):
        loadings.plot(z, values, line, label=label)
    loadings.set(title=f"Loadings, nonlinearity {omega:g}", xlabel="rank $z$ of a characteristic")
    shock = np.linspace(-6, 6, 401)
    mixture = sum(
        probability * np.exp(-0.5 * shock**2 / scale) / np.sqrt(2 * np.pi * scale)
        for scale, probability in zip(*params.tail, strict=True)
        if scale > 0
    )
    own.semilogy(shock, mixture, label="own log shock")
    own.semilogy(shock, np.exp(-0.5 * shock**2) / np.sqrt(2 * np.pi), "--", label="normal")
    own.set(title="Density of the own log shock", xlabel="s.d.", ylim=(1e-6, 1))
    for axes in (prices, loadings, own):
        axes.grid(visible=True)
        axes.legend(fontsize="small")
