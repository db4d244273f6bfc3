"""Market equity: lags by the calendar, sums over the securities of a company."""

from dataclasses import replace as changed

import numpy as np
import pandas as pd
import pytest
from wild_store import CRSP, evaluated, execute

from truepremia.errors import DataError
from truepremia.tidy.formations import holdings
from truepremia.tidy.profiles import Options
from truepremia.tidy.reading import read_store
from truepremia.tidy.tables import read_variables, write_variables

# --- 18, 19: market equity ---------------------------------------------------------------------


@pytest.mark.parametrize("how", ["absent", "empty"])
def test_lagged_market_equity_is_computed_by_the_calendar(file, how):
    if how == "absent":
        execute(file, "ALTER TABLE crsp_monthly DROP COLUMN mktcap_lag")
    else:
        execute(file, f"{CRSP} mktcap_lag = NULL")
    store = read_store(str(file))
    value = {
        (p, m): v
        for p, m, v in zip(
            store.stocks.permno, store.stocks.month, store.stocks.mktcap, strict=True
        )
    }
    wanted = [
        value.get((p, m - 1), np.nan)
        for p, m in zip(store.stocks.permno, store.stocks.month, strict=True)
    ]
    np.testing.assert_array_equal(store.stocks.mktcap_lag, wanted)
    gaps = np.diff(store.stocks.month) > 1
    assert gaps[np.diff(store.stocks.permno) == 0].any()
    assert any("mktcap_lag: not stored" in w for w in store.report["warnings"])


def test_lags_by_row_are_noted(file):
    execute(file, f"{CRSP} mktcap_lag = 2 * mktcap_lag")
    assert "values are not mktcap of the calendar month before" in evaluated(file)[1]


def test_market_equity_by_company_sums_its_securities(file, tmp_path):
    execute(
        file, "ALTER TABLE crsp_monthly ADD COLUMN permco", f"{CRSP} permco = (permno - 10000) / 2"
    )
    store = read_store(str(file))
    write_variables(tmp_path / "v.parquet", "mine", store.stocks, store.variables)
    company = read_variables(tmp_path / "v.parquet", "mine")["permco"]
    options = Options("book2026", market_equity="company")
    by_company = holdings(store.stocks, store.accounts, options, company).formations
    alone = holdings(store.stocks, store.accounts, Options("book2026")).formations
    s = pd.DataFrame({"permno": store.stocks.permno, "month": store.stocks.month})
    s["me"], s["co"] = store.stocks.mktcap, company
    total = s.groupby(["month", "co"])["me"].transform("sum")
    largest = s.groupby(["month", "co"])["me"].transform("max") == s["me"]
    np.testing.assert_allclose(by_company.variables["me"], total[by_company.row], rtol=1e-14)
    np.testing.assert_array_equal(by_company.counted, largest[by_company.row])
    np.testing.assert_array_equal(by_company.row, alone.row)
    ratio = by_company.variables["bm"] / alone.variables["bm"]
    assert (ratio <= 1).all()
    assert (ratio < 1).any()
    assert by_company.nyse.sum() < alone.nyse.sum()


def test_market_equity_by_company_needs_companies(file):
    store = read_store(str(file))
    options = changed(Options("book2026"), market_equity="company")
    with pytest.raises(DataError, match="permco"):
        holdings(store.stocks, store.accounts, options)
