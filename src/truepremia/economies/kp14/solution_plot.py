"""What the Kogan-Papanikolaou solution looks like."""

import numpy as np
from matplotlib.figure import Figure

from truepremia.economies.kp14.solution import Solution


def draw(solution: Solution, figure: Figure) -> None:
    """Draw projects, their net present value and growth options over firm productivity."""
    # The stationary law of eps is a gamma distribution of mean one and this variance.
    deviation = solution.params.firm_volatility / np.sqrt(2 * solution.params.firm_reversion)
    eps = np.linspace(max(0.0, 1 - 3 * deviation), 1 + 4 * deviation, 400)
    project, new, option = figure.subplots(1, 3)
    project.plot(eps, solution.project_value(eps, np.ones(1)))
    project.set_title(r"Project $A(\varepsilon, 1)$")
    new.plot(eps, solution.at(eps)[0])
    new.set_title(r"New project, net: $f(\varepsilon)$")
    regimes = {"many arrivals": (True, "-"), "few arrivals": (False, "--")}
    for name, (high, line) in regimes.items():
        values = solution.growth_option(eps, np.full(len(eps), high))
        option.plot(eps, values, line, label=name)
    option.set_title(r"Growth options $G_s(\varepsilon)$")
    option.legend()
    for axes in (project, new, option):
        axes.set_ylim(bottom=0)
        axes.grid(visible=True)
    figure.supxlabel(r"firm productivity $\varepsilon$, mean 1")
