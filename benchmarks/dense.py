"""The same mathematics written the straightforward way, and what it costs.

Sums over all pairs of projects for the covariance of Berk, Green and Naik; an N x N covariance
with dense solves for the portfolio algebra; factors by pandas group-bys. Every comparison checks
first that both ways give the same numbers.

    python benchmarks/dense.py
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

import truepremia as tp  # noqa: E402
from truepremia.economies.quadrature import normal_panels  # noqa: E402
from truepremia.economies.registry import ECONOMIES  # noqa: E402
from truepremia.methods.contract import factor_returns  # noqa: E402
from truepremia.methods.fama_french import FamaFrench  # noqa: E402
from truepremia.methods.fama_macbeth import FamaMacBeth  # noqa: E402
from truepremia.workflow.config import load_config_file  # noqa: E402

FIRMS, MONTHS = 1000, 24
PAIR_FIRMS = (100, 300, 1000)


def main() -> None:
    """Print all comparisons."""
    print("\n".join(report()))


def report() -> list[str]:
    """Return the comparisons as Markdown lines."""
    config = load_config_file(ROOT / "config" / "config.yaml")
    lines = [
        "| what | straightforward, CPU s | truepremia, CPU s | ratio | largest difference |",
        "|---|---|---|---|---|",
    ]
    for model in ECONOMIES:
        economy, solution, panel, states = simulated(config, model, FIRMS)
        if model == "bgn":
            for firms in PAIR_FIRMS:
                few = simulated(config, model, firms)
                lines.append(row(*pairs(few[1], few[3][0], economy)))
        known = [economy.moments(solution, state) for state in states[:3]]
        lines.append(row(*algebra(model, known)))
        if model == "bgn":
            lines.append(row(*fama_french(panel)))
            lines.append(row(*fama_macbeth(panel)))
    return lines


def simulated(config, model: str, firms: int):
    """Return the economy, its solution, a small panel and its states."""
    economy = tp.economy(model)
    solution = economy.solve(economy.parameters(config.calibrations[model]))
    size = tp.Size(firms=firms, months=MONTHS, burnin=300)
    panel = tp.Panel.collect(
        economy.layout, economy.simulate(solution, size, tp.Streams(1, model, 0))
    )
    states = list(economy.states(solution, panel.aggregates, panel.states, firms))
    return economy, solution, panel, states


def row(what: str, plain: float, ours: float, difference: float) -> str:
    """Return one line of the table."""
    return f"| {what} | {plain:.3g} | {ours:.3g} | {plain / ours:,.0f} | {difference:.1e} |"


def timed(function: Callable, repeat: int = 1):
    """Return the result and the CPU seconds of one call, the least of ``repeat``."""
    best, result = np.inf, None
    for _ in range(repeat):
        start = time.process_time()
        result = function()
        best = min(best, time.process_time() - start)
    return result, best


def pairs(solution, state, economy) -> tuple[str, float, float, float]:
    """Compare the covariance of one month by all pairs of projects with F F' + diag(d)."""
    dense, plain = timed(lambda: pairwise_covariance(solution, state))
    known, ours = timed(lambda: economy.moments(solution, state), repeat=5)
    scale = np.sqrt(np.diag(dense))
    gap = np.abs(known.covariance() - dense) / np.multiply.outer(scale, scale)
    what = f"bgn, covariance by {len(state.owner):,} x {len(state.owner):,} pairs of projects"
    return f"{what}, {state.firms} firms", plain, ours, gap.max()


def pairwise_covariance(solution, state) -> np.ndarray:
    """Return the covariance of gross returns, term by term over pairs of live projects.

    A firm pays h(r') + sum_p S_p (e^{-beta_p} D(r') + c_p) with E[c_p | nu] = e_p =
    exp(b_p nu - b_p^2/2), all per unit of I exp(cbar); Cov(e_p, f(r')) is a shift of xi.
    """
    params = solution.params
    pi, b = params.survival, state.beta / params.sdf_volatility
    weight_of_consol = np.exp(-state.beta)
    expected = float(params.expected_rate(np.asarray(state.rate)))
    kink = np.array([(solution.kink_rate - expected) / params.rate_volatility])
    xi, weight = (a[0] for a in normal_panels(kink, 64))

    def payoffs(shift: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rate = expected + params.rate_volatility * (xi + shift)
        consol = solution.consol(rate)
        npv, npv_square = solution.project_npv(consol)
        option = solution.option(rate) + npv / np.exp(params.log_cash_flow)
        return consol, option, (npv_square - npv**2) / np.exp(2 * params.log_cash_flow)

    D, h, new = payoffs(np.zeros(1))
    mean_D, mean_h = weight @ D, weight @ h
    var_D, var_h = weight @ D**2 - mean_D**2, weight @ h**2 - mean_h**2
    cov_Dh = weight @ (D * h) - mean_D * mean_h
    with_D, with_h = np.empty(len(b)), np.empty(len(b))
    for p, loading in enumerate(b):  # E[e_p f(r')] = E[f at xi + rho b_p]
        tilted = normal_panels(kink - params.correlation * loading, 64)
        xi, weight = (a[0] for a in tilted)
        shifted = payoffs(np.array([params.correlation * loading]))
        with_D[p] = weight @ shifted[0] - mean_D
        with_h[p] = weight @ shifted[1] - mean_h

    n = state.firms
    covariance = np.empty((n, n))
    held = np.array([weight_of_consol[state.owner == i].sum() for i in range(n)])
    covariance_h = np.array([with_h[state.owner == i].sum() for i in range(n)])
    for i in range(n):
        mine = state.owner == i
        each = (
            np.multiply.outer(weight_of_consol[mine], weight_of_consol) * var_D
            + np.multiply.outer(weight_of_consol[mine], with_D)
            + np.multiply.outer(with_D[mine], weight_of_consol)
            + np.expm1(np.multiply.outer(b[mine], b))
        ).sum(axis=0)
        covariance[i] = pi**2 * np.bincount(state.owner, weights=each, minlength=n)
    single = pi * (held * cov_Dh + covariance_h)
    covariance += var_h + single + single[:, None]

    second_D = var_D + mean_D**2
    cross = with_D + mean_D
    square = weight_of_consol**2 * second_D + 2 * weight_of_consol * cross
    own = pi * (square + np.exp(state.volatility**2)) - pi**2 * (square + np.exp(b**2))
    xi, weight = (a[0] for a in normal_panels(kink, 64))
    own_of_firm = np.bincount(state.owner, weights=own, minlength=n) + weight @ new
    covariance[np.diag_indices(n)] += own_of_firm
    price = solution.option(state.rate) + solution.consol(state.rate) * held
    return covariance / np.multiply.outer(price, price)


def algebra(model: str, known: list) -> tuple[str, float, float, float]:
    """Compare the statistics of portfolios by dense algebra with the factored ones."""
    n = len(known[0].mean)
    w = np.random.default_rng(0).normal(size=(n, 14)) / n

    def dense() -> np.ndarray:
        rows = []
        for m in known:
            covariance = m.covariance()
            second = covariance + np.multiply.outer(m.mean, m.mean)
            best = np.linalg.solve(second, m.mean)
            sharpe = np.sqrt(m.mean @ np.linalg.solve(covariance, m.mean))
            gap = w - best[:, None]
            distance = np.sqrt(np.einsum("np,nm,mp->p", gap, second, gap, optimize=True))
            variance = np.einsum("np,nm,mp->p", w, covariance, w, optimize=True)
            rows.append([sharpe, *variance, *distance])
        return np.array(rows)

    def factored() -> np.ndarray:
        fresh = [m.compressed() for m in known]
        return np.array([[m.max_sharpe(), *m.variance(w), *m.hj_distance(w)] for m in fresh])

    plain, plain_seconds = timed(dense)
    ours, seconds = timed(factored, repeat=3)
    difference = np.abs(plain / ours - 1).max()
    what = f"{model}, Sharpe ratio, variances, distances: dense solves, {n} firms, {len(known)} mo."
    return what, plain_seconds, seconds, difference


def long_frame(panel) -> pd.DataFrame:
    """Return the panel as one long frame."""
    columns = {name: panel[name].ravel() for name in panel.columns if name != "month"}
    return pd.DataFrame({"month": np.repeat(panel.month, panel["xret"].shape[1]), **columns})


def fama_french(panel) -> tuple[str, float, float, float]:
    """Compare value-weighted 2x3 sorts by pandas group-bys with ours."""
    frame = long_frame(panel)

    def sorts() -> pd.DataFrame:
        factors = {}
        size = frame.groupby("month")["size"].transform(lambda s: s > s.quantile(0.5))
        for name, column in (("hml", "bm"), ("cma", "agr"), ("rmw", "roe"), ("umd", "mom")):
            grouped = frame.groupby("month")[column]
            low = frame[column] <= grouped.transform(lambda s: s.quantile(0.3))
            high = frame[column] > grouped.transform(lambda s: s.quantile(0.7))
            cells = frame.assign(size_group=size, tercile=np.where(low, 0, np.where(high, 2, 1)))
            cells = cells.groupby(["month", "size_group", "tercile"])[["xret", "mve"]]
            mean = cells.apply(lambda x: np.average(x["xret"], weights=x["mve"]))
            spread = mean.xs(2, level="tercile") - mean.xs(0, level="tercile")
            factors[name] = spread.groupby("month").mean()
        return pd.DataFrame(factors).assign(cma=lambda f: -f["cma"])

    plain, plain_seconds = timed(sorts)
    ours, seconds = timed(lambda: factor_returns(FamaFrench(), panel.cross_sections()), repeat=3)
    columns = [ours.names.index(name) for name in plain.columns]
    difference = np.abs(plain.to_numpy() - ours.returns[:, columns]).max()
    what = f"2x3 factors by pandas group-bys, {FIRMS} firms, {MONTHS} months"
    return what, plain_seconds, seconds, difference


def fama_macbeth(panel) -> tuple[str, float, float, float]:
    """Compare monthly regressions by linearmodels with our slope portfolios."""
    from linearmodels.panel import FamaMacBeth as LinearModels

    frame = long_frame(panel).set_index(["firmid", "month"])
    names = ["size", "bm", "agr", "roe", "mom"]
    scaled = frame.groupby("month")[names].transform(lambda x: (x - x.mean()) / x.std(ddof=0))

    def library() -> np.ndarray:
        model = LinearModels(frame["xret"], scaled.assign(intercept=1.0))
        return model.fit().params.to_numpy()

    def slopes() -> np.ndarray:
        method, rows = FamaMacBeth(), []
        for section in panel.cross_sections():
            weights = section.on_all_firms(method.weights(section.known))
            values = section.characteristics
            z = (values - values.mean(axis=0)) / values.std(axis=0)
            exposure = np.einsum("nk,nk->k", weights[:, :-1], z)
            rows.append(weights[:, :-1].T @ section.excess_return / exposure)
        return np.mean(rows, axis=0)

    plain, plain_seconds = timed(library)
    ours, seconds = timed(slopes, repeat=3)
    difference = np.abs(plain[:-1] - ours).max()
    what = f"Fama-MacBeth slopes by linearmodels, {FIRMS} firms, {MONTHS} months"
    return what, plain_seconds, seconds, difference


if __name__ == "__main__":
    main()
