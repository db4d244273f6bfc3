"""What an economy looks like: moments of a simulated population of firms."""

from collections.abc import Callable, Mapping

import numpy as np

from truepremia.economies.gs21.dynamics import Snapshot, productivity_path, snapshots
from truepremia.economies.gs21.month import Tables
from truepremia.economies.gs21.parameters import Params
from truepremia.panel import Size
from truepremia.seeds import Streams
from truepremia.typing import Array

MONTHS_PER_YEAR = 12

EVENTS: Mapping[str, str] = {
    "coupon_choice": "no firm of the portrait refinances",
    "credit_spread_per_year": "no firm of the portrait has debt",
    "credit_spread_median_per_year": "no firm of the portrait has debt",
    "default_correlation_with_x": "no firm of the portrait defaults",
}
"""Moments of events that may never happen, and what it means if they are missing."""


def portrait(tables: Tables, size: Size, streams: Streams) -> Mapping[str, float]:
    """Simulate an economy and return its moments.

    Parameters
    ----------
    tables : Tables
    size : Size
    streams : Streams

    Returns
    -------
    mapping
        Means over firm-months; per cent are written as shares (0.01 is one per cent).
        Leverage is debt over debt plus equity, the spread
        12 [ln(1 + next month's expected coupon / debt) - r], the market is weighted by value.
        Moments without any observation, such as those of defaults that never happen, are left out.
    """
    path = productivity_path(tables.params, size.burnin + size.months, streams.aggregate())
    rows: list[dict[str, float]] = []
    weights = np.zeros(size.firms)
    for date, firms in snapshots(tables, size, streams, path):
        if date > size.start and firms.gross is not None:
            rows[-1] |= _realised(firms, weights)
        if size.start <= date <= size.end:
            weights = firms.capital * firms.price
            rows.append(_known(tables.params, firms, weights))
    series = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    mean = {name: _average(values, np.mean) for name, values in series.items()}
    mean["market_volatility_per_year"] = float(
        np.sqrt(MONTHS_PER_YEAR) * series["market_return"].std(ddof=1)
    )
    mean["default_correlation_with_x"] = _yearly_correlation(
        series["defaults_per_year"], path[size.start : size.end + 1]
    )
    return {n: value for n, value in mean.items() if np.isfinite(value) or n not in EVENTS}


def _known(params: Params, firms: Snapshot, weights: Array) -> dict[str, float]:
    chosen = firms.firms
    price, debt, payoff, _, _ = chosen.outlook()
    p, g = chosen.investment.probability, params.investment_growth
    coupon = (1 - p) * chosen.coupon_stay + p * g * chosen.coupon_grow
    premium = payoff / price - np.exp(params.riskless_rate)
    levered = coupon > 0
    spread = np.log1p(coupon[levered] / debt[levered]) - params.riskless_rate
    return {
        "market_leverage": float(np.mean(debt / (debt + price))),
        "coupon": float(firms.coupon.mean()),
        "coupon_choice": _average(chosen.coupon_stay[firms.refinances], np.mean),
        "credit_spread_per_year": MONTHS_PER_YEAR * _average(spread, np.mean),
        "credit_spread_median_per_year": MONTHS_PER_YEAR * _average(spread, np.median),
        "investments_per_year": float(MONTHS_PER_YEAR * p.mean()),
        "premium_per_month": float(premium.mean()),
        "market_premium_per_year": float(MONTHS_PER_YEAR * (weights @ premium) / weights.sum()),
        "size_sd": float(np.log(weights).std()),
        "log_bm_sd": float(np.log(price).std()),
    }


def _realised(firms: Snapshot, weights: Array) -> dict[str, float]:
    gross = np.asarray(firms.gross)
    return {
        "defaults_per_year": float(MONTHS_PER_YEAR * firms.entered.mean()),
        "return_sd_per_month": float(gross.std()),
        "market_return": float(weights @ gross / weights.sum()),
    }


def _average(values: Array, statistic: Callable[[Array], Array]) -> float:
    """Return the mean or median of the values there are, NaN if there are none."""
    there = values[~np.isnan(values)]
    return float(statistic(there)) if len(there) else np.nan


def _yearly_correlation(defaults: Array, x: Array) -> float:
    """Return the correlation of yearly means, NaN without any default."""
    years = len(x) // MONTHS_PER_YEAR
    yearly = [v[: years * MONTHS_PER_YEAR].reshape(years, -1).mean(axis=1) for v in (defaults, x)]
    if years < 3 or not yearly[0].std() > 0:
        return np.nan
    return float(np.corrcoef(*yearly)[0, 1])
