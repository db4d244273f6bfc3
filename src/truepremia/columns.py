"""Unit and meaning of the columns of all tables that economies and methods share.

An economy describes the columns of its own tables in its own package, the empirical track its
stores in ``tidy``; every description stands in the file that it describes.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """Unit and meaning of a column of a table."""

    unit: str
    meaning: str


PANEL_COLUMNS = {
    "month": Column("month", "month at whose end the row is known, starting at the burn-in"),
    "firmid": Column("", "firm identifier, 0..N-1"),
    "xret": Column("per month", "simple return from t to t+1 minus the riskless return"),
    "mve": Column("value", "market value of equity at t, ex dividend"),
    "size": Column("log value", "log of mve"),
    "bm": Column("ratio", "book value over market value at t"),
    "agr": Column("rate", "growth of book value from t-1 to t"),
    "roe": Column("rate", "cash flow over lagged book value"),
    "mom": Column("return", "simple return from t-12 to t-1, 11 months, skipping the latest"),
    "mkt_lev": Column("ratio", "debt coupon over market value of equity at t"),
    "market_leverage": Column("share", "market value of debt over that of debt and equity at t"),
    "no_capital": Column("flag", "the firm has no capital in place at t"),
    "A_1_taylor": Column("return per s.d.", "loading on the first aggregate shock, Taylor"),
    "A_2_taylor": Column("return per s.d.", "loading on the second aggregate shock, Taylor"),
    "A_1_proj": Column("return per s.d.", "loading on the first aggregate shock, projection"),
    "A_2_proj": Column("return per s.d.", "loading on the second aggregate shock, projection"),
}
"""Columns that panels of every economy share."""


def loading_columns(method: str, shocks: int) -> tuple[str, ...]:
    """Return the panel columns of the loadings by ``method`` on ``shocks`` aggregate shocks."""
    return tuple(f"A_{k}_{method}" for k in range(1, shocks + 1))


MOMENT_COLUMNS = {
    "month": Column("month", "month at whose end the moments are known"),
    "firmid": Column("", "firm identifier"),
    "mean": Column("per month", "conditional mean of the excess return from t to t+1"),
    "residual": Column("per month squared", "d, conditional variance independent across firms"),
    "exposure": Column("per month", "row of F, exposure to common shocks of unit variance"),
    "riskfree": Column("per month", "simple net riskless return from t to t+1"),
}

SDF_COLUMNS = {
    "month": Column("month", "month at whose end everything but realisations is known"),
    "max_sr": Column("per month", "maximal conditional Sharpe ratio"),
    "sdf_ret": Column("per month", "realised excess return of the SDF portfolio, t to t+1"),
    "sdf": Column("1", "realised discount factor from t to t+1"),
    "euler_error": Column("1", "largest |E_t[m R] - 1| over all firms"),
}


STATISTICS_COLUMNS = {
    "month": Column("month", "month at whose end the portfolio is formed"),
    "method": Column("", "factor method"),
    "alpha": Column("1", "ridge penalty per month of the window"),
    "stdev": Column("per month", "conditional standard deviation of the excess return"),
    "mean": Column("per month", "conditional mean of the excess return"),
    "xret": Column("per month", "realised excess return from t to t+1"),
    "hjd": Column("1", "conditional Hansen-Jagannathan distance of 1 - w'r"),
}
