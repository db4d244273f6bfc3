"""The laboratory from Python: one method judged on one simulated panel, in memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from numbers import Integral
from typing import Any

from truepremia.economies.contract import Economy, Solution
from truepremia.economies.registry import SHIPPED, economy
from truepremia.errors import ConfigError, DataError, shortened
from truepremia.judgement.engine import judge as judge_panel
from truepremia.methods.contract import FactorMethod, Setting, factor_returns, uses_truth
from truepremia.moments import Moments
from truepremia.panel import Panel, Size
from truepremia.seeds import Streams
from truepremia.workflow.documents import read_yaml
from truepremia.workflow.place import ROOT
from truepremia.workflow.progress import watched
from truepremia.workflow.sizing import require_memory_for_panel

SEED = 20260101
ALPHAS = (0.0, 1e-4, 1e-3, 1e-2, 0.05, 0.1, 1.0)


@dataclass(frozen=True, eq=False, repr=False)
class SimulatedPanel(Panel):
    """A simulated panel in memory, with the economy that it is from.

    Parameters
    ----------
    economy : Economy
    size : Size
    solution : Solution
        The solved economy.
    seed, index : int
        Which panel of the economy it is.
    """

    economy: Economy
    size: Size
    solution: Solution
    seed: int
    index: int

    def __repr__(self) -> str:
        first = ", ".join(str(month) for month in self.month[:3])
        return (
            f"<SimulatedPanel {self.economy.name}_{self.index}: {self.economy.title}, "
            f"{self.size.firms} firms, {self.size.months} months from {first}, ...>"
        )

    def moments(self, start: int | None = None, progress: bool | None = None) -> Iterator[Moments]:
        """Yield the exact conditional moments of the panel's months.

        Parameters
        ----------
        start : int, optional
            First month; that of the panel where nothing is given.
        progress : bool, optional
            See :func:`truepremia.workflow.progress.watched`.

        Raises
        ------
        DataError
            If ``start`` is no month of the panel.
        """
        first = self.size.start if start is None else start
        if not (isinstance(first, Integral) and first in self.month):
            raise DataError(
                f"start is {shortened(repr(start), 60)}: must be a month of the panel, from "
                f"{self.month[0]} to {self.month[-1]}"
            )
        states = self.economy.states(self.solution, self.aggregates, self.states, self.size.firms)
        wanted = (state for state in states if state.month >= first)
        months = (self.economy.moments(self.solution, state) for state in wanted)
        return watched(months, max(self.size.end + 1 - first, 0), "moments", progress)

    def truth(self, progress: bool | None = None) -> Any:
        """Return what is attainable in every month, and what the true SDF portfolio earned.

        Returns
        -------
        DataFrame
            Indexed by month: ``max_sr``, the highest conditional Sharpe ratio per month, and
            ``sdf_ret``, the realised excess return of the SDF portfolio from t to t + 1.
        """
        import pandas as pd

        rows = [
            (m.month, m.max_sharpe(), float(m.sdf_portfolio() @ earned))
            for m, earned in zip(self.moments(progress=progress), self["xret"], strict=True)
        ]
        return pd.DataFrame(rows, columns=["month", "max_sr", "sdf_ret"]).set_index("month")

    def factors(self, method: FactorMethod) -> Any:
        """Return the monthly returns of a method's factors, one column each, indexed by month.

        Parameters
        ----------
        method : FactorMethod
            Such as ``tp.FamaFrench()``.
        """
        import pandas as pd

        earned = factor_returns(method, self.cross_sections())
        index = pd.Index(earned.month, name="month")
        return pd.DataFrame(earned.returns, index=index, columns=list(earned.names))


def simulate(
    model: str,
    firms: int = 1000,
    months: int = 720,
    burnin: int = 300,
    seed: int = SEED,
    index: int = 0,
    calibration: Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> SimulatedPanel:
    """Solve an economy and simulate a panel of firms.

    Parameters
    ----------
    model : str
        Name of an economy, such as "bgn".
    firms : int
        At least 2.
    months : int
        Panel months, at least 1.
    burnin : int
        Months simulated from an empty economy and dropped; at least 13, because momentum looks
        twelve months back.
    seed, index : int
        Which panel; equal values give equal panels.
    calibration : mapping, optional
        Values of parameters that differ from the shipped calibration.
    progress : bool, optional
        Whether to show a bar; by default if tqdm is installed and somebody watches.

    Returns
    -------
    SimulatedPanel

    Raises
    ------
    ConfigError
        If there is no such economy, or a number breaks its rule.
    CalibrationError
        If a parameter is unknown or out of its range.

    Examples
    --------
    >>> import truepremia as tp
    >>> panel = tp.simulate("bgn", firms=200, months=120)
    >>> len(panel.month), panel.month[0]
    (120, np.int64(300))
    >>> panel.to_frame().index.names
    FrozenList(['month', 'firmid'])
    """
    chosen = economy(model)
    _require_whole(firms=firms, months=months, burnin=burnin, seed=seed, index=index)
    size = Size(int(firms), int(months), int(burnin))
    require_memory_for_panel(size)
    values = _calibration(model, calibration)
    solution = chosen.solve(chosen.parameters(values))
    simulation = chosen.simulate(solution, size, Streams(int(seed), model, int(index)))
    simulation = replace(
        simulation,
        months=watched(simulation.months, size.burnin + size.months, model, progress),
    )
    panel = Panel.collect(chosen.layout, simulation)
    return SimulatedPanel(
        **{f.name: getattr(panel, f.name) for f in fields(Panel)},
        economy=chosen,
        size=size,
        solution=solution,
        seed=int(seed),
        index=int(index),
    )


@dataclass(frozen=True, eq=False, repr=False)
class Trial:
    """A simulated panel in memory with its truth.

    Parameters
    ----------
    model : str
        Name of the economy.
    panel : Panel
    moments : tuple of Moments
        Of the months after the first full window.
    window : int
    seed, index : int
    """

    model: str
    panel: Panel
    moments: tuple[Moments, ...]
    window: int
    seed: int
    index: int

    @classmethod
    def simulate(
        cls,
        model: str,
        size: Size,
        window: int,
        seed: int = SEED,
        index: int = 0,
        calibration: Mapping[str, Any] | None = None,
    ) -> "Trial":
        """Simulate a panel of an economy and compute its moments.

        Parameters
        ----------
        model : str
        size : Size
        window : int
            Months of the window, fewer than those of the panel.
        seed, index : int
        calibration : mapping, optional
            Values of parameters that differ from the shipped calibration.
        """
        _require_whole(firms=size.firms, months=size.months, burnin=size.burnin, window=window)
        if window >= size.months:
            raise ConfigError(
                f"window is {window}: must be at least 2 and below months, {size.months}"
            )
        panel = simulate(model, size.firms, size.months, size.burnin, seed, index, calibration)
        moments = tuple(panel.moments(size.start + window))
        return cls(model, panel, moments, window, seed, index)

    def __repr__(self) -> str:
        return f"<Trial: {self.panel!r}, windows of {self.window} months>"

    def setting(self, name: str) -> Setting:
        """Return what a method called ``name`` is told before the first month."""
        generator = Streams(self.seed, self.model, self.index).method(name)
        return Setting(economy(self.model).characteristics, self.window, ALPHAS, generator)

    def judge(self, method: Any, name: str = "method") -> Any:
        """Return every portfolio of a fresh method, one row each, as :func:`judge` does."""
        from truepremia.judgement.leaderboard import KNOWS_THE_FUTURE, panel_rows

        verdict = judge_panel(
            method, self.panel.cross_sections(), self.moments, self.setting(name), name
        )
        verdict.require_formed(name)
        stats = {field: getattr(verdict.statistics, field) for field in _STATISTICS}
        attainable = {m.month: m.max_sharpe() for m in self.moments}
        panel_id = f"{self.model}_{self.index}"
        rows = panel_rows(self.model, panel_id, name, stats, attainable)
        luck = rows["luck_sum"] / rows["luck_months"].clip(lower=1) ** 0.5
        rows = rows.assign(luck=luck, knows_the_future=luck.abs() > KNOWS_THE_FUTURE)
        return rows.drop(columns=["luck_sum", "luck_months"]).assign(truth=uses_truth(method))


_STATISTICS = ("month", "variant", "choice", "alpha", "stdev", "mean", "xret", "hjd")


def judge(
    model: str,
    method: Any,
    firms: int = 1000,
    months: int = 720,
    burnin: int = 300,
    window: int | None = None,
    seed: int = SEED,
    index: int = 0,
    calibration: Mapping[str, Any] | None = None,
) -> Any:
    """Judge a method by the truth of a simulated panel.

    Parameters
    ----------
    model : str
        Name of an economy, such as "bgn".
    method : Method or FactorMethod
        A fresh object.
    firms, months, burnin : int
        Size of the panel.
    window : int, optional
        Months of past returns behind a month's portfolio; half of the months, at most 360, where
        nothing is given.
    seed, index : int
        Which panel.
    calibration : mapping, optional
        Values of parameters that differ from the shipped calibration.

    Returns
    -------
    DataFrame
        One row for each variant, choice and penalty: means over judged months of ``sharpe``,
        ``attainable``, ``share``, ``hjd`` and ``hjd_none`` (of holding nothing), their medians,
        ``luck`` and ``knows_the_future``.

    Raises
    ------
    MethodError
        If the method breaks its contract.
    """
    if window is None:
        _require_whole(months=months)
        window = max(2, min(360, months // 2))
    size = Size(firms, months, burnin)
    trial = Trial.simulate(model, size, window, seed, index, calibration)
    return trial.judge(method, type(method).__name__)


def trials(size: Size, window: int) -> Iterator[Trial]:
    """Yield a small panel of every economy."""
    from truepremia.economies.registry import ECONOMIES

    for name in ECONOMIES:
        yield Trial.simulate(name, size, window)


_LEAST = {"firms": 2, "months": 1, "burnin": 13, "seed": 0, "index": 0, "window": 2}


def _require_whole(**given: Any) -> None:
    wrong = [
        f"{name} is {value!r}: must be a whole number of at least {_LEAST[name]}"
        for name, value in given.items()
        if isinstance(value, bool) or not isinstance(value, Integral) or value < _LEAST[name]
    ]
    if wrong:
        raise ConfigError("; ".join(wrong))


def _calibration(model: str, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the shipped calibration with the values that are given; of others these alone."""
    if not isinstance(given, Mapping | None):
        raise ConfigError(
            f"calibration is {shortened(repr(given), 60)}: must be a mapping of parameters to "
            "numbers, for example {'mean_rate': 0.004}"
        )
    if model not in SHIPPED:
        return dict(given or {})
    content = read_yaml(ROOT / "config" / "economies" / f"{model}.yaml")
    return {name: entry["value"] for name, entry in content.items()} | dict(given or {})
