"""Read any edition of a Tidy-Finance store into one form, refusing what does not fit.

Editions differ in the names of tables and columns and in how they store dates and company
identifiers (docs/replication.md). Where a store has several candidates for one table or column,
the choice follows a stated rule and is said; an optional table at fault is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from truepremia.errors import DataError
from truepremia.tidy.editions import evidence_of, judged
from truepremia.tidy.layouts import LAYOUTS, Choice, Layout, table_names
from truepremia.tidy.loading import Loaded, load
from truepremia.tidy.sources import Source, opened
from truepremia.tidy.tables import Accounts, Stocks, dates, year_of
from truepremia.tidy.values import french_codes
from truepremia.typing import Array

STOCK_VARIABLES = ("ret", "retx", "permco")
"""Optional columns of the stocks, and any that are asked for."""

_PERCENT = 0.2
_PERCENT_OF_STOCKS = 0.6
_IMPOSSIBLE_FACTOR = 1.0
_LEAST_RETURN, _LARGE_RETURN = -2.0, 100.0
_LAG_DIFFERS, _LAG_SHARE = 1e-6, 0.01
_DAYS_APART, _APART_SHARE = (4, 25), 0.02
_FIRST_OF_MONTH = 0.5


@dataclass(frozen=True, eq=False)
class Store:
    """A store as it was read.

    Parameters
    ----------
    stocks : Stocks
    variables : mapping of str to array, shape (n,)
        Optional columns of the stocks, row for row.
    accounts : Accounts
    published : mapping of str to array, shape (M,)
        ``month`` (datetime64[D], ascending), ``smb``, ``hml`` and whichever other published
        factors there are; five-factor ``smb`` and ``hml`` as ``smb_ff5`` and ``hml_ff5``.
    report : mapping
        ``source``, ``edition``, the ``profile`` that fits it, rows and missing values by table
        (``counts``), ``first_month``, ``last_month`` and ``warnings``.
    """

    stocks: Stocks
    variables: Mapping[str, Array]
    accounts: Accounts
    published: Mapping[str, Array]
    report: Mapping[str, Any]


def read_store(path: str | Sequence[str], choice: Choice | None = None) -> Store:
    """Read a store.

    Parameters
    ----------
    path : str or sequence of str
        A SQLite or DuckDB file, a folder of Parquet files, or those files.
    choice : Choice, optional

    Raises
    ------
    DataError
        Naming store, table, column and remedy of the first thing that does not fit.
    """
    choice = choice or Choice()
    layouts = choice.layouts()
    with opened(path, choice.busy_timeout, table_names(choice.tables)) as source:
        candidates = _candidates(source, layouts, choice.tables)
        crsp = _loaded(source, layouts["stocks"], candidates["stocks"], choice.coerce, _rows)
        months = np.unique(crsp.months("month"))
        compustat = _loaded(
            source, layouts["accounts"], candidates["accounts"], choice.coerce, _years_in(months)
        )
        three = _loaded(
            source,
            layouts["three_factors"],
            candidates["three_factors"],
            choice.coerce,
            _months_in(months),
        )
        loaded = [crsp, compustat, three]
        stocks, variables = _stocks(crsp)
        accounts, published = _accounts(compustat), _published(three)
        five = _five_factors(source, layouts["five_factors"], candidates["five_factors"], months)
        if five is not None:
            loaded.append(five)
            published = _joined(published, _published(five))
        factors = tuple(table.table for table in loaded[2:])
        profile, doubt = judged(evidence_of(crsp.table, compustat.table, factors, source.tables))
        warnings = [*source.warnings, *([doubt] if doubt else [])]
        warnings += [warning for table in loaded for warning in table.warnings]
        return Store(
            stocks=stocks,
            variables=variables,
            accounts=accounts,
            published=published,
            report={
                "source": source.name,
                "edition": f"{source.kind}, months in '{crsp.names['month']}' as {crsp.dates_as}",
                "profile": profile,
                "counts": {table.table: _base_counts(table) for table in loaded},
                "first_month": str(dates(stocks.month.min())),
                "last_month": str(dates(stocks.month.max())),
                "warnings": warnings,
            },
        )


# --- which tables are read ---------------------------------------------------------------------


def _candidates(
    source: Source, layouts: Mapping[str, Layout], chosen: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return the tables that may be each part of the store, in order of preference."""
    found = {part: layout.present_in(source.tables) for part, layout in layouts.items()}
    needed = [part for part in layouts if part != "five_factors" or part in chosen]
    missing = [part for part in needed if not found[part]]
    for part in missing:
        for name in layouts[part].present_in(source.unreadable):
            raise DataError(f"{source.name}: cannot read {name}: {source.unreadable[name]}")
    if missing:
        wanted = "; ".join(" or ".join(reversed(layouts[part].tables)) for part in missing)
        present = ", ".join(source.tables) or "none"
        raise DataError(
            f"{source.name}: there is no table {wanted} (tables present: {present}); "
            "choose a store that has them, write them into this one, or name them under tables"
        )
    return found


def _loaded(
    source: Source,
    layout: Layout,
    names: Sequence[str],
    coerce: bool,
    covered: Callable[[Loaded], int],
) -> Loaded:
    """Load the candidate that covers most; of those that cover as much, the first one."""
    if len(names) == 1:
        return load(source, names[0], layout, coerce)
    found: list[Loaded] = []
    faults: list[DataError] = []
    for name in names:
        try:
            found.append(load(source, name, layout, coerce))
        except DataError as error:
            faults.append(error)
    if not found:
        raise faults[0]
    best = max(found, key=covered)  # the first of equals
    covers = ", ".join(f"{table.table} {covered(table)}" for table in found)
    unreadable = [str(fault).removeprefix(f"{source.name}: ") for fault in faults]
    best.warnings.append(
        f"{' and '.join(names)} may be the same table, {best.table} is read (months or years of "
        f"the stocks that each covers: {covers}); tidy.tables chooses another"
        + "".join(f"; {fault}" for fault in unreadable)
    )
    return best


def _rows(table: Loaded) -> int:
    return table.stored_rows


def _months_in(months: Array) -> Callable[[Loaded], int]:
    return lambda table: len(np.intersect1d(months, table.months("month")))


def _years_in(months: Array) -> Callable[[Loaded], int]:
    years = np.unique(year_of(months))

    def covered(table: Loaded) -> int:
        day = table.days("datadate")[~np.isnan(table.amounts["be"])]
        return len(np.intersect1d(years, year_of(day.astype("datetime64[M]").astype(np.int64))))

    return covered


def _five_factors(
    source: Source, layout: Layout, names: Sequence[str], months: Array
) -> Loaded | None:
    """Return the five-factor table, None if there is none that can be used."""
    if not names:
        return None
    try:
        loaded = _loaded(source, layout, names, True, _months_in(months))
        _published(replace(loaded, warnings=[]))
    except DataError as error:
        fault = str(error).removeprefix(f"{source.name}: ")
        source.warnings.append(f"the published five factors are left out: {fault}")
        return None
    return loaded


def _base_counts(table: Loaded) -> dict[str, Any]:
    """Return rows and missing values of the columns that a replication reads."""
    counts = table.counts
    extra = {table.names.get(name) for name in (*STOCK_VARIABLES, "indfmt")}
    missing = {name: count for name, count in counts["missing"].items() if name not in extra}
    return {"rows": counts["rows"], "missing": missing}


# --- stocks ------------------------------------------------------------------------------------


def _stocks(crsp: Loaded) -> tuple[Stocks, dict[str, Array]]:
    """Return the stocks, and their optional columns row for row."""
    permno, month = crsp.whole_numbers("permno"), crsp.months("month")
    _warn_of_days(crsp)
    returns, size = crsp.amounts["ret_excess"], crsp.amounts["mktcap"]
    _require_returns(crsp)
    lagged = crsp.amounts.get("mktcap_lag")
    stocks = Stocks(
        permno=permno,
        gvkey=crsp.gvkey(),
        month=month,
        ret_excess=returns,
        mktcap=size,
        mktcap_lag=np.full(len(size), np.nan) if lagged is None else lagged,
        exchange=crsp.exchange(),
    )
    known = {*LAYOUTS["stocks"].required, "mktcap_lag"}
    variables = {name: v for name, v in crsp.amounts.items() if name not in known}
    if "permco" in variables:
        variables["permco"] = crsp.without_large("permco")
    rows = crsp.one_row_per_key(
        [permno, month],
        [
            *(stocks.gvkey.code, stocks.exchange.code),
            *(stocks.ret_excess, stocks.mktcap, stocks.mktcap_lag),
        ],
        lambda row: f"permno {permno[row]} month {dates(month[row])}",
    )
    stocks = stocks[rows]
    no_value = stocks.mktcap <= 0
    if no_value.any():
        crsp.warn("mktcap", f"{no_value.sum()} values are not positive and count as missing")
        stocks = replace(stocks, mktcap=np.where(no_value, np.nan, stocks.mktcap))
    before = _month_before(stocks)
    if lagged is None:
        stocks = replace(stocks, mktcap_lag=before)
        crsp.warn("mktcap_lag", "not stored, computed from mktcap of the calendar month before")
    else:
        _compare_lags(crsp, stocks.mktcap_lag, before)
    return stocks, {name: values[rows] for name, values in variables.items()}


def _require_returns(crsp: Loaded) -> None:
    """Refuse returns that cannot be, and note those that are odd."""
    name, returns = crsp.names["ret_excess"], crsp.amounts["ret_excess"]
    median = np.nanmedian(np.abs(returns))
    if median > _PERCENT_OF_STOCKS:
        raise crsp.error(
            name, f"the median size is {median:.2g} a month, it is in percent", "divide by 100"
        )
    impossible = np.flatnonzero(returns < _LEAST_RETURN)
    if len(impossible):
        raise crsp.error(
            name,
            f"{len(impossible)} returns lie below -200% and are no codes of CRSP, the first: "
            f"{', '.join(f'{returns[row]:.6g}' for row in impossible[:3])}",
            "correct them or make them NULL",
        )
    lost_all, large = int(np.sum(returns < -1)), int(np.sum(returns > _LARGE_RETURN))
    if lost_all:
        crsp.warn(name, f"{lost_all} returns lie below -1 and were kept")
    if large:
        crsp.warn(name, f"{large} returns lie above {_LARGE_RETURN:g} and were kept")


def _warn_of_days(table: Loaded) -> None:
    """Note dates of which some begin and others end a month: they look moved by a day."""
    days = table.amounts["month"].astype(np.int64)
    counts = np.bincount(days - days.min())
    different = (days.min() + np.flatnonzero(counts)).astype("datetime64[D]")
    first = different.astype("datetime64[M]").astype("datetime64[D]")
    day, weight = (different - first).astype(int) + 1, counts[counts > 0] / len(days)
    early, late = _DAYS_APART
    shares = float(weight[day < early].sum()), float(weight[day > late].sum())
    if min(shares) > _APART_SHARE:
        table.warn(
            table.names["month"],
            f"{shares[0]:.0%} of the dates lie at the beginning of a month and {shares[1]:.0%} at "
            "the end, they look shifted by a day",
        )


def _month_before(stocks: Stocks) -> Array:
    """Return the market equity of the calendar month before, NaN for none, shape (n,)."""
    if not len(stocks.month):
        return np.empty(0)
    same = (stocks.permno[1:] == stocks.permno[:-1]) & (np.diff(stocks.month) == 1)
    return np.concatenate([[np.nan], np.where(same, stocks.mktcap[:-1], np.nan)])


def _compare_lags(crsp: Loaded, stored: Array, before: Array) -> None:
    both = (stored > 0) & (before > 0)
    differ = both & ~np.isclose(stored, before, rtol=_LAG_DIFFERS)
    if differ.sum() > _LAG_SHARE * both.sum():
        crsp.warn(
            crsp.names["mktcap_lag"],
            f"{differ.sum()} of {both.sum()} values are not mktcap of the calendar month before",
        )


# --- accounts ----------------------------------------------------------------------------------


def _accounts(compustat: Loaded) -> Accounts:
    """Return the accounts; of several rows of a day the one that has book equity."""
    _warn_of_first_days(compustat)
    compustat = _one_format(compustat)
    gvkey, datadate = compustat.gvkey(), compustat.days("datadate")
    keys = LAYOUTS["accounts"].keys
    items = {name: v for name, v in compustat.amounts.items() if name not in keys}
    rows = compustat.one_row_per_key(
        [gvkey.code, datadate],
        list(items.values()),
        lambda row: f"gvkey {gvkey.names[gvkey.code[row]]} datadate {datadate[row]}",
    )
    return Accounts(gvkey, datadate, items)[rows]


def _warn_of_first_days(compustat: Loaded) -> None:
    """Note fiscal years that end on the first day of a month: a day earlier is another year."""
    day = compustat.days("datadate")
    first = day == day.astype("datetime64[M]").astype("datetime64[D]")
    if first.mean() > _FIRST_OF_MONTH:
        compustat.warn(
            compustat.names["datadate"],
            f"{first.mean():.0%} of the fiscal years end on the first day of a month, they look "
            "shifted by a day; one that ends on 1 January counts for the year it begins",
        )


def _one_format(compustat: Loaded) -> Loaded:
    """Return the rows without those that lack book equity beside one of the day that has it.

    Compustat keeps industrial (INDL) and financial (FS) formats of one account; of two rows with
    book equity the industrial one stays.
    """
    gvkey, day = compustat.gvkey(), compustat.days("datadate").astype(np.int64)
    key = gvkey.code.astype(np.int64) * 1_000_000 + day
    _, group, rows = np.unique(key, return_inverse=True, return_counts=True)
    if rows.max(initial=1) == 1:
        return compustat
    has = ~np.isnan(compustat.amounts["be"])
    keep = has | (np.bincount(group, weights=has)[group] == 0)
    if "indfmt" in compustat.labels:
        formats = next(iter(compustat.labels["indfmt"].values())).to_pylist()
        industrial = np.array([str(f).strip().upper() == "INDL" for f in formats]) & keep
        keep &= industrial | (np.bincount(group, weights=industrial)[group] == 0)
    dropped = int(np.sum(~keep))
    if not dropped:
        return compustat
    compustat.warn(
        "gvkey and datadate",
        f"{dropped} rows were passed over for another of the same company and day: the one with "
        "be, or the industrial format",
    )
    return compustat.rows(keep)


# --- published factors -------------------------------------------------------------------------


def _published(found: Loaded) -> dict[str, Array]:
    """Return published factors by month; an optional one at fault is left out."""
    month = found.months("month")
    _warn_of_days(found)
    factors = {}
    for wanted in ("rmw", "cma"):
        if wanted in found.layout.optional and wanted not in found.amounts:
            found.warn(wanted, "there is no such column, or it is empty; the factor is left out")
    for name, values in found.amounts.items():
        if name == "month":
            continue
        try:
            factors[name] = _factor(found, name, values)
        except DataError as error:
            if name in found.layout.required:
                raise
            found.warnings.append(f"{str(error).removeprefix(f'{found.store}: ')}; it is left out")
    if not factors:
        raise found.error("month", "there is no factor beside it", "add smb, hml, rmw and cma")
    columns = list(factors.values())
    rows = found.one_row_per_key([month], columns, lambda row: f"month {dates(month[row])}")
    return {"month": dates(month[rows])} | {name: f[rows] for name, f in factors.items()}


def _factor(found: Loaded, name: str, values: Array) -> Array:
    """Return one factor without codes of missing values, in decimals."""
    codes = french_codes(values)
    known = np.where(codes, np.nan, values)
    if np.isnan(known).all():
        raise found.error(found.names[name], "the column has no values", "fill it")
    median = np.nanmedian(np.abs(known))
    if median > _PERCENT:
        raise found.error(
            found.names[name],
            f"the median size is {median:.2g} a month, it is in percent",
            "divide by 100",
        )
    impossible = np.flatnonzero(np.abs(known) >= _IMPOSSIBLE_FACTOR)
    if len(impossible):
        raise found.error(
            found.names[name],
            f"{len(impossible)} values are no return of a month, the first: "
            f"{known[impossible[0]]:.6g}",
            "correct them or make them NULL",
        )
    if codes.any():
        named = ", ".join(f"{code:g}" for code in sorted(set(values[codes])))
        found.warn(
            found.names[name],
            f"{codes.sum()} values are French's codes for a missing return ({named}) and count as "
            "missing",
        )
    return known


def _joined(three: Mapping[str, Array], five: Mapping[str, Array]) -> dict[str, Array]:
    """Return both models by month, missing factors as NaN."""
    month = np.union1d(three["month"], five["month"])
    joined = {"month": month}
    for factors, suffix in ((three, ""), (five, "_ff5")):
        rows = np.searchsorted(month, factors["month"])
        for name, values in factors.items():
            if name != "month":
                ending = suffix if name in ("smb", "hml") else ""
                if f"{name}{ending}" in joined:
                    continue
                joined[f"{name}{ending}"] = np.full(len(month), np.nan)
                joined[f"{name}{ending}"][rows] = values
    return joined
