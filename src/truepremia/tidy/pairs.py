"""Published and replicated factors on their common months, with the decimals of the data."""

import pandas as pd

FACTORS = (
    "smb",
    "hml",
    "mkt_excess",
    "smb_ff5",
    "hml_ff5",
    "rmw",
    "cma",
    "umd",
    "st_rev",
    "lt_rev",
)
"""Factors that are evaluated if both tables have them; the first two must be there."""

REQUIRED = FACTORS[:2]

DECIMALS = 4
"""Precision of the published data."""


def factors_of(replicated: pd.DataFrame, published: pd.DataFrame) -> list[str]:
    """Return the factors that both tables have, in the order of ``FACTORS``."""
    return [name for name in FACTORS if name in replicated and name in published]


def common_months(name: str, replicated: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Return the rounded series of one factor in the months in which both have a value.

    Returns
    -------
    DataFrame
        ``published`` and ``replicated`` by month, ascending.
    """
    pair = {
        "published": published.set_index("month")[name],
        "replicated": replicated.set_index("month")[name],
    }
    return pd.DataFrame(pair).dropna().sort_index().round(DECIMALS)


def coefficient(value: float) -> str:
    """Return a number with the decimals of the data, never as -0.0000."""
    return f"{round(value, DECIMALS) + 0.0:.{DECIMALS}f}"
