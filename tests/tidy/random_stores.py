"""Small random Tidy-Finance stores, in every edition."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

EPOCH = pd.Timestamp("1970-01-01")
EDITIONS = ("r2023", "python2023", "r2024", "python2024", "parquet2026")


@dataclass(frozen=True)
class Frames:
    """A store as frames: crsp and published by ``month``, accounts by ``datadate``."""

    crsp: pd.DataFrame
    accounts: pd.DataFrame
    published: pd.DataFrame

    def shuffled(self, seed: int) -> "Frames":
        return Frames(*(f.sample(frac=1, random_state=seed) for f in self._all()))

    def doubled(self, seed: int) -> "Frames":
        """Some rows a second time, exactly."""
        return Frames(*(pd.concat([f, f.sample(frac=0.2, random_state=seed)]) for f in self._all()))

    def _all(self) -> tuple[pd.DataFrame, ...]:
        return self.crsp, self.accounts, self.published


def random_frames(
    seed: int,
    stocks: int = 120,
    years: int = 3,
    missing: float = 0.02,
    negative_equity: bool = True,
    rounded: bool = False,
) -> Frames:
    """Return a store with entries, exits, gaps, missing values and companies with two stocks.

    ``rounded`` makes ties with breakpoints frequent.
    """
    rng = np.random.default_rng(seed)
    months = pd.date_range("1980-01-01", periods=12 * years + 8, freq="MS")
    companies = rng.permutation(np.arange(1000, 1000 + stocks))
    rows, book = [], []
    for i in range(stocks):
        first, last = sorted(rng.integers(0, len(months), 2)) if i % 3 else (0, len(months) - 1)
        company = f"{companies[i - 1 if i % 11 == 10 else i]:06d}"
        home = rng.choice(["NYSE", "NYSE", "NASDAQ", "AMEX", "Other"])
        value = np.exp(rng.normal(5, 1.5) + np.cumsum(rng.normal(0, 0.1, len(months) + 1)))
        if rounded:
            value = np.maximum(np.round(value / 50), 1) * 50.0
        ret = rng.normal(0.01, 0.1, len(months))
        for m in range(first, last + 1):
            if rng.random() < 0.03:
                continue
            moved = rng.choice(["NYSE", "NASDAQ"]) if rng.random() < 0.01 else home
            cells = [ret[m], value[m + 1], value[m]]
            cells = [None if rng.random() < missing else float(c) for c in cells]
            link = None if rng.random() < missing else company
            rows.append([10_000 + i, months[m], link, *cells, moved])
        if i % 11 == 10:
            continue
        for year in range(1979, 1980 + years + 1):
            if rng.random() < 0.1:
                continue
            end = pd.Timestamp(year, int(rng.choice([6, 12, 12, 12])), 1) + pd.offsets.MonthEnd(0)
            be = float(np.exp(rng.normal(4.5, 1.5)))
            if rounded:
                be = max(round(be / 40), 1) * 40.0
            if negative_equity and rng.random() < 0.04:
                be = -be
            be_or_none = None if rng.random() < missing else be
            op = None if rng.random() < 0.1 else float(rng.normal(0.3, 0.3))
            inv = None if rng.random() < 0.1 else float(rng.normal(0.1, 0.2))
            book.append([company, end, be_or_none, op, inv])
    columns = ["permno", "month", "gvkey", "ret_excess", "mktcap", "mktcap_lag", "exchange"]
    crsp = pd.DataFrame(rows, columns=columns).astype({"gvkey": object, "exchange": object})
    accounts = pd.DataFrame(book, columns=["gvkey", "datadate", "be", "op", "inv"])
    factors = rng.normal(0, 0.03, (len(months), 6))
    names = ["mkt_excess", "smb", "hml", "rf", "rmw", "cma"]
    published = pd.DataFrame(factors.round(4), columns=names).assign(month=months)
    return Frames(crsp, accounts.astype({"gvkey": object}), published)


def write(frames: Frames, edition: str, path: Path) -> "str | list[str]":
    """Write a store into the folder ``path`` and return what ``read_store`` is given."""
    path.mkdir(parents=True, exist_ok=True)
    crsp, accounts, published = frames.crsp.copy(), frames.accounts.copy(), frames.published.copy()
    three = published.drop(columns=["rmw", "cma"])
    five = published.drop(columns=["rf"])
    tables = {"crsp_monthly": crsp, "factors_ff5_monthly": five}
    tables["compustat_annual" if edition == "parquet2026" else "compustat"] = accounts
    tables["factors_ff_monthly" if edition == "r2023" else "factors_ff3_monthly"] = three
    if edition == "r2023":
        del tables["factors_ff5_monthly"]
        crsp.insert(1, "date", crsp["month"] + pd.offsets.MonthEnd(0))
    elif edition == "python2023":
        accounts["gvkey"] = accounts["gvkey"].astype(int)
        crsp["gvkey"] = crsp["gvkey"].astype(float)
        crsp.insert(1, "date", crsp["month"] + pd.offsets.MonthEnd(0))
    else:
        tables = {n: t.rename(columns={"month": "date"}) for n, t in tables.items()}
    if edition == "parquet2026":
        tables = {n: t.rename(columns={"rf": "risk_free"}) for n, t in tables.items()}
        return [_write_parquet(t, path / f"{n}.parquet") for n, t in tables.items()]
    file = path / "tidy_finance.sqlite"
    with sqlite3.connect(file) as connection:
        for name, table in tables.items():
            _write_sqlite(connection, name, table, days=edition.startswith("r"))
    connection.close()
    return str(file)


def _write_parquet(table: pd.DataFrame, file: Path) -> str:
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    for i, field in enumerate(arrow.schema):
        if pa.types.is_timestamp(field.type):
            arrow = arrow.set_column(i, field.name, arrow[field.name].cast(pa.date32()))
    pq.write_table(arrow, file)
    return str(file)


def _write_sqlite(
    connection: sqlite3.Connection, name: str, table: pd.DataFrame, days: bool
) -> None:
    """Write a table without declared types, or with R's DATE for dates in days."""
    declared, columns = [], []
    for column in table:
        values = table[column]
        kind = ""
        if pd.api.types.is_datetime64_any_dtype(values):
            kind = "DATE" if days else "TIMESTAMP"
            values = (
                (values - EPOCH).dt.days.astype(float)
                if days
                else values.dt.strftime("%Y-%m-%d %H:%M:%S")
            )
        declared.append(f'"{column}" {kind}')
        columns.append([None if v is None or v != v else v for v in values.tolist()])
    connection.execute(f'CREATE TABLE "{name}" ({", ".join(declared)})')
    marks = ", ".join("?" * len(columns))
    rows = list(zip(*columns, strict=True))
    connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)
