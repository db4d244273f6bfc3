"""A panel of real stocks: read under any of its names, refused in one line."""

import numpy as np
import pandas as pd
import pytest

from truepremia.errors import DataError
from truepremia.files.real_panels import RealPanel


def frame(months=8, firms=5):
    rows = [(m, f) for m in range(months) for f in range(firms)]
    month, firm = np.array(rows).T
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "month": 202401 + month,
            "permno": 10_000 + firm,
            "xret": rng.normal(0.01, 0.1, len(rows)),
            "mve": rng.uniform(1, 9, len(rows)),
            "bm": rng.normal(size=len(rows)),
            "mom": rng.normal(size=len(rows)),
            "name": ["x"] * len(rows),
        }
    )


@pytest.fixture
def read(tmp_path):
    def read(table, window=4):
        path = tmp_path / "panel.parquet"
        table.to_parquet(path)
        return RealPanel.read(path, window)

    return read


def test_every_numeric_column_is_a_characteristic_and_text_is_none(read):
    panel = read(frame())
    assert panel.names == ("bm", "mom")
    months = list(panel.cross_sections())
    assert [m.month for m in months] == list(range(202401, 202409))
    table = frame()
    np.testing.assert_array_equal(months[2].excess_return, table["xret"][10:15])
    np.testing.assert_array_equal(months[2].characteristics, table[["bm", "mom"]][10:15])
    assert np.isnan(months[0].riskfree)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.rename(columns={"permno": "firmid", "xret": "ret_excess", "mve": "mktcap"}),
        lambda t: t.assign(month=pd.to_datetime(t["month"].astype(str), format="%Y%m")),
        lambda t: t.assign(month=t["month"] - 202401),
        lambda t: t.assign(permno="F" + t["permno"].astype(str)),
        lambda t: t.sample(frac=1, random_state=1),
        lambda t: t.assign(bm=t["bm"].astype("Float64")),
    ],
    ids=["other names", "dates", "plain numbers", "text firms", "any order", "nullable"],
)
def test_columns_may_have_other_names_types_and_orders(read, change):
    base = list(read(frame()).cross_sections())
    other = list(read(change(frame())).cross_sections())
    for one, two in zip(base, other, strict=True):
        np.testing.assert_array_equal(one.excess_return, two.excess_return)
        np.testing.assert_array_equal(one.characteristics, two.characteristics)


def test_months_across_years_follow_each_other(read):
    table = frame().assign(month=lambda t: [202310, 202311, 202312, *range(202401, 202406)][0])
    months = np.repeat([202310, 202311, 202312, 202401, 202402, 202403, 202404, 202405], 5)
    panel = read(table.assign(month=months))
    assert panel.months == 8


def test_delisted_new_and_incomplete_stocks_are_not_investable(read):
    table = frame()
    table.loc[3, "bm"] = np.nan
    table.loc[4, "xret"] = np.nan
    table = table.drop(index=[10, 11])
    months = list(read(table).cross_sections())
    assert list(months[0].known.firm) == [10000, 10001, 10002]
    assert list(months[2].known.firm) == [10002, 10003, 10004]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="xret"), "no column for the excess return"),
        (lambda t: t.drop(columns="permno"), "no column for the firm"),
        (lambda t: t.drop(columns=["bm", "mom"]), "no characteristic"),
        (lambda t: t.assign(xret="much"), "column xret holds"),
        (lambda t: pd.concat([t, t.iloc[[7]]]), "1 rows repeat a firm and month"),
        (lambda t: t[t["month"] != 202403], "month 202403 is missing"),
        (lambda t: t[t["month"] < 202405], r"4 months: must be at least window \+ 1 = 5"),
        (lambda t: t.assign(xret=100 * t["xret"]), "divide by 100"),
        (lambda t: t.assign(xret=[-99.0, *t["xret"][1:]]), "codes for missing"),
        (lambda t: t.assign(xret=np.nan), "every excess return is missing"),
        (lambda t: t.assign(month=t["month"] + 0.5), "must hold dates, months yyyymm"),
        (lambda t: t.assign(permno=[None, *t["permno"][1:]]), "permno is missing in 1 rows"),
        (lambda t: t.iloc[:0], "no rows"),
        (lambda t: t.assign(ret_excess=t["xret"]), "xret and ret_excess, both names of the exc"),
        (lambda t: t.assign(mktcap=t["mve"]), "mve and mktcap, both names of the market equity"),
        (lambda t: t.assign(gvkey=t["permno"]), "permno and gvkey, both names of the firm"),
        (lambda t: t.assign(ret=t["xret"] + 0.003), "column ret is the return that is earned"),
        (lambda t: t.assign(short=-t["xret"] / 7), "column short is the return that is earned"),
        (lambda t: t.assign(bm=np.nan), "column bm is missing or infinite for every stock"),
        (lambda t: t.assign(bm=np.inf), "column bm is missing or infinite for every stock"),
        (lambda t: t.assign(mve=-1.0), "no market equity is above zero"),
        (lambda t: t.assign(mve=np.nan), "no market equity is above zero"),
        (
            lambda t: t.assign(
                bm=np.where(t.index % 2, t["bm"], np.nan),
                mom=np.where(t.index % 2, np.nan, t["mom"]),
            ),
            "no row has all characteristics",
        ),
        (lambda t: t.assign(month=t["month"].replace(202404, 202413)), "must end in 01 to 12"),
    ],
)
def test_what_is_wrong_is_one_line_with_the_file(read, change, said):
    with pytest.raises(DataError, match=said) as caught:
        read(change(frame()))
    assert "panel.parquet" in str(caught.value)


def test_another_kind_of_file_is_named(tmp_path):
    (tmp_path / "panel.parquet").write_text("month,xret\n")
    with pytest.raises(DataError, match="not a Parquet file"):
        RealPanel.read(tmp_path / "panel.parquet", 4)
    with pytest.raises(DataError, match="no such file"):
        RealPanel.read(tmp_path / "none.parquet", 4)
