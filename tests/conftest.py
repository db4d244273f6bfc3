"""The default panel of every economy, solved and simulated once, and plain reference formulas."""

import json
import os
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import settings

from truepremia.economies.own import use_own
from truepremia.economies.registry import ECONOMIES, Economy
from truepremia.panel import Panel, Size, centred_ranks
from truepremia.seeds import Streams

pytest_plugins = ("shared_runs", "browsing")

ROOT = Path(__file__).resolve().parents[1]
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())

# Examples are a function of the test alone: every run and every process sees the same ones.
settings.register_profile("deterministic", derandomize=True, deadline=None, database=None)
settings.load_profile("deterministic")

# Debian keeps daemons and what its package manager calls where not every login looks.
os.environ["PATH"] += os.pathsep + os.pathsep.join(["/usr/local/sbin", "/usr/sbin", "/sbin"])


# --- economies and their default panels ---------------------------------------------------------


@dataclass(frozen=True)
class Survey:
    """What the exact moments say about every month of a panel; T months, N firms.

    ``mean`` and ``variance`` are those of every firm (T, N); ``portfolios`` holds mean, variance
    and realised excess return of diversified portfolios, each (T,).
    """

    mean: np.ndarray
    variance: np.ndarray
    residual: np.ndarray
    common: np.ndarray
    max_sharpe: np.ndarray
    euler: np.ndarray
    portfolios: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Laboratory:
    """An economy with its shipped calibration, and its default panel."""

    economy: Economy
    values: dict[str, Any]
    size: Size
    seed: int

    @cached_property
    def solution(self) -> Any:
        return self.economy.solve(self.economy.parameters(self.values))

    @cached_property
    def panel(self) -> Panel:
        return self.simulate(self.size)

    @cached_property
    def survey(self) -> Survey:
        return _survey(self)

    def simulate(
        self,
        size: Size,
        index: int = 0,
        seed: int | None = None,
        undefined_growth: str = "zero",
        solution: Any = None,
    ) -> Panel:
        streams = Streams(self.seed if seed is None else seed, self.economy.name, index)
        simulation = self.economy.simulate(
            solution or self.solution, size, streams, undefined_growth
        )
        return Panel.collect(self.economy.layout, simulation)

    def states(self, panel: Panel | None = None) -> Any:
        panel = panel or self.panel
        firms = panel["xret"].shape[1]
        return self.economy.states(self.solution, panel.aggregates, panel.states, firms)


OWN = json.loads(os.environ.get("TRUEPREMIA_OWN_ECONOMY", "null"))
"""An economy outside of the repository that ``truepremia test-economy`` asks to be tested."""

if OWN:
    use_own({OWN["name"]: OWN["package"]})


def calibration(name: str) -> dict[str, Any]:
    file = OWN["calibration"] if OWN and name == OWN["name"] else f"config/economies/{name}.yaml"
    entries = yaml.safe_load((ROOT / file).read_text())
    return {key: entry["value"] for key, entry in entries.items()}


@cache
def laboratory_of(name: str) -> Laboratory:
    size = Size(CONFIG["firms"], CONFIG["months"], CONFIG["burnin"])
    return Laboratory(ECONOMIES[name], calibration(name), size, CONFIG["seed"])


@pytest.fixture(scope="session", params=[OWN["name"]] if OWN else sorted(ECONOMIES))
def lab(request):
    """Every economy of the registry in turn, with its default panel."""
    return laboratory_of(request.param)


@pytest.fixture(scope="session")
def bgn():
    return laboratory_of("bgn")


def by_rank(name: str) -> str:
    """Return the name in the survey of the portfolio by the ranks of a characteristic."""
    return f"ranks of {name}"


def _survey(lab: Laboratory) -> Survey:
    xret = lab.panel["xret"]
    months, firms = xret.shape
    mean, variance, residual, common = (np.empty((months, firms)) for _ in range(4))
    max_sharpe, euler = np.empty(months), np.empty(months)
    names = lab.economy.characteristics
    rows: dict[str, list[tuple[float, float, float]]] = {
        name: [] for name in ("equal weights", "sdf portfolio", *map(by_rank, names))
    }
    for t, state in enumerate(lab.states()):
        known = lab.economy.moments(lab.solution, state)
        mean[t], residual[t] = known.mean, known.residual
        common[t] = np.sum(known.exposure**2, axis=1)
        variance[t] = common[t] + residual[t]
        max_sharpe[t] = known.max_sharpe()
        euler[t] = np.abs(lab.economy.euler_errors(lab.solution, state)).max()
        weights = {
            "equal weights": np.full(firms, 1 / firms),
            "sdf portfolio": known.sdf_portfolio(),
        }
        ranks = centred_ranks(np.column_stack([lab.panel[name][t] for name in names]))
        weights |= {by_rank(name): w for name, w in zip(names, ranks.T, strict=True)}
        for name, w in weights.items():
            rows[name].append((w @ known.mean, float(known.variance(w)), w @ xret[t]))
    portfolios = {name: tuple(np.array(values).T) for name, values in rows.items()}
    return Survey(mean, variance, residual, common, max_sharpe, euler, portfolios)


# --- plain formulas to compare with --------------------------------------------------------------


def quantile(values: np.ndarray, tenths: int) -> float:
    """Type 7 with the position (n - 1) p in exact arithmetic."""
    ordered = np.sort(values)
    position = Fraction(tenths, 10) * (len(ordered) - 1)
    below = position.numerator // position.denominator
    if position == below:
        return float(ordered[below])
    return float(ordered[below] + float(position - below) * (ordered[below + 1] - ordered[below]))


def investable_firms(cross_section: Any) -> list[int]:
    """U_t of the definition, firm by firm."""
    firms = []
    for i in range(len(cross_section.firm)):
        numbers = [
            *cross_section.characteristics[i],
            cross_section.market_equity[i],
            cross_section.excess_return[i],
        ]
        if all(np.isfinite(numbers)) and cross_section.market_equity[i] > 0:
            firms.append(i)
    return firms


def fama_french_weights(cross_section: Any, empty_cells: str) -> np.ndarray:
    """Section 1 of the definition of the factors, cell by cell, with sets of firms."""
    names, value = cross_section.names, cross_section.market_equity
    firms = investable_firms(cross_section)
    weights = np.zeros((len(value), len(names) + 1))
    if not firms:
        return weights

    def column(name):
        return {i: cross_section.characteristics[i, names.index(name)] for i in firms}

    def held(cell):
        """Value-weighted portfolio of a cell, None if it is empty."""
        if not cell:
            return None
        portfolio = np.zeros(len(value))
        total = sum(value[i] for i in cell)
        for i in cell:
            portfolio[i] = value[i] / total
        return portfolio

    def mean_of(portfolios):
        kept = [p for p in portfolios if p is not None]
        return sum(kept) / len(kept) if kept else None

    def less(long, short):
        if empty_cells == "zero":
            return (0 if long is None else long) - (0 if short is None else short)
        return None if long is None or short is None else long - short

    size = column("size")
    median = quantile(np.array([size[i] for i in firms]), 5)
    big = {i for i in firms if size[i] > median}
    small = set(firms) - big

    def terciles(name):
        c = column(name)
        edges = [quantile(np.array([c[i] for i in firms]), p) for p in (3, 7)]
        low, high = ({i for i in firms if c[i] <= edges[0]}, {i for i in firms if c[i] > edges[1]})
        return [low, set(firms) - low - high, high]

    for j, name in enumerate(names):
        if name == "size":
            continue
        low, _, high = terciles(name)
        spreads = [less(held(g & high), held(g & low)) for g in (small, big)]
        factor = sum(spreads) / 2 if empty_cells == "zero" else mean_of(spreads)
        weights[:, j] = 0 if factor is None else factor
        if name == "agr":
            weights[:, j] *= -1
    rows = terciles("bm") if "bm" in names else [set(firms)]
    sides = [[held(g & row) for row in rows] for g in (small, big)]
    if empty_cells == "zero":
        sides = [[0 if p is None else p for p in side] for side in sides]
        smb = (sum(sides[0]) - sum(sides[1])) / len(rows)
    else:
        smb = less(mean_of(sides[0]), mean_of(sides[1]))
    weights[:, names.index("size")] = 0 if smb is None else smb
    weights[:, -1] = held(set(firms))
    return weights


def fama_macbeth_weights(cross_section: Any) -> np.ndarray:
    """Slopes of a regression with an intercept, X (X'X)^+, on characteristics in s.d. units."""
    firms = investable_firms(cross_section)
    weights = np.zeros((len(cross_section.firm), len(cross_section.names) + 1))
    if not firms:
        return weights
    raw = cross_section.characteristics[firms]
    deviation = raw.std(axis=0)
    varies = np.flatnonzero(deviation > 1e-10 * np.abs(raw).max(axis=0))
    standard = (raw[:, varies] - raw[:, varies].mean(axis=0)) / deviation[varies]
    X = np.column_stack([np.ones(len(firms)), standard])
    slopes = np.linalg.pinv(X, rcond=1e-6).T[:, 1:]
    if len(varies):
        weights[np.ix_(firms, varies)] = 2 * slopes / np.abs(slopes).sum(axis=0)
    weights[firms, -1] = 1 / len(firms)
    return weights


def latent_weights(cross_section: Any, loading: str) -> np.ndarray:
    """Slopes of a regression on the loadings without an intercept."""
    firms = investable_firms(cross_section)
    A = cross_section.loadings[loading]
    weights = np.zeros(A.shape)
    if firms:
        weights[firms] = np.linalg.pinv(A[firms], rcond=1e-6).T
    return weights


@pytest.fixture(scope="session")
def plain():
    """Slow formulas, written from the definitions, without any code of the package."""
    return SimpleNamespace(
        investable=investable_firms,
        fama_french=fama_french_weights,
        fama_macbeth=fama_macbeth_weights,
        latent=latent_weights,
        quantile=quantile,
    )
