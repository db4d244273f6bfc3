"""Unit and meaning of the columns of all tables that economies and methods share.

An economy describes the columns of its own tables in its own package, the empirical track its
stores in ``tidy``; every description stands in the file that it describes.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """Unit and meaning of a column of a table, and the factor that is built from it.

    Parameters
    ----------
    unit, meaning : str
    factor : str
        Name of the factor of a characteristic; empty for the column's own name.
    """

    unit: str
    meaning: str
    factor: str = ""


PANEL_COLUMNS = {
    "month": Column("month", "month at whose end the row is known, starting at the burn-in"),
    "firmid": Column("", "firm identifier, 0..N-1"),
    "xret": Column("per month", "simple return from t to t+1 minus the riskless return"),
    "mve": Column("value", "market value of equity at t, ex dividend"),
    "size": Column("log value", "log of mve", "smb"),
    "bm": Column("ratio", "book value over market value at t", "hml"),
    "agr": Column("rate", "growth of book value from t-1 to t", "cma"),
    "roe": Column("rate", "cash flow over lagged book value", "rmw"),
    "mom": Column(
        "return", "simple return from t-12 to t-1, 11 months, skipping the latest", "umd"
    ),
    "no_capital": Column("flag", "the firm has no capital in place at t"),
}
"""Columns that panels of several economies share; loadings are described as they are needed."""

LOADINGS = {"taylor": "Taylor", "proj": "projection"}
"""Kinds of loadings."""

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")


def factor_of(characteristic: str) -> str:
    """Return the name of the factor that is built from a characteristic."""
    shared = PANEL_COLUMNS.get(characteristic)
    return shared.factor or characteristic if shared else characteristic


def loading_columns(method: str, shocks: int) -> tuple[str, ...]:
    """Return the panel columns of the loadings by ``method`` on ``shocks`` aggregate shocks."""
    return tuple(f"A_{k}_{method}" for k in range(1, shocks + 1))


def loading_descriptions(method: str, shocks: int) -> dict[str, Column]:
    """Return unit and meaning of :func:`loading_columns`."""
    return {
        name: Column(
            "return per s.d.", f"loading on the {_ordinal(k)} aggregate shock, {LOADINGS[method]}"
        )
        for k, name in enumerate(loading_columns(method, shocks), start=1)
    }


def _ordinal(k: int) -> str:
    return _ORDINALS[k - 1] if k <= len(_ORDINALS) else f"{k}th"


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

_PORTFOLIO_COLUMNS = {
    "month": STATISTICS_COLUMNS["month"],
    "variant": Column("", "which of the method's portfolios, empty if it has one"),
    "choice": Column("", "alpha, loo or own: how the ridge penalty was chosen"),
    "alpha": Column("1", "ridge penalty per month of the window, missing unless choice is alpha"),
}
VERDICT_COLUMNS = {
    **_PORTFOLIO_COLUMNS,
    **{name: STATISTICS_COLUMNS[name] for name in ("stdev", "mean", "xret", "hjd")},
}
REALISED_COLUMNS = {
    **_PORTFOLIO_COLUMNS,
    "xret": STATISTICS_COLUMNS["xret"],
    "turnover": Column("1", "sum of absolute changes of the weights since the month before"),
}
