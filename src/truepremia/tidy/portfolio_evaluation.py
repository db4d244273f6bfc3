"""How close portfolios of a store come to French's own: every one by the regression of the factors.

French's returns are raw, so the riskless return of the month is taken from them first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from truepremia.errors import DataError
from truepremia.tidy.evaluation import FEW_MONTHS, Fit, fit_of
from truepremia.tidy.french_files import PortfolioFile
from truepremia.tidy.pairs import DECIMALS

NAMES: Mapping[str, tuple[str, ...]] = {
    "terciles": ("Lo 30", "Med 40", "Hi 30"),
    "quintiles": ("Lo 20", "Qnt 2", "Qnt 3", "Qnt 4", "Hi 20"),
    "deciles": ("Lo 10", *(f"Dec {k}" for k in range(2, 10)), "Hi 10"),
}
"""French's names of the portfolios of every sort, from the lowest."""

WEIGHTS = {"value": "ret_vw", "equal": "ret_ew"}
POOR_R2 = 0.95
COUNTS_APART, EDGES_APART = 0.1, 0.1


@dataclass(frozen=True)
class PortfolioFit:
    """One portfolio's regression in one sample, with mean numbers of stocks and firms."""

    weights: str
    sort: str
    portfolio: str
    sample: str
    fit: Fit
    stocks: float
    firms: float


@dataclass(frozen=True)
class PortfolioEvaluation:
    """The evaluation of all portfolios.

    Parameters
    ----------
    fits : tuple of PortfolioFit
        All months first, then by decade.
    edges : DataFrame
        ``decade``, ``probability``, mean ``replicated`` and ``published`` breakpoint; no rows if
        French's breakpoints were not given.
    diagnosis : tuple of str
        Sentences.
    """

    fits: tuple[PortfolioFit, ...]
    edges: pd.DataFrame
    diagnosis: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row for every portfolio and sample."""
        rows = [
            {k: v for k, v in vars(found).items() if k != "fit"} | asdict(found.fit)
            for found in self.fits
        ]
        return pd.DataFrame(rows)

    def to_mapping(self) -> dict[str, Any]:
        """Return the evaluation in builtin types, None where a number is undefined."""
        return {
            "portfolios": [
                {
                    **{k: _known(v) for k, v in vars(found).items() if k != "fit"},
                    **found.fit.to_mapping(),
                }
                for found in self.fits
            ],
            "breakpoints": [
                {k: _known(v) for k, v in row.items()} for row in self.edges.to_dict("records")
            ],
            "diagnosis": list(self.diagnosis),
        }

    def to_text(self) -> str:
        """Return the R2 and slope of every portfolio over all months, and the diagnosis."""
        lines = [f"{'weights':8s}{'portfolio':12s}{'months':>8s}{'R2':>9s}{'slope':>9s}{'a':>10s}"]
        lines += [
            f"{f.weights:8s}{f.portfolio:12s}{f.fit.months:8d}{f.fit.r2:9.4f}{f.fit.slope:9.4f}"
            f"{f.fit.intercept:10.4f}"
            for f in self.fits
            if f.sample == "all"
        ]
        return "\n".join([*lines, "", *self.diagnosis]) + "\n"


def evaluate_portfolios(
    replicated: pd.DataFrame,
    published: PortfolioFile,
    riskless: "pd.Series[float]",
    edges: pd.DataFrame,
    french_edges: pd.DataFrame | None = None,
) -> PortfolioEvaluation:
    """Compare portfolios on operating profitability with French's.

    Parameters
    ----------
    replicated : DataFrame
        ``month``, ``sort``, ``portfolio``, ``ret_vw``, ``ret_ew`` (excess) and ``stocks``.
    published : PortfolioFile
    riskless : Series
        By month, decimals.
    edges : DataFrame
        Breakpoints of the replication: ``period`` (July of the sorting year), ``sort``,
        ``probability`` and ``value``.
    french_edges : DataFrame, optional
        French's, by year with his percentiles as columns.

    Raises
    ------
    DataError
        If no portfolio has a name of French's, or none has enough months in common.
    """
    fits = [
        found
        for weights in published.returns
        for sort, names in NAMES.items()
        for number, name in enumerate(names, start=1)
        if name in published.returns[weights]
        for found in _fits(replicated, published, riskless, weights, sort, (number, name))
    ]
    if not fits:
        columns = ", ".join(next(iter(published.returns.values())).columns[:8])
        raise DataError(
            f"the portfolios of the file ({columns}, ...) are not those on operating profitability "
            f"(such as Lo 30 and Hi 10), or have no month in common with the store; give "
            "Portfolios_Formed_on_OP"
        )
    compared = _compared(edges, french_edges)
    return PortfolioEvaluation(tuple(fits), compared, tuple(_diagnosis(fits, compared)))


def riskless_of(published: pd.DataFrame) -> "pd.Series[float]":
    """Return the riskless return by month of a store's published factors.

    Raises
    ------
    DataError
        If the store has none.
    """
    if "rf" not in published:
        raise DataError(
            "French's portfolio returns are raw and the store has no riskless return (rf or "
            "risk_free) to take from them; add it to the published factors"
        )
    return published.set_index("month")["rf"].dropna()


def _fits(
    replicated: pd.DataFrame,
    published: PortfolioFile,
    riskless: "pd.Series[float]",
    weights: str,
    sort: str,
    portfolio: tuple[int, str],
) -> list[PortfolioFit]:
    """Return the regressions of one portfolio, over all months and by decade."""
    number, name = portfolio
    chosen = (replicated["sort"] == sort) & (replicated["portfolio"] == number)
    ours = replicated[chosen].set_index("month")
    theirs = (published.returns[weights][name] - riskless).dropna()
    series = {"published": theirs, "replicated": ours[WEIGHTS[weights]]}
    pair = pd.concat(series, axis="columns", join="inner").dropna().sort_index().round(DECIMALS)
    if not len(pair):
        return []
    decade = pd.DatetimeIndex(pair.index).year // 10 * 10
    samples = {"all": pair} | {f"{d}s": part for d, part in pair.groupby(decade)}
    firms = published.firms[name] if published.firms is not None else pd.Series(dtype=float)
    return [
        PortfolioFit(
            weights=weights,
            sort=sort,
            portfolio=name,
            sample=sample,
            fit=fit_of(f"{sort} {name}", part),
            stocks=float(ours["stocks"].reindex(part.index).mean()),
            firms=float(firms.reindex(part.index).mean()),
        )
        for sample, part in samples.items()
    ]


def _compared(edges: pd.DataFrame, french_edges: pd.DataFrame | None) -> pd.DataFrame:
    """Return mean breakpoints of both by decade and probability."""
    columns = ["decade", "probability", "replicated", "published"]
    if french_edges is None:
        return pd.DataFrame(columns=columns)
    ours = edges.assign(year=pd.DatetimeIndex(edges["period"]).year)
    ours = ours.drop_duplicates(["year", "probability"])
    ours = ours.assign(percent=(100 * ours["probability"]).round().astype(int))
    theirs = french_edges.drop(columns="firms").reset_index()
    theirs = theirs.melt("year", var_name="percent", value_name="published")
    theirs["percent"] = theirs["percent"].astype(int)
    both = ours.merge(theirs, on=["year", "percent"]).rename(columns={"value": "replicated"})
    both["decade"] = (both["year"] // 10 * 10).astype(str) + "s"
    means = both.groupby(["decade", "probability"], as_index=False)
    return means[["replicated", "published"]].mean()[columns]


def _diagnosis(fits: Sequence[PortfolioFit], edges: pd.DataFrame) -> list[str]:
    """Say which portfolios fit, and whether counts and breakpoints explain those that do not."""
    whole = [found for found in fits if found.sample == "all"]
    said = []
    for weights in dict.fromkeys(found.weights for found in whole):
        r2 = {f.portfolio: f.fit.r2 for f in whole if f.weights == weights}
        poor = [f"{name} ({value:.3f})" for name, value in r2.items() if value < POOR_R2]
        said.append(
            f"{weights} weights: {len(r2) - len(poor)} of {len(r2)} portfolios have R2 of at least "
            f"{POOR_R2}" + (f"; not {', '.join(poor)}" if poor else "")
        )
    short = [f for f in whole if f.fit.months < FEW_MONTHS]
    if short:
        said.append(f"only {short[0].fit.months} months are in common, estimates are imprecise")
    said += _counts(fits)
    if len(edges):
        apart = np.abs(edges["replicated"] - edges["published"])
        scale = edges.groupby("decade")["published"].transform(lambda x: x.max() - x.min())
        far = edges[apart > EDGES_APART * scale.where(scale > 0, np.inf)]
        where = ", ".join(f"{r.decade} at {r.probability:.0%}" for r in far.itertuples())
        said.append(
            f"breakpoints lie more than {EDGES_APART:.0%} of their range apart: {where}"
            if len(far)
            else "breakpoints agree with French's"
        )
    return said


def _counts(fits: Sequence[PortfolioFit]) -> list[str]:
    """Say in which decades the number of stocks differs from French's number of firms."""
    frame = pd.DataFrame(
        {"sample": f.sample, "sort": f.sort, "stocks": f.stocks, "firms": f.firms}
        for f in fits
        if f.sample != "all" and f.weights == fits[0].weights and f.sort == fits[0].sort
    )
    if frame.empty or frame["firms"].isna().all():
        return []
    total = frame.groupby("sample")[["stocks", "firms"]].sum()
    ratio = total["stocks"] / total["firms"]
    apart = [f"{d} {r:.2f}" for d, r in ratio.items() if abs(r - 1) > COUNTS_APART]
    if apart:
        return [f"stocks per firm of French's differ from 1 in: {', '.join(apart)}"]
    return ["numbers of stocks agree with French's"]


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
