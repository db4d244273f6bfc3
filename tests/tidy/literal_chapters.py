"""The recipes written operation by operation in pandas, to compare with; slow on purpose.

``seed2023`` follows the chapter of 2023, ``book2026`` the present one, with what pandas 3 and
numpy 2 need (``np.inf``; groups keep their key) and without joins of missing identifiers.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

ONE_MONTH, SEVEN_MONTHS = pd.DateOffset(months=1), pd.DateOffset(months=7)


@dataclass(frozen=True)
class Literal:
    """Assignments by permno and sorting date, factors by month."""

    assignments: pd.DataFrame
    factors: pd.DataFrame


def assign_portfolio(data, sorting_variable, percentiles, right):
    breakpoints = data.query("exchange == 'NYSE'").get(sorting_variable)
    breakpoints = breakpoints.quantile(percentiles, interpolation="linear")
    breakpoints.iloc[0] = -np.inf
    breakpoints.iloc[-1] = np.inf
    return pd.cut(
        data[sorting_variable],
        bins=breakpoints,
        labels=list(range(1, breakpoints.size)),
        include_lowest=True,
        right=right,
    ).astype(int)


def sorting_date_of(month):
    year = month.dt.year - (month.dt.month <= 6)
    return pd.to_datetime(year.astype(str) + "0701", format="%Y%m%d")


def in_groups(data, keys, right, **sorts):
    """Assign portfolios within every group of ``keys``."""
    parts = []
    for _, group in data.groupby(keys):
        columns = {
            name: assign_portfolio(group, variable, percentiles, right)
            for name, (variable, percentiles) in sorts.items()
        }
        parts.append(group.assign(**columns))
    return pd.concat(parts, ignore_index=True)


def value_weighted(data, keys):
    def of(x):
        return pd.Series({"ret": np.average(x["ret_excess"], weights=x["mktcap_lag"])})

    return data.groupby(keys).apply(of, include_groups=False).reset_index()


def spread(returns, name, column, long, short):
    def of(x):
        return x["ret"][x[column] == long].mean() - x["ret"][x[column] == short].mean()

    return returns.groupby("month").apply(of, include_groups=False).rename(name)


def market_equity(crsp):
    june = crsp.query("month.dt.month == 6")
    june = june.assign(sorting_date=june["month"] + ONE_MONTH)
    december = crsp.query("month.dt.month == 12")
    december = december.assign(sorting_date=december["month"] + SEVEN_MONTHS)
    return june.rename(columns={"mktcap": "me_ff"}), december.rename(columns={"mktcap": "bm_me"})


def book_to_market(accounts, december):
    following = (accounts["datadate"].dt.year + 1).astype(str) + "0701"
    return (
        accounts.assign(sorting_date=pd.to_datetime(following, format="%Y%m%d"))
        .rename(columns={"be": "bm_be"})
        .merge(december, how="inner", on=["gvkey", "sorting_date"])
        .assign(bm_ff=lambda x: x["bm_be"] / x["bm_me"])
    )


def seed2023(crsp, accounts) -> Literal:
    columns = ["permno", "gvkey", "month", "ret_excess", "mktcap", "mktcap_lag", "exchange"]
    data = crsp[columns].dropna()
    book_equity = accounts[["gvkey", "datadate", "be"]].dropna()
    june, december = market_equity(data)
    me_ff = june[["permno", "sorting_date", "me_ff"]]
    december = december[["permno", "gvkey", "sorting_date", "bm_me"]]
    bm_ff = book_to_market(book_equity, december)[["permno", "sorting_date", "bm_ff"]]
    variables = me_ff.merge(bm_ff, how="inner", on=["permno", "sorting_date"])
    traded = variables.merge(
        data, how="inner", left_on=["permno", "sorting_date"], right_on=["permno", "month"]
    )
    assigned = in_groups(
        traded,
        "sorting_date",
        True,
        portfolio_me=("me_ff", [0, 0.5, 1]),
        portfolio_bm=("bm_ff", [0, 0.3, 0.7, 1]),
    )[["permno", "sorting_date", "portfolio_me", "portfolio_bm"]]
    july = data["month"].apply(
        lambda x: str(x.year - 1) + "0701" if x.month <= 6 else str(x.year) + "0701"
    )
    held = data.assign(sorting_date=pd.to_datetime(july)).merge(
        assigned, how="inner", on=["permno", "sorting_date"]
    )
    returns = value_weighted(held, ["portfolio_me", "portfolio_bm", "month"])
    smb = spread(returns, "smb", "portfolio_me", 1, 2)
    hml = spread(returns, "hml", "portfolio_bm", 3, 1)
    return Literal(assigned, pd.concat([smb, hml], axis=1))


def book_sorting_variables(crsp, accounts, columns):
    june, december = market_equity(crsp)
    size = june[["permno", "exchange", "sorting_date", "me_ff"]]
    december = december.dropna(subset="gvkey")[["permno", "gvkey", "sorting_date", "bm_me"]]
    other = book_to_market(accounts.query("be > 0"), december)
    other = other[["permno", "sorting_date", "bm_ff", *columns]]
    variables = size.merge(other, how="inner", on=["permno", "sorting_date"])
    return variables.dropna().drop_duplicates(subset=["permno", "sorting_date"])


def book_returns(crsp, assigned):
    held = crsp.assign(sorting_date=sorting_date_of(crsp["month"]))
    held = held.dropna(subset=["ret_excess", "mktcap_lag"])
    return held.merge(assigned, how="inner", on=["permno", "sorting_date"])


def book2026(crsp, accounts) -> Literal:
    assigned = in_groups(
        book_sorting_variables(crsp, accounts, []),
        "sorting_date",
        False,
        portfolio_me=("me_ff", [0, 0.5, 1]),
        portfolio_bm=("bm_ff", [0, 0.3, 0.7, 1]),
    )[["permno", "sorting_date", "portfolio_me", "portfolio_bm"]]
    returns = value_weighted(
        book_returns(crsp, assigned), ["portfolio_me", "portfolio_bm", "month"]
    )
    smb = spread(returns, "smb", "portfolio_me", 1, 2)
    hml = spread(returns, "hml", "portfolio_bm", 3, 1)
    return Literal(assigned, pd.concat([smb, hml], axis=1))


def book2026_five_factors(crsp, accounts, how) -> Literal:
    variables = book_sorting_variables(crsp, accounts, ["op", "inv"])
    by_size = in_groups(variables, "sorting_date", False, portfolio_me=("me_ff", [0, 0.5, 1]))
    keys = ["sorting_date", "portfolio_me"] if how == "dependent" else "sorting_date"
    tercile = [0, 0.3, 0.7, 1]
    assigned = in_groups(
        by_size,
        keys,
        False,
        portfolio_bm=("bm_ff", tercile),
        portfolio_op=("op", tercile),
        portfolio_inv=("inv", tercile),
    )
    names = ["portfolio_me", "portfolio_bm", "portfolio_op", "portfolio_inv"]
    assigned = assigned[["permno", "sorting_date", *names]]
    held = book_returns(crsp, assigned)
    returns = {name: value_weighted(held, ["portfolio_me", name, "month"]) for name in names[1:]}
    factors = [
        spread(pd.concat(list(returns.values())), "smb_ff5", "portfolio_me", 1, 2),
        spread(returns["portfolio_bm"], "hml_ff5", "portfolio_bm", 3, 1),
        spread(returns["portfolio_op"], "rmw", "portfolio_op", 3, 1),
        spread(returns["portfolio_inv"], "cma", "portfolio_inv", 1, 3),
    ]
    return Literal(assigned, pd.concat(factors, axis=1))
