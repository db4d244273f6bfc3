"""Measure the replication on a store of CRSP's size against the literal pandas operations.

    python benchmarks/tidy_replication.py                 3.2 million stock months
    python benchmarks/tidy_replication.py --stocks 3000   a smaller store

Each part runs in a process of its own on the same synthetic store. Seconds are of CPU time, which
other programs on the machine change least. Polars and DuckDB do the same operations, on one thread,
and connectorx reads the same columns, if they are installed: they belong to this benchmark's
environment only (pip install polars duckdb connectorx).
"""

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "tidy")]

FIRST_MONTH, MONTHS = np.datetime64("1960-01"), 744
PARTS_MEASURED = {
    "columns": "read the columns of the SQLite store",
    "adbc": "the same columns by ADBC alone",
    "connectorx": "the same columns by connectorx",
    "read": "read the SQLite store and write its tables",
    "reread": "read the tables again",
    "ours": "sorting and three factors",
    "everything": "all that replicate_factors computes",
    "literal": "the literal operations of the three factors",
    "polars": "the same operations in polars",
    "duckdb": "the same operations in DuckDB",
}
PARTS = ("make", *PARTS_MEASURED)
ELSEWHERE = ("polars", "duckdb")
READERS = ("adbc", "connectorx")
COLUMNS = {
    "crsp_monthly": ["permno", "month", "ret_excess", "mktcap", "mktcap_lag", "exchange", "gvkey"],
    "compustat": ["gvkey", "datadate", "be", "op", "inv"],
}
TEXTS = {"exchange": "TEXT", "gvkey": "TEXT"}
TARGET_RATIO, TARGET_MB, TARGET_SECONDS = 15, 3000, 5


def main() -> None:
    """Print the measurements, one process for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stocks", type=int, default=24_000, help="stocks of the store")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        run_part(arguments.part, arguments.folder, arguments.stocks)
        return
    absent = [name for name in (*ELSEWHERE, "connectorx") if importlib.util.find_spec(name) is None]
    for name in absent:
        print(f"{name} is not installed and is left out: pip install {name}")
    parts = [part for part in PARTS if part not in absent]
    with tempfile.TemporaryDirectory() as folder:
        found = {part: measured(part, Path(folder), arguments.stocks) for part in parts}
    print(f"{found['make']['rows']:,} stock months")
    print(f"{'part':46s} {'seconds':>8s} {'peak MB':>8s}")
    for part, said in PARTS_MEASURED.items():
        if part in absent:
            continue
        print(f"{said:46s} {found[part]['seconds']:8.2f} {found[part]['peak']:8.0f}")
    ratio = found["literal"]["seconds"] / found["ours"]["seconds"]
    others = ("literal", *ELSEWHERE)
    foreign = ("make", *others, *READERS)
    peak = max(found[part]["peak"] for part in parts if part not in foreign)
    print(
        f"ratio {ratio:.1f} (target {TARGET_RATIO}), peak {peak:.0f} MB (target {TARGET_MB}), ",
        end="",
    )
    print(f"re-read {found['reread']['seconds']:.1f} s (target {TARGET_SECONDS})")
    for part in [part for part in others if part in found]:
        times = found[part]["seconds"] / found["ours"]["seconds"]
        difference = found[part]["difference"]
        print(f"{part}: {times:.1f} times as long, largest difference {difference:.1e}")
    for part in [part for part in READERS if part in found]:
        times = found[part]["seconds"] / found["columns"]["seconds"]
        print(f"{part}: {times:.2f} times as long to read the columns")


def measured(part: str, folder: Path, stocks: int) -> dict:
    """Run a part in a process of its own and return what it printed, with its peak memory."""
    command = [sys.executable, __file__, "--part", part, "--folder", str(folder)]
    command += ["--stocks", str(stocks)]
    output = folder / f"{part}.json"
    where = (os.POSIX_SPAWN_OPEN, 1, str(output), os.O_WRONLY | os.O_CREAT, 0o600)
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    child = os.posix_spawn(sys.executable, command, environment, file_actions=[where])
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(f"{part} failed")
    return json.loads(output.read_text()) | {"peak": usage.ru_maxrss / 1024}


def run_part(part: str, folder: Path, stocks: int) -> None:
    """Do one part and print its seconds as JSON."""
    readers = (columns, by_adbc, by_connectorx, read, reread)
    functions = (make, *readers, ours, everything, literal, in_polars, in_duckdb)
    print(json.dumps(dict(zip(PARTS, functions, strict=True))[part](folder, stocks)))


def make(folder: Path, stocks: int) -> dict:
    """Write a SQLite store in which a stock lives eleven years on average."""
    import sqlite3

    rng = np.random.default_rng(0)
    life = np.minimum(rng.geometric(1 / 140, stocks) + 6, MONTHS)
    born = (rng.random(stocks) * (MONTHS - life + 1)).astype(int)
    rows = int(life.sum())
    stock = np.repeat(np.arange(stocks), life)
    month = np.arange(rows) - np.repeat(np.cumsum(life) - life, life) + born[stock]
    ret = rng.normal(0.01, 0.12, rows)
    value = np.exp(rng.normal(5, 2, stocks)[stock] + rng.normal(0, 0.3, rows))
    lagged = np.where(np.diff(stock, prepend=-1), np.nan, np.roll(value, 1))
    exchange = np.array(["NYSE", "NASDAQ", "AMEX"])[rng.choice(3, stocks, p=[0.35, 0.55, 0.1])]
    day = (FIRST_MONTH + month).astype("datetime64[D]").astype(float)
    nulls = [None if x != x else x for x in lagged.tolist()]
    linked = [f"{i:06d}" if i % 8 else None for i in range(stocks)]
    labels = exchange[stock].tolist()
    columns = [(stock + 10_000.0).tolist(), day.tolist(), ret.tolist(), value.tolist(), nulls]
    columns += [labels, [linked[i] for i in stock]]
    connection = sqlite3.connect(folder / "store.sqlite")
    declared = dict.fromkeys(COLUMNS["crsp_monthly"], "REAL") | TEXTS
    names = ", ".join(f"{name} {declared[name]}" for name in COLUMNS["crsp_monthly"])
    connection.execute(f"CREATE TABLE crsp_monthly ({names})")
    marks = ", ".join("?" * 7)
    connection.executemany(f"INSERT INTO crsp_monthly VALUES ({marks})", zip(*columns, strict=True))
    years = np.arange(1959, 2022)
    ends = (years - 1969).astype("datetime64[Y]").astype("datetime64[D]").astype(float) - 1
    accounts = [
        (f"{i:06d}", end, float(be), float(op), float(inv))
        for i in range(stocks)
        for end, be, op, inv in zip(
            ends[max(born[i] // 12 - 1, 0) : (born[i] + life[i]) // 12 + 2],
            *np.exp(rng.normal(4, 2, (1, 63))),
            *rng.normal(0.2, 0.3, (2, 63)),
            strict=False,
        )
    ]
    numbers = "datadate REAL, be REAL, op REAL, inv REAL"
    connection.execute(f"CREATE TABLE compustat (gvkey TEXT, {numbers})")
    connection.executemany("INSERT INTO compustat VALUES (?, ?, ?, ?, ?)", accounts)
    factors = rng.normal(0, 0.03, (MONTHS, 2)).round(4).tolist()
    days = (FIRST_MONTH + np.arange(MONTHS)).astype("datetime64[D]").astype(float).tolist()
    connection.execute("CREATE TABLE factors_ff_monthly (month, smb, hml)")
    connection.executemany(
        "INSERT INTO factors_ff_monthly VALUES (?, ?, ?)",
        [(d, *f) for d, f in zip(days, factors, strict=True)],
    )
    connection.commit()
    connection.close()
    return {"rows": rows}


def columns(folder: Path, _stocks: int) -> dict:
    """Read the columns of the SQLite store as the track does, before it checks them."""
    from truepremia.tidy.sources import opened

    with opened(str(folder / "store.sqlite"), 60, tuple(COLUMNS)) as source:
        started = time.process_time()
        found = [source.read(table, names) for table, names in COLUMNS.items()]
        seconds = time.process_time() - started
    return {"seconds": seconds, "rows": [len(table) for table in found]}


def by_adbc(folder: Path, _stocks: int) -> dict:
    """Read the same columns with nothing but the driver."""
    from adbc_driver_sqlite import dbapi

    with dbapi.connect(f"{(folder / 'store.sqlite').as_uri()}?mode=ro") as connection:
        started = time.process_time()
        found = []
        for query in queries():
            with connection.cursor() as cursor:
                cursor.execute(query)
                found.append(cursor.fetch_arrow_table())
        seconds = time.process_time() - started
    return {"seconds": seconds, "rows": [len(table) for table in found]}


def by_connectorx(folder: Path, _stocks: int) -> dict:
    """Read the same columns with connectorx, on one connection."""
    import connectorx

    started = time.process_time()
    store = f"sqlite://{folder / 'store.sqlite'}"
    found = [connectorx.read_sql(store, query, return_type="arrow") for query in queries()]
    seconds = time.process_time() - started
    return {"seconds": seconds, "rows": [len(table) for table in found]}


def queries() -> list[str]:
    """Return what the two readers are asked for."""
    return [f"SELECT {', '.join(names)} FROM {table}" for table, names in COLUMNS.items()]


def read(folder: Path, _stocks: int) -> dict:
    """Read the SQLite store and write its tables."""
    from truepremia.tidy.reading import read_store
    from truepremia.tidy.tables import write_accounts, write_stocks

    started = time.process_time()
    store = read_store(str(folder / "store.sqlite"))
    write_stocks(folder / "stocks.parquet", "mine", store.stocks)
    write_accounts(folder / "accounts.parquet", "mine", store.accounts)
    return {"seconds": time.process_time() - started}


def reread(folder: Path, _stocks: int) -> dict:
    """Read the tables of the store."""
    from truepremia.tidy.tables import read_accounts, read_stocks

    started = time.process_time()
    read_stocks(folder / "stocks.parquet", "mine")
    read_accounts(folder / "accounts.parquet", "mine")
    return {"seconds": time.process_time() - started}


def ours(folder: Path, _stocks: int) -> dict:
    """Sort the stocks and compute the three factors."""
    from truepremia.tidy.formations import holdings
    from truepremia.tidy.profiles import Options
    from truepremia.tidy.replication import THREE_FACTORS, model_factors
    from truepremia.tidy.tables import read_accounts, read_stocks

    stocks = read_stocks(folder / "stocks.parquet", "mine")
    accounts = read_accounts(folder / "accounts.parquet", "mine")
    started = time.process_time()
    held = holdings(stocks, accounts, Options("seed2023"))
    found = model_factors(held, THREE_FACTORS, np.ones(len(held.formations), dtype=bool))
    seconds = time.process_time() - started
    np.savez(folder / "ours.npz", month=found.months, **found.factors)
    return {"seconds": seconds}


def everything(folder: Path, _stocks: int) -> dict:
    """Compute both models, the market and the 25 portfolios."""
    from truepremia.tidy.profiles import Options
    from truepremia.tidy.replication import replicate
    from truepremia.tidy.tables import read_accounts, read_stocks

    stocks = read_stocks(folder / "stocks.parquet", "mine")
    accounts = read_accounts(folder / "accounts.parquet", "mine")
    started = time.process_time()
    replicate(stocks, accounts, Options("seed2023"))
    return {"seconds": time.process_time() - started}


def literal(folder: Path, _stocks: int) -> dict:
    """Run the chapter's operations on the same tables as frames."""
    import literal_chapters

    def frame(name: str, dates: str):
        table = pq.read_table(folder / f"{name}.parquet")
        position = table.column_names.index(dates)
        table = table.set_column(position, dates, pc.cast(table[dates], pa.timestamp("s")))
        return table.to_pandas()

    crsp, accounts = frame("stocks", "month"), frame("accounts", "datadate")
    started = time.process_time()
    found = literal_chapters.seed2023(crsp, accounts).factors
    seconds = time.process_time() - started
    month = found.index.to_numpy().astype("datetime64[M]").astype(int)
    return {"seconds": seconds, "difference": differences(folder, month, found)}


def differences(folder: Path, month: np.ndarray, found) -> float:
    """Return the largest difference of a factor from ours, for equal months."""
    ours = np.load(folder / "ours.npz")
    assert (ours["month"] == month).all()
    return max(float(np.abs(ours[name] - found[name]).max()) for name in ("smb", "hml"))


def in_polars(folder: Path, _stocks: int) -> dict:
    """Sort the stocks and compute the three factors in polars."""
    import polars as pl

    stocks = pl.read_parquet(folder / "stocks.parquet")
    accounts = pl.read_parquet(folder / "accounts.parquet")
    started = time.process_time()
    month, year = pl.col("month").dt.month(), pl.col("month").dt.year()
    data = stocks.drop_nulls().fill_nan(None).drop_nulls()
    june = data.filter(month == 6).select("permno", year.alias("y"), me="mktcap")
    december = data.filter(month == 12)
    december = december.select("permno", "gvkey", (year + 1).alias("y"), me_december="mktcap")
    listed = data.filter(month == 7).select("permno", "exchange", year.alias("y"))
    be = accounts.fill_nan(None).drop_nulls("be").sort("datadate")
    be = be.select("gvkey", "be", (pl.col("datadate").dt.year() + 1).alias("y"))
    be = be.group_by("gvkey", "y").last()
    f = june.join(december, on=["permno", "y"]).join(be, on=["gvkey", "y"])
    f = f.join(listed, on=["permno", "y"]).with_columns(bm=pl.col("be") / pl.col("me_december"))
    nyse = f.filter(pl.col("exchange") == "NYSE").group_by("y")
    edges = nyse.agg(
        pl.col("me").quantile(0.5, "linear").alias("half"),
        pl.col("bm").quantile(0.3, "linear").alias("low"),
        pl.col("bm").quantile(0.7, "linear").alias("high"),
    )
    f = f.join(edges, on="y").select(
        *("permno", "y"),
        size=(pl.col("me") > pl.col("half")).cast(pl.Int8),
        value=(pl.col("bm") > pl.col("low")).cast(pl.Int8) + (pl.col("bm") > pl.col("high")),
    )
    held = data.with_columns((year - (month <= 6).cast(pl.Int32)).alias("y"))
    held = held.join(f, on=["permno", "y"])
    weighted = (pl.col("ret_excess") * pl.col("mktcap_lag")).sum() / pl.col("mktcap_lag").sum()
    six = held.group_by("month", "size", "value").agg(ret=weighted).group_by("month")

    def mean(name: str, portfolio: int) -> pl.Expr:
        return pl.col("ret").filter(pl.col(name) == portfolio).mean()

    found = six.agg(
        smb=mean("size", 0) - mean("size", 1), hml=mean("value", 2) - mean("value", 0)
    ).sort("month")
    seconds = time.process_time() - started
    month = found["month"].to_numpy().astype("datetime64[M]").astype(int)
    return {"seconds": seconds, "difference": differences(folder, month, found.to_dict())}


DUCKDB = """
WITH data AS (
    SELECT * FROM stocks WHERE gvkey IS NOT NULL AND exchange IS NOT NULL
    AND NOT isnan(ret_excess) AND NOT isnan(mktcap) AND NOT isnan(mktcap_lag)
), june AS (
    SELECT permno, year(month) AS y, mktcap AS me FROM data WHERE month(month) = 6
), december AS (
    SELECT permno, gvkey, year(month) + 1 AS y, mktcap AS me_december FROM data
    WHERE month(month) = 12
), listed AS (
    SELECT permno, exchange, year(month) AS y FROM data WHERE month(month) = 7
), equity AS (
    SELECT gvkey, year(datadate) + 1 AS y, arg_max(be, datadate) AS be FROM accounts
    WHERE NOT isnan(be) GROUP BY ALL
), f AS (
    SELECT permno, y, me, be / me_december AS bm, exchange FROM june JOIN december USING (permno, y)
    JOIN equity USING (gvkey, y) JOIN listed USING (permno, y)
), edges AS (
    SELECT y, quantile_cont(me, 0.5) AS half, quantile_cont(bm, 0.3) AS low,
    quantile_cont(bm, 0.7) AS high FROM f WHERE exchange = 'NYSE' GROUP BY y
), sorted AS (
    SELECT permno, y, (me > half)::INT AS size, (bm > low)::INT + (bm > high)::INT AS value
    FROM f JOIN edges USING (y)
), held AS (
    SELECT *, year(month) - (month(month) <= 6)::INT AS y FROM data
), six AS (
    SELECT month, size, value, sum(ret_excess * mktcap_lag) / sum(mktcap_lag) AS ret
    FROM held JOIN sorted USING (permno, y) GROUP BY ALL
)
SELECT month, avg(ret) FILTER (size = 0) - avg(ret) FILTER (size = 1) AS smb,
avg(ret) FILTER (value = 2) - avg(ret) FILTER (value = 0) AS hml
FROM six GROUP BY month ORDER BY month
"""


def in_duckdb(folder: Path, _stocks: int) -> dict:
    """Sort the stocks and compute the three factors in DuckDB."""
    import duckdb

    with duckdb.connect(config={"threads": 1}) as connection:
        for name in ("stocks", "accounts"):
            connection.execute(f"CREATE TABLE {name} AS FROM '{folder / name}.parquet'")
        started = time.process_time()
        found = connection.execute(DUCKDB).fetchnumpy()
        seconds = time.process_time() - started
    month = found["month"].astype("datetime64[M]").astype(int)
    return {"seconds": seconds, "difference": differences(folder, month, found)}


if __name__ == "__main__":
    main()
