"""The laboratory from Python: one method judged on one simulated panel, in memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from truepremia.economies.registry import economy
from truepremia.errors import ConfigError
from truepremia.judgement.engine import judge as judge_panel
from truepremia.methods.contract import Setting, uses_truth
from truepremia.moments import Moments
from truepremia.panel import Panel, Size
from truepremia.seeds import Streams
from truepremia.workflow.documents import read_yaml
from truepremia.workflow.place import ROOT

SEED = 20260101
ALPHAS = (0.0, 1e-4, 1e-3, 1e-2, 0.05, 0.1, 1.0)


@dataclass(frozen=True, eq=False)
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
            Parameter values; the shipped ones where nothing is given.
        """
        if not 2 <= window < size.months:
            raise ConfigError(
                f"window is {window}: must be at least 2 and below months, {size.months}"
            )
        chosen = economy(model)
        values = _shipped(model) if calibration is None else calibration
        solution = chosen.solve(chosen.parameters(values))
        simulation = chosen.simulate(solution, size, Streams(seed, model, index))
        panel = Panel.collect(chosen.layout, simulation)
        states = chosen.states(solution, panel.aggregates, panel.states, size.firms)
        judged = (s for s in states if s.month >= size.start + window)
        moments = tuple(chosen.moments(solution, state) for state in judged)
        return cls(model, panel, moments, window, seed, index)

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
        Parameter values; the shipped ones where nothing is given.

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
    window = min(360, months // 2) if window is None else window
    size = Size(firms, months, burnin)
    trial = Trial.simulate(model, size, window, seed, index, calibration)
    return trial.judge(method, type(method).__name__)


def trials(size: Size, window: int) -> Iterator[Trial]:
    """Yield a small panel of every economy."""
    from truepremia.economies.registry import ECONOMIES

    for name in ECONOMIES:
        yield Trial.simulate(name, size, window)


def _shipped(model: str) -> dict[str, Any]:
    content = read_yaml(ROOT / "config" / "economies" / f"{model}.yaml")
    return {name: entry["value"] for name, entry in content.items()}
